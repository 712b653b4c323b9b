"""Who takes part in a simulation: pure, from a seed.

Seconds everywhere; ``at`` counts from the simulation's begin. Callers come as Poisson's do (each
at a random moment), or all at once; patience is exponential, as is usual in queueing; talks have
a longer tail than they have a head (gamma, shape 2).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

POISSON, BURST = ARRIVALS = ("poisson", "burst")
WITHIN = 10.0  # seconds in which a burst comes
TURNS = 40  # talks that each agent knows; then from the first one again
SHORTEST = 2.0  # seconds of a talk
SILENT = 0.15  # the share of callers who press nothing
FICTION = "019900"  # numbers that are nobody's (ARCEP 2018-0881); four digits follow


@dataclass(frozen=True)
class Wish:
    """What is simulated. ``talk`` and ``patience`` are means, in seconds."""

    callers: int
    agents: int
    seconds: float
    talk: float
    patience: float
    arrival: str = POISSON
    seed: int = 1


@dataclass(frozen=True)
class Caller:
    """Calls at a moment, listens, presses a key (or nothing), gives up after so long a wait."""

    name: str
    number: str
    at: float
    key: str
    listens: float
    patience: float


@dataclass(frozen=True)
class Agent:
    """Picks up after some seconds and talks for some: one of each for each call, in turn."""

    name: str
    queues: tuple[str, ...]
    picks: tuple[float, ...]
    talks: tuple[float, ...]


@dataclass(frozen=True)
class Cast:
    """Everybody, the callers in the order in which they call."""

    callers: Sequence[Caller]
    agents: Sequence[Agent]


def cast(wish: Wish, keys: Sequence[str], menu: float, members: Sequence[tuple[str, ...]]) -> Cast:
    """The people of a simulation; the same wish gives the same people.

    :param keys: of the menu, the most wanted first. :param menu: seconds until its end.
    :param members: the queues of one agent after the other; begun again when there are more.
    """
    chance = Random(wish.seed)
    within = WITHIN if wish.arrival == BURST else wish.seconds
    moments = sorted(chance.uniform(0, min(within, wish.seconds)) for _ in range(wish.callers))
    callers = [_caller(place, at, wish, keys, menu, chance) for place, at in enumerate(moments, 1)]
    agents = [
        Agent(
            f"a{place:03}",
            members[(place - 1) % len(members)],
            tuple(round(chance.uniform(1, 5), 1) for _ in range(TURNS)),
            tuple(_talk(wish.talk, chance) for _ in range(TURNS)),
        )
        for place in range(1, wish.agents + 1)
    ]
    return Cast(callers, agents)


def _caller(
    place: int, at: float, wish: Wish, keys: Sequence[str], menu: float, chance: Random
) -> Caller:
    key = ""
    if keys and chance.random() >= SILENT:
        key = chance.choices(keys, [len(keys) - n for n in range(len(keys))])[0]
    return Caller(
        name=f"c{place}",
        number=f"{FICTION}{place:04}",
        at=at,
        key=key,
        listens=round(chance.uniform(1, max(1.5, menu)), 1),
        patience=chance.expovariate(1 / wish.patience),
    )


def _talk(mean: float, chance: Random) -> float:
    return round(max(SHORTEST, chance.gammavariate(2, mean / 2)), 1)


def memberships(
    members: Mapping[str, Sequence[str]], queues: Sequence[str]
) -> list[tuple[str, ...]]:
    """The queues of each real agent; while there is none, everybody is in all of them.

    :param members: queue -> agents, of the real line. :param queues: that the line has.
    """
    found: dict[str, list[str]] = {}
    for queue in queues:
        for agent in members.get(queue, ()):
            found.setdefault(agent, []).append(queue)
    return [tuple(found[name]) for name in sorted(found)] or [tuple(queues)]
