"""The shell around the switchboard: callers and agents come and go, it acts at once.

Event-driven: every change (a caller waits or leaves, an offer ends, an agent or
a phone changes) asks the core again; one timer covers what time alone changes.
Everything runs in one event loop; nothing here waits.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from ..hotline import Queue
from ..records.dialplan import CONFIRM, phone_of
from ..records.events import MICRO, steady
from .switchboard import Agent, Caller, Offer, next_change, offers, somebody_there

# Seconds that a phone is left alone after a ring that led to nothing, by DIALSTATUS.
MISSED_REST = {"NOANSWER": 5, "BUSY": 15, "CHANUNAVAIL": 30, "CONGESTION": 30}
BUSY_DEVICE = frozenset({"INUSE", "BUSY", "RINGING", "RINGINUSE", "ONHOLD"})
GONE_DEVICE = frozenset({"UNAVAILABLE", "INVALID"})


@dataclass
class Turn:
    """A caller's place in the hunt; ``offer`` is done when somebody may be rung."""

    caller: Caller
    offer: asyncio.Future[Offer]
    ringing: tuple[str, ...] = field(default=())


class Hunt:
    """All who wait and all who may answer."""

    def __init__(self, queues: Mapping[str, Queue], clock: Callable[[], int] = steady) -> None:
        self._queues = queues
        self._clock = clock
        self._agents: dict[str, Agent] = {}
        self._turns: dict[str, Turn] = {}
        self._devices: dict[str, str] = {}
        self._outside: Collection[str] = ()
        self._spent: Counter[str] = Counter()
        self._most = 0
        self._timer: asyncio.TimerHandle | None = None
        self.rested: Callable[[str, int], None] = lambda agent, until: None

    def configure(self, queues: Mapping[str, Queue]) -> None:
        """Take other queues; callers of a queue that is gone move to the first one left."""
        self._queues = queues
        fallback = next(iter(queues))
        for turn in self._turns.values():
            if turn.caller.queue not in queues:
                turn.caller = replace(turn.caller, queue=fallback)
        self._look()

    def staff(self, positions: Mapping[str, Mapping[str, int]]) -> None:
        """Who is on the line: agent -> queue -> position. Others are forgotten."""
        for name, queues in positions.items():
            agent = self._agents.setdefault(name, Agent(name))
            agent.positions = dict(queues)
            self._apply_device(agent)
        for name in self._agents.keys() - positions.keys():
            del self._agents[name]
        self._look()

    def call_outside(self, names: Collection[str], spent: Mapping[str, int], most: int) -> None:
        """Who is called on a phone of their own; each at most so often a day, ``spent`` of it."""
        self._outside, self._spent, self._most = names, Counter(spent), most
        for agent in self._agents.values():
            self._apply_device(agent)
        self._look()

    def phone(self, name: str) -> str:
        """On which phone an agent is rung (records/dialplan.py)."""
        return phone_of(name, name in self._outside)

    def longer(self, names: Iterable[str]) -> int:
        """Seconds beyond the ring that some of these agents need to take a call."""
        return CONFIRM if any(name in self._outside for name in names) else 0

    def talks(self, name: str, call: str) -> None:
        """An agent talks, as the journal says: a phone outside does not show it."""
        agent = self._agents.get(name)
        if agent is not None and agent.offer == call:
            agent.talked = True

    def declare(self, name: str, available: bool, idle_since: int, calls: int = 0) -> None:
        """An agent said that they are available, or not."""
        agent = self._agents.get(name)
        if agent is None:
            return
        agent.calls = max(agent.calls, calls)
        if available == agent.available:
            return
        if available:
            agent.rest_until = 0
            agent.idle_since = idle_since
        agent.available = available
        self._look()

    def device(self, name: str, state: str) -> None:
        """Asterisk's device state of a phone (AMI DeviceStateChange)."""
        self._devices[name] = state
        agent = self._agents.get(name.partition("@")[0])
        if agent is None or self.phone(agent.name) != name:
            return
        was_busy = agent.device_busy
        self._apply_device(agent)
        if agent.offer and state in ("INUSE", "ONHOLD") and agent.name not in self._outside:
            agent.talked = True
        if was_busy and not agent.device_busy:
            self._release_loser(agent)
        self._look()

    def phones(self, states: Mapping[str, str]) -> None:
        """All phones' states anew; a phone that Asterisk does not name is taken for free."""
        self._devices = dict(states)
        for agent in self._agents.values():
            self._apply_device(agent)
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
        """The offer of a call is over, after a talk or without one (DIALSTATUS)."""
        turn = self._turns.get(call)
        if turn is not None:
            self._free(turn, status)
            self._look()

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
        now = self._clock()
        for name in turn.ringing:
            agent = self._agents.get(name)
            if agent is None or agent.offer != turn.caller.call:
                continue
            agent.offer = ""
            if agent.talked or (status == "ANSWER" and len(turn.ringing) == 1):
                agent.calls += 1
                agent.idle_since = now
                agent.was_back = turn.caller.back
                self._rest(agent, now, self._queues[turn.caller.queue].wrap_up)
            elif status in MISSED_REST:
                self._rest(agent, now, MISSED_REST[status])
        turn.ringing = ()

    def _rest(self, agent: Agent, now: int, seconds: int) -> None:
        if seconds:
            agent.rest_until = now + seconds * MICRO
            self.rested(agent.name, agent.rest_until)

    def _release_loser(self, agent: Agent) -> None:
        """One of several phones that rang has stopped while another one talks."""
        turn = self._turns.get(agent.offer)
        if turn is not None and len(turn.ringing) > 1:
            turn.ringing = tuple(name for name in turn.ringing if name != agent.name)
            agent.offer = ""

    def _apply_device(self, agent: Agent) -> None:
        state = self._devices.get(self.phone(agent.name), "NOT_INUSE")
        agent.device_busy = state in BUSY_DEVICE
        spent = agent.name in self._outside and self._spent[agent.name] >= self._most
        agent.reachable = state not in GONE_DEVICE and not spent

    def _look(self) -> None:
        """Ask the core, hand out its offers, and set the timer for the next change."""
        now = self._clock()
        waiting = [turn.caller for turn in self._turns.values() if not turn.offer.done()]
        if waiting:
            self._hand_out(offers(waiting, self._agents.values(), self._queues, now), now)
            waiting = [turn.caller for turn in self._turns.values() if not turn.offer.done()]
        change = next_change(waiting, self._agents.values(), self._queues, now) if waiting else None
        self._wake_at(change, now)

    def _hand_out(self, found: Iterable[Offer], now: int) -> None:
        for offer in found:
            turn = self._turns[offer.call]
            turn.ringing = offer.agents
            for name in offer.agents:
                agent = self._agents[name]
                self._spent[name] += name in self._outside
                agent.offer, agent.offered, agent.talked = offer.call, now, False
            turn.offer.set_result(offer)

    def _wake_at(self, instant: int | None, now: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if instant is not None:
            delay = max(0.0, (instant - now) / MICRO) + 0.001
            self._timer = asyncio.get_running_loop().call_later(delay, self._look)
