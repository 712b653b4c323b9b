"""In which order the agents of a queue are rung for a caller: levels, then the strategy.

An agent's level for a caller is (skills that they lack, tier). The levels at which somebody is
there are the steps of a ladder: the first is open at once, each further one ``widen_after``
seconds of waiting later. A level at which nobody is there costs no wait.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence

from ..hotline import Queue
from ..records.events import MICRO
from .parties import Agent, Caller

Level = tuple[int, int]
NOTHING: frozenset[str] = frozenset()
STEPS = 10  # that the fallback knows
Roster = dict[tuple[str, str], tuple[bool, int]]  # (queue, agent) -> (paused, step)


def needs(caller: Caller, queues: Mapping[str, Queue]) -> frozenset[str]:
    """The skills that a caller asks for: the queue's and their own choice's."""
    asked = queues[caller.queue].skills
    return caller.skills.union(asked) if asked else caller.skills


def flat(callers: Iterable[Caller], agents: Iterable[Agent], queues: Mapping[str, Queue]) -> bool:
    """Whether there is only one level, as on a line without tiers and skills."""
    if any([agent.tiers or agent.skills for agent in agents]):
        asked = any([queue.skills for queue in queues.values()])
        return not asked and not any([a.tiers for a in agents] + [c.skills for c in callers])
    return True


def begins(caller: Caller, name: str, queues: Mapping[str, Queue]) -> int:
    """When the wait for a queue's agents begins to count for a caller."""
    begun = caller.widens or caller.since
    if name == caller.queue:
        return begun
    return max(begun, caller.since + queues[caller.queue].overflow_after * MICRO)


class Ladders:
    """The steps of each queue, for one look at the agents; made when first asked for."""

    def __init__(self, agents: Iterable[Agent], queues: Mapping[str, Queue]) -> None:
        self._agents = agents
        self._queues = queues
        self._made: dict[tuple[str, str, frozenset[str]], dict[Level, int]] = {}

    def there(self, name: str, queue: str) -> bool:
        """Whether an agent of a queue could take a call, now or after the present one."""
        return any(a.name == name and a.there and queue in a.positions for a in self._agents)

    def open_to(
        self, caller: Caller, name: str, members: Sequence[Agent], now: int
    ) -> Sequence[Agent]:
        """Those of the lowest level of ``members`` (free ones of a queue), once it is open."""
        steps = self._steps(name, caller)
        if len(steps) < 2:
            return members
        asked = needs(caller, self._queues)
        lowest = min(_level(agent, name, asked) for agent in members)
        opens = begins(caller, name, self._queues)
        opens += steps[lowest] * self._queues[name].widen_after * MICRO
        if opens > now:
            return ()
        return [agent for agent in members if _level(agent, name, asked) == lowest]

    def next_step(self, caller: Caller, name: str, now: int) -> int | None:
        """The next instant at which a further level opens to a caller."""
        further = len(self._steps(name, caller)) - 1
        begun, each = begins(caller, name, self._queues), self._queues[name].widen_after * MICRO
        step = max(1, (now - begun) // each + 1)
        return begun + step * each if step <= further else None

    def _steps(self, name: str, caller: Caller) -> dict[Level, int]:
        """Level -> step, from 0, of all at which somebody is there."""
        key = name, caller.queue, caller.skills
        found = self._made.get(key)
        if found is None:
            asked = needs(caller, self._queues)
            members = (a for a in self._agents if name in a.positions and a.there)
            levels = {_level(agent, name, asked) for agent in members}
            found = self._made[key] = {level: step for step, level in enumerate(sorted(levels))}
        return found


def _level(agent: Agent, name: str, asked: frozenset[str]) -> Level:
    return len(asked - agent.skills) if asked else 0, agent.tiers.get(name, 0)


def rank(
    agent: Agent, name: str, queue: Queue, caller: Caller, spared: frozenset[str] = NOTHING
) -> tuple[bool, int, int, str]:
    """Smallest first; the longest idle breaks ties, then the name.

    :param spared: skills that others who wait ask for, and this caller does not.
    """
    match queue.strategy:
        case "round-robin":
            first = agent.offered
        case "fewest-calls":
            first = agent.calls
        case "in-order":
            first = agent.positions[name]
        case "random":  # a fair draw that the same call repeats
            first = zlib.crc32(f"{caller.call}/{agent.offered}/{agent.name}".encode())
        case _:
            first = agent.idle_since
    return bool(spared & agent.skills), first, agent.idle_since, agent.name


def roster(
    states: Mapping[str, str], agents: Iterable[Agent], queues: Mapping[str, Queue]
) -> Roster:
    """Who should ring without us: who is available, at the step that the queue's skills and their
    tier give them; and, paused, who is paused or at a limit. ``states``: agent -> declared.
    """
    here = [agent for agent in agents if states.get(agent.name) in ("available", "paused")]
    found: Roster = {}
    for name, queue in queues.items():
        members, asked = [a for a in here if name in a.positions], frozenset(queue.skills)
        steps = sorted({_level(agent, name, asked) for agent in members if agent.there})
        for agent in members:
            paused = states[agent.name] == "paused" or bool(agent.capped)
            level = _level(agent, name, asked)
            step = steps.index(level) if level in steps and not paused else 0
            found[name, agent.name] = paused, min(step, STEPS - 1)
    return found
