"""Who rings for whom: a pure core, (waiting, agents, now) -> offers.

No I/O, no clock, no randomness of its own. Instants are microseconds UTC.
Around it, agi/hunt.py feeds it and acts at once.

The rules, each a property in tests/test_switchboard.py; docs/switchboard.md says them to admins:

1. Nobody who is busy, resting, unreachable, not available, or at their limit of the day is rung.
2. Nobody is rung for two callers at once.
3. Between callers whom the same agent could serve, higher priority goes first,
   then the order of arrival. Who never reached anybody counts as having waited ``repeat_first``
   seconds longer: nobody is overtaken by a caller who came more than that after them.
4. An agent rings only for the queues that they are a member of; a caller who
   has waited longer than ``overflow_after`` reaches the agents of the overflow
   queue as well.
5. A caller is never left waiting while an agent who may serve them is free. Tiers and skills
   delay that by ``widen_after`` seconds for each level below the agent's at which somebody is
   there (agi/ranking.py): with n such levels everybody may serve after (n - 1) * widen_after.
6. A promised call-back waits like a caller, with the arrival that it was promised at. An agent
   whose last call was one serves somebody on the line next, if such a caller waits for them:
   at least every second call goes to who is on the line.
7. A call-back that asks for an agent rings nobody else before ``anyone_at``; an agent who has
   asked for it themselves (``only``) need not be available.
8. An agent of a higher level (fewer of the skills, a higher tier) is rung only when none of a
   lower one is free (of those who are not kept for the line, by rule 6).
9. Among equals, one with a skill that somebody else who waits asks for is rung last.
10. A caller whose helper of last time is there, in their queue, rings nobody else before
    ``anyone_at``; they are rung when free, whatever their level. One who is not there delays
    nothing.
11. A phone that rang in vain too often pauses its agent, but never the last one who is there for
    any of their queues.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from ..hotline import Queue
from ..records.events import MICRO
from .parties import Agent, Caller, Limits, Offer
from .ranking import NOTHING, Ladders, flat, needs, rank

__all__ = [
    "Agent",
    "Caller",
    "Limits",
    "Offer",
    "may_be_spared",
    "next_change",
    "offers",
    "queues_of",
    "somebody_there",
]


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
    order = sorted(waiting, key=lambda c: (-queues[c.queue].priority, c.since - c.credit, c.call))
    back = [caller for caller in order if caller.back]
    found = _asked_for(back, agents, queues)
    taken = {name for offer in found for name in offer.agents}
    free = [agent for agent in free if agent.name not in taken]
    look = _Look(agents, queues, order, now) if free else None
    line = {caller.call: caller for caller in order if not caller.back} if back else {}
    owing = _owing(free, line.values(), queues, now)
    turns, passed = deque(order), list[Caller]()
    while free and look is not None and (turns or passed):
        if not turns:  # whoever is on the line has had their choice: nobody is kept for them
            turns, passed, owing = deque(passed), [], NOTHING
        caller = turns.popleft()
        able = [a for a in free if a.name not in owing] if caller.back and owing else free
        if rung := look.choose(caller, able):
            found.append(_offer(caller, rung, queues))
            free = [agent for agent in free if agent not in rung]
            if line.pop(caller.call, None) and owing:
                still = _owing(free, line.values(), queues, now)
                if any(a.name in owing and a.name not in still for a in free):
                    turns.extendleft(reversed(passed))  # whoever was passed over goes before
                    passed.clear()
                owing = still
        elif len(able) < len(free):
            passed.append(caller)
    return found


def _offer(caller: Caller, rung: Sequence[Agent], queues: Mapping[str, Queue]) -> Offer:
    names = tuple(agent.name for agent in rung)
    return Offer(caller.call, caller.queue, names, queues[caller.queue].ring_time)


def _asked_for(
    order: Iterable[Caller], agents: Iterable[Agent], queues: Mapping[str, Queue]
) -> list[Offer]:
    """Call-backs for which an agent has asked to be rung."""
    asking = [caller for caller in order if caller.only]
    at_hand = {agent.name: agent for agent in agents if agent.at_hand} if asking else {}
    found = []
    for caller in asking:
        if agent := at_hand.pop(caller.agent, None):
            found.append(_offer(caller, [agent], queues))
    return found


def _owing(
    free: Iterable[Agent], line: Iterable[Caller], queues: Mapping[str, Queue], now: int
) -> frozenset[str]:
    """The agents of whom it is the turn of somebody on the line, whom they may serve."""
    wanted = {name for caller in line for name in queues_of(caller, queues, now)}
    return frozenset(
        agent.name for agent in free if agent.was_back and not wanted.isdisjoint(agent.positions)
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
    agents = list(agents)
    instants = [a.rest_until for a in agents if a.rest_until > now and not a.offer and a.there]
    for caller in waiting:
        own = queues[caller.queue]
        opens = caller.since + own.overflow_after * MICRO
        if own.overflow and opens > now:
            instants.append(opens)
        if caller.agent and not caller.only and caller.anyone_at > now:
            instants.append(caller.anyone_at)
    if not flat(waiting, agents, queues):
        ladders = Ladders(agents, queues)
        pairs = ((caller, name) for caller in waiting for name in queues_of(caller, queues, now))
        steps = (ladders.next_step(caller, name, now) for caller, name in pairs)
        instants += [step for step in steps if step is not None]
    return min(instants, default=None)


def may_be_spared(agent: Agent, agents: Iterable[Agent], queues: Mapping[str, Queue]) -> bool:
    """Whether each queue of this agent has another one who is there, and who has as many of the
    queue's skills.
    """
    others = [other for other in agents if other.there and other.name != agent.name]
    return all(
        any(
            name in other.positions and agent.skills.intersection(asked) <= other.skills
            for other in others
        )
        for name in agent.positions.keys() & queues.keys()
        for asked in [queues[name].skills]
    )


class _Look:
    """One look at everything: what does not change while the callers are gone through."""

    def __init__(
        self, agents: Sequence[Agent], queues: Mapping[str, Queue], order: list[Caller], now: int
    ) -> None:
        self._queues = queues
        self._now = now
        self._order = order
        self._ladders = Ladders(agents, queues)
        self._flat = flat(order, agents, queues)
        self._asked: frozenset[str] | None = None

    def choose(self, caller: Caller, free: Sequence[Agent]) -> Sequence[Agent]:
        """The agents of the first queue that has a free one who may serve, by its strategy."""
        if caller.only:
            return ()
        if caller.never:
            free = [agent for agent in free if agent.name not in caller.never]
        if caller.agent:
            wanted = [agent for agent in free if self._is_wanted(agent, caller)]
            if wanted or self._keeps_for(caller):
                return wanted
        for name in queues_of(caller, self._queues, self._now):
            members: Sequence[Agent] = [agent for agent in free if name in agent.positions]
            if members and not self._flat:
                members = self._ladders.open_to(caller, name, members, self._now)
            if members:
                return self._first(caller, name, members)
        return ()

    def _is_wanted(self, agent: Agent, caller: Caller) -> bool:
        return agent.name == caller.agent and (caller.back or caller.queue in agent.positions)

    def _keeps_for(self, caller: Caller) -> bool:
        """Whether it is too early to ring anybody but who is asked for."""
        early = caller.anyone_at > self._now
        return early and (caller.back or self._ladders.there(caller.agent, caller.queue))

    def _first(self, caller: Caller, name: str, members: Sequence[Agent]) -> Sequence[Agent]:
        if len(members) == 1:
            return members
        queue = self._queues[name]
        few = queue.strategy == "ring-few" and not caller.back
        spared = NOTHING if self._flat else self._asked_for() - needs(caller, self._queues)
        ranked = sorted(members, key=lambda a: rank(a, name, queue, caller, spared))
        return ranked[: queue.ring_few if few else 1]

    def _asked_for(self) -> frozenset[str]:
        """Every skill that somebody who waits asks for."""
        if self._asked is None:
            queues = {caller.queue for caller in self._order}
            asked = [caller.skills for caller in self._order if caller.skills]
            self._asked = NOTHING.union(*(self._queues[name].skills for name in queues), *asked)
        return self._asked
