"""The shell around the switchboard: callers and agents come and go, it acts at once.

Event-driven: every change (a caller waits or leaves, an offer ends, an agent or
a phone changes) asks the core again; one timer covers what time alone changes.
Everything runs in one event loop; nothing here waits.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from ..hotline import Agents, Queue
from ..records.abilities import Ability
from ..records.dialplan import CONFIRM
from ..records.events import MICRO, steady
from ..records.views import Taken
from .staff import MISSED_REST, NO_TALK, Staff
from .switchboard import Agent, Caller, Offer, next_change, offers, somebody_there

ALMOST = MICRO  # a phone stops a moment before Dial() tells so


@dataclass
class Turn:
    """A caller's place in the hunt; ``offer`` is done when somebody may be rung."""

    caller: Caller
    offer: asyncio.Future[Offer]
    ringing: tuple[str, ...] = field(default=())


class Hunt:
    """All who wait, and all who may answer (``people``)."""

    def __init__(
        self,
        queues: Mapping[str, Queue],
        clock: Callable[[], int] = steady,
        rules: Agents | None = None,
    ) -> None:
        self._queues = queues
        self._clock = clock
        self.people = Staff(clock, rules or Agents())
        self._agents = self.people.agents
        self._turns: dict[str, Turn] = {}
        self._timer: asyncio.TimerHandle | None = None

    def configure(self, queues: Mapping[str, Queue], rules: Agents | None = None) -> None:
        """Take other queues; callers of a queue that is gone move to the first one left."""
        self._queues = queues
        fallback = next(iter(queues))
        for turn in self._turns.values():
            if turn.caller.queue not in queues:
                turn.caller = replace(turn.caller, queue=fallback)
        self.people.follow(rules or self.people.rules)
        self._look()

    def staff(self, abilities: Mapping[str, Ability]) -> None:
        """Who is on the line. Others are forgotten."""
        self.people.bring(abilities)
        self._look()

    def call_outside(self, names: Collection[str], spent: Mapping[str, int], most: int) -> None:
        """Who is called on a phone of their own; each at most so often a day, ``spent`` of it."""
        self.people.call_outside(names, spent, most)
        self._look()

    def phone(self, name: str) -> str:
        """On which phone an agent is rung (records/dialplan.py)."""
        return self.people.phone(name)

    def longer(self, names: Iterable[str]) -> int:
        """Seconds beyond the ring that some of these agents need to take a call."""
        return CONFIRM if any(name in self.people.outside for name in names) else 0

    def talks(self, name: str, call: str) -> None:
        """An agent talks, as the journal says: a phone outside does not show it."""
        self.people.talks(name, call)

    def declare(self, name: str, available: bool, idle_since: int, by: str = "") -> None:
        """An agent said that they are available, or not. ``by``: where."""
        self.people.declare(name, available, idle_since, by)
        self._look()

    def recount(self, taken: Mapping[str, Taken], day: int, began: int) -> None:
        """What the agents have taken in a local day; see :meth:`Staff.recount`."""
        self.people.recount(taken, day, began)
        self._look()

    def device(self, name: str, state: str) -> None:
        """Asterisk's device state of a phone (AMI DeviceStateChange)."""
        agent = self._agents.get(name.partition("@")[0])
        if agent is None or self.phone(agent.name) != name:
            return self.people.expect(name, state)
        was_busy = agent.device_busy
        self.people.device(agent, state)
        if agent.talked or (was_busy and not agent.device_busy):
            self._release_losers(agent)
        self._look()

    def phones(self, states: Mapping[str, str]) -> None:
        """All phones' states anew; a phone that Asterisk does not name is taken for free."""
        self.people.phones(states)
        self._look()

    def agent(self, name: str) -> Agent | None:
        return self._agents.get(name)

    def join(self, call: str, queue: str, since: int) -> Turn:
        """A caller waits from now on (again, after a ring nobody answered).

        One who waits already keeps the place, and an offer that is not taken up yet.
        """
        return self.wait_for(Caller(call, queue, since))

    def wait_for(self, caller: Caller) -> Turn:
        """Like :meth:`join`, for a promised call-back, too."""
        call = caller.call
        turn = self._turns.get(call)
        if turn is not None and (turn.ringing or not turn.offer.done()):
            return turn
        if caller.queue not in self._queues:
            caller = replace(caller, queue=next(iter(self._queues)))
        future: asyncio.Future[Offer] = asyncio.get_running_loop().create_future()
        if turn is None:
            turn = self._turns[call] = Turn(caller, future)
        else:
            turn.caller, turn.offer = caller, future
        self._look()
        return turn

    def leave(self, call: str) -> None:
        """A caller is gone: hung up, answered, or told to call again."""
        turn = self._turns.pop(call, None)
        if turn is not None and turn.ringing:
            self._free(turn, "CANCEL")
            self._look()

    def ended(self, call: str, status: str) -> None:
        """The offer of a call is over, after a talk or without one (DIALSTATUS, or NO_TALK)."""
        turn = self._turns.get(call)
        if turn is not None:
            self._free(turn, status)
            self._look()

    def helper(self, name: str) -> str:
        """The name, if this agent is there and takes calls of who they have helped before."""
        agent = self._agents.get(name)
        return name if agent is not None and agent.wants_again and agent.there else ""

    def somebody_there(self, call: str) -> bool:
        turn = self._turns[call]
        return somebody_there(turn.caller, self._agents.values(), self._queues, self._clock())

    @property
    def waiting(self) -> int:
        """Callers who wait and do not ring anybody."""
        return sum(not turn.offer.done() for turn in self._turns.values())

    def waiting_for(self, queue: str) -> int:
        """Of those, who waits in one queue on the line."""
        return sum(
            not turn.offer.done() and turn.caller.queue == queue and not turn.caller.back
            for turn in self._turns.values()
        )

    def _free(self, turn: Turn, status: str) -> None:
        rung = [self._agents[name] for name in turn.ringing if name in self._agents]
        rung = [agent for agent in rung if agent.offer == turn.caller.call]
        picked_up = status in ("ANSWER", NO_TALK) and len(turn.ringing) == 1
        turn.ringing = ()
        for agent in rung:
            agent.offer = ""
        missed = status in MISSED_REST  # a phone that is in use all the same has another call
        talked = [agent for agent in rung if not missed and (agent.talked or picked_up)]
        for agent in talked:
            wrap_up = self._queues[turn.caller.queue].wrap_up
            self.people.has_talked(agent, turn.caller.back, wrap_up, status == NO_TALK)
            if status != NO_TALK:
                self.people.told.talked(turn.caller.token, agent.name)
        if missed:
            self.people.has_missed(rung, status, self._queues)

    def _release_losers(self, agent: Agent) -> None:
        """Of several phones that rang, those that have stopped while another one rings or talks.

        When the time of the ring is over and nobody talks, none was slower: all have missed it.
        """
        turn = self._turns.get(agent.offer)
        if turn is None or len(turn.ringing) < 2:
            return
        rung = [self._agents[name] for name in turn.ringing if name in self._agents]
        length = self._queues[turn.caller.queue].ring_time * MICRO - ALMOST
        talking = any(one.talked for one in rung)
        if not talking and self._clock() - agent.offered >= length:
            return
        for one in rung:
            if not one.talked and not one.device_busy and (talking or one is agent):
                one.offer = ""
        turn.ringing = tuple(one.name for one in rung if one.offer)

    def _look(self) -> None:
        """Ask the core, hand out its offers, and set the timer for the next change."""
        now = self._clock()
        waiting = [turn.caller for turn in self._turns.values() if not turn.offer.done()]
        change = None
        if waiting:
            agents = self._concerned(waiting)
            self._hand_out(offers(waiting, agents, self._queues, now))
            waiting = [turn.caller for turn in self._turns.values() if not turn.offer.done()]
            change = next_change(waiting, agents, self._queues, now) if waiting else None
        self._wake_at(change, now)

    def _concerned(self, waiting: Iterable[Caller]) -> list[Agent]:
        """Of thousands of agents, those who are available or have asked for a call."""
        asking = {caller.agent for caller in waiting if caller.only}
        return [a for a in self._agents.values() if a.available or a.name in asking]

    def _hand_out(self, found: Iterable[Offer]) -> None:
        for offer in found:
            turn = self._turns[offer.call]
            turn.ringing = offer.agents
            self.people.rings(offer)
            turn.offer.set_result(offer)

    def _wake_at(self, instant: int | None, now: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if instant is not None:
            delay = max(0.0, (instant - now) / MICRO) + 0.001
            self._timer = asyncio.get_running_loop().call_later(delay, self._look)
