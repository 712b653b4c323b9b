"""Who rings for whom: a pure core, (waiting, agents, now) -> offers.

No I/O, no clock, no randomness of its own. Instants are microseconds UTC.
Around it, agi/hunt.py feeds it and acts at once.

The rules, each a property in tests/test_switchboard.py:

1. Nobody who is busy, resting, unreachable or not available is rung.
2. Nobody is rung for two callers at once.
3. Between callers whom the same agent could serve, higher priority goes first,
   then the order of arrival.
4. An agent rings only for the queues that they are a member of; a caller who
   has waited longer than ``overflow_after`` reaches the agents of the overflow
   queue as well.
5. A caller is never left waiting while an agent who may serve them is free.
6. A promised call-back waits like a caller, with the arrival that it was promised at. An agent
   whose last call was one serves somebody on the line next, if such a caller waits for them:
   at least every second call goes to who is on the line.
7. A call-back that asks for an agent rings nobody else before ``anyone_at``; an agent who has
   asked for it themselves (``only``) need not be available.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..hotline import Queue
from ..records.events import MICRO


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who waits. ``since`` is when the wait began; ``back``: a promised call-back."""

    call: str
    queue: str
    since: int
    back: bool = False
    agent: str = ""  # who is asked for
    anyone_at: int = 0  # from when on others may be rung
    only: bool = False  # nobody else, ever
    never: frozenset[str] = frozenset()  # agents who have made their calls of the day


@dataclass(slots=True)
class Agent:
    """Somebody who may be rung. ``positions``: queue -> order of the strategy "in-order"."""

    name: str
    positions: dict[str, int] = field(default_factory=dict)
    available: bool = False  # declared
    reachable: bool = True  # the phone is registered
    device_busy: bool = False  # Asterisk says that the phone is in use or ringing
    offer: str = ""  # the call that rings or talks through us
    talked: bool = False  # that call was answered, as far as the phone's state tells
    rest_until: int = 0
    idle_since: int = 0
    offered: int = 0  # when rung last
    calls: int = 0  # answered today
    was_back: bool = False  # the last call was a promised call-back

    @property
    def there(self) -> bool:
        """Whether this agent could take a call, now or after the present one."""
        return self.available and self.reachable

    def free(self, now: int) -> bool:
        return self.there and not self.device_busy and not self.offer and self.rest_until <= now

    @property
    def at_hand(self) -> bool:
        """Whether the phone could ring, whatever its owner has declared."""
        return self.reachable and not self.device_busy and not self.offer


@dataclass(frozen=True, slots=True)
class Offer:
    """Ring these agents, all at once, for this caller."""

    call: str
    queue: str
    agents: tuple[str, ...]
    ring_time: int


def queues_of(caller: Caller, queues: Mapping[str, Queue], now: int) -> tuple[str, ...]:
    """The queues whose agents may serve a caller at an instant, the own one first."""
    own = queues[caller.queue]
    if own.overflow and now - caller.since >= own.overflow_after * MICRO:
        return caller.queue, own.overflow
    return (caller.queue,)


def offers(
    waiting: Iterable[Caller], agents: Iterable[Agent], queues: Mapping[str, Queue], now: int
) -> list[Offer]:
    """Whom to ring now, in the order of the callers."""
    agents = list(agents)
    free = [agent for agent in agents if agent.free(now)]
    order = sorted(waiting, key=lambda c: (-queues[c.queue].priority, c.since, c.call))
    back = [caller for caller in order if caller.back]
    found = _asked_for(back, agents, queues)
    taken = {name for offer in found for name in offer.agents}
    free = [agent for agent in free if agent.name not in taken]
    owing = {caller.call: caller for caller in order if not caller.back} if back else {}
    # In a second round nobody on the line is left for an agent who was kept for them.
    for caller in (*order, *back):
        if not free:
            break
        if caller.back and any(offer.call == caller.call for offer in found):
            continue
        able = free
        if caller.back and owing:
            able = [agent for agent in free if not _owes(agent, owing.values(), queues, now)]
        if rung := _choose(caller, able, queues, now):
            found.append(_offer(caller, rung, queues))
            owing.pop(caller.call, None)
            free = [agent for agent in free if agent not in rung]
    return found


def _offer(caller: Caller, rung: Sequence[Agent], queues: Mapping[str, Queue]) -> Offer:
    names = tuple(agent.name for agent in rung)
    return Offer(caller.call, caller.queue, names, queues[caller.queue].ring_time)


def _asked_for(
    order: Iterable[Caller], agents: Iterable[Agent], queues: Mapping[str, Queue]
) -> list[Offer]:
    """Call-backs for which an agent has asked to be rung."""
    at_hand = {agent.name: agent for agent in agents if agent.at_hand}
    found = []
    for caller in order:
        if caller.only and (agent := at_hand.pop(caller.agent, None)):
            found.append(_offer(caller, [agent], queues))
    return found


def _owes(agent: Agent, callers: Iterable[Caller], queues: Mapping[str, Queue], now: int) -> bool:
    """Whether it is the turn of somebody on the line whom this agent may serve."""
    return agent.was_back and any(
        name in agent.positions for caller in callers for name in queues_of(caller, queues, now)
    )


def somebody_there(
    caller: Caller, agents: Iterable[Agent], queues: Mapping[str, Queue], now: int
) -> bool:
    """Whether anybody is there who could serve this caller, busy or not."""
    own = queues[caller.queue]
    reach = {caller.queue, own.overflow}
    return any(agent.there and reach & agent.positions.keys() for agent in agents)


def next_change(
    waiting: Sequence[Caller], agents: Iterable[Agent], queues: Mapping[str, Queue], now: int
) -> int | None:
    """The next instant at which time alone may make an offer possible; None if none will."""
    instants = [a.rest_until for a in agents if a.there and not a.offer and a.rest_until > now]
    for caller in waiting:
        own = queues[caller.queue]
        widens = caller.since + own.overflow_after * MICRO
        if own.overflow and widens > now:
            instants.append(widens)
        if caller.agent and not caller.only and caller.anyone_at > now:
            instants.append(caller.anyone_at)
    return min(instants, default=None)


def _choose(
    caller: Caller, free: Sequence[Agent], queues: Mapping[str, Queue], now: int
) -> list[Agent]:
    """The agents of the first queue that has a free one, by its strategy."""
    if caller.only:
        return []
    if caller.never:
        free = [agent for agent in free if agent.name not in caller.never]
    if caller.agent:
        wanted = [agent for agent in free if agent.name == caller.agent]
        if wanted or caller.anyone_at > now:
            return wanted
    for name in queues_of(caller, queues, now):
        members = [agent for agent in free if name in agent.positions]
        if members:
            queue = queues[name]
            few = queue.strategy == "ring-few" and not caller.back
            count = queue.ring_few if few else 1
            return sorted(members, key=lambda a: _rank(a, name, queue, caller))[:count]
    return []


def _rank(agent: Agent, name: str, queue: Queue, caller: Caller) -> tuple[int, int, str]:
    """Smallest first; the longest idle breaks ties, then the name."""
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
    return first, agent.idle_since, agent.name
