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
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..hotline import Queue
from ..records.events import MICRO


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who waits. ``since`` is when the wait began."""

    call: str
    queue: str
    since: int


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

    @property
    def there(self) -> bool:
        """Whether this agent could take a call, now or after the present one."""
        return self.available and self.reachable

    def free(self, now: int) -> bool:
        return self.there and not self.device_busy and not self.offer and self.rest_until <= now


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
    free = [agent for agent in agents if agent.free(now)]
    found: list[Offer] = []
    if not free:
        return found
    for caller in sorted(waiting, key=lambda c: (-queues[c.queue].priority, c.since, c.call)):
        rung = _choose(caller, free, queues, now)
        if rung:
            names = tuple(agent.name for agent in rung)
            found.append(Offer(caller.call, caller.queue, names, queues[caller.queue].ring_time))
            free = [agent for agent in free if agent not in rung]
            if not free:
                break
    return found


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
    return min(instants, default=None)


def _choose(
    caller: Caller, free: Sequence[Agent], queues: Mapping[str, Queue], now: int
) -> list[Agent]:
    """The agents of the first queue that has a free one, by its strategy."""
    for name in queues_of(caller, queues, now):
        members = [agent for agent in free if name in agent.positions]
        if members:
            queue = queues[name]
            count = queue.ring_few if queue.strategy == "ring-few" else 1
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
