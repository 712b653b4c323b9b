"""Keeping promised call-backs: each waits in the hunt with its place, an agent's phone rings
first, then the caller is dialled. The number is opened only here.

1. A promise that is due joins the hunt, while its queue is open and it is no quiet time.
2. When it is its turn, an event says durably that an attempt begins; from then on nobody else
   calls this caller, whatever dies.
3. The agent's phone rings (records/rings.py). Who picks up hears what it is about; then the caller
   is dialled under the line's own number. From the answer on the talk is Asterisk's.
4. How it ended comes out of the journal (records/promised.py); here the next look follows.
"""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable, Set
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import structlog

from ..hotline import Callbacks, Hotline
from ..records import callbacks, dialplan, kinds, numbers
from ..records.callbacks import CallbackError
from ..records.changes import Row
from ..records.events import MICRO, Event, now, stepped
from ..records.journal import Journal
from ..records.outside import as_dialled, may_dial
from ..records.promised import AGENT, CALLER, of_attempt
from ..records.rings import Ring
from .channel import Channel
from .flow import MARGIN, finish, speak
from .hunt import Hunt
from .line import Line
from .staff import NO_TALK
from .switchboard import Caller

log = structlog.get_logger(__name__)

AHEAD = 200  # promises that wait in the hunt at once; the others are younger
LOOK = 15.0  # seconds between two looks without any news
GRACE = 3.0  # seconds that Asterisk may take to say that a ring is over
PREFERRED = 15 * 60  # seconds for which a promise waits for the agent who was asked for
ONLY = 120  # seconds for which an agent who asks to be rung is waited for
AGAIN = 5.0  # seconds before a promise is tried again when Asterisk did not do as asked


@dataclass
class Attempt:
    """One attempt that is under way: the phone was picked up, its flow has ended."""

    row: Row
    agent: str
    talk: bool = False  # the caller may have answered
    picked_up: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)


class Dialler:
    """Keeps one line's promises.

    :param midnight: when the local day began, microseconds UTC.
    """

    def __init__(
        self,
        hunt: Hunt,
        line: Line,
        journal: Journal,
        database: Path,
        number_keys: Callable[[], tuple[str, ...]],
        midnight: Callable[[], int],
    ) -> None:
        self._hunt = hunt
        self._line = line
        self._journal = journal
        self._database = database
        self._keys = number_keys
        self._midnight = midnight
        self.rings: asyncio.Queue[Ring] = asyncio.Queue()
        self.news = asyncio.Event()  # set when a promise may have changed
        self._waiting: dict[str, asyncio.Task[None]] = {}  # caller -> the wait for their turn
        self._out: dict[str, Attempt] = {}  # channel -> attempt
        self._calling: set[str] = set()  # callers of attempts
        self._calls: Counter[str] = Counter()  # today, by agent
        self._day = -1

    async def run(self) -> None:
        """Keep promises until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                self.news.clear()
                try:
                    patience = await self._look(tasks)
                except sqlite3.OperationalError as error:
                    log.warning("promised call-backs wait for the database", reason=str(error))
                    patience = AGAIN
                try:
                    async with asyncio.timeout(patience):
                        await self.news.wait()
                except TimeoutError:
                    pass

    async def _look(self, tasks: asyncio.TaskGroup) -> float:
        """Let what is due join, and what is no more due leave; seconds until the next look."""
        at, hotline = now(), self._line.hotline
        rules = hotline.callbacks
        if rules is None:
            self._let_go(frozenset())
            return LOOK
        day = self._day
        opening, moment = self._line.opening, self._line.at
        shut = [name for name in hotline.queues if not opening.may_call(moment, name)]
        due, following = await asyncio.to_thread(self._read, at, shut)
        if day != self._day:  # everybody may call again
            self._let_go(frozenset())
        if len(shut) == len(hotline.queues) or self._calls.total() >= rules.per_day:
            due = []
        for row in due:
            if row["only"] and at - row["due"] > ONLY * MICRO:
                await self._write(callbacks.cancelled(row["caller"], "", "not-at-hand"))
        self._let_go({row["caller"] for row in due})
        for row in due:  # the oldest first: they join the hunt in this order
            if (caller := row["caller"]) not in self._waiting:
                task = tasks.create_task(self._keep(row, rules), name="call-back")
                self._waiting[caller] = task
                task.add_done_callback(partial(self._left, caller))
        return LOOK if following is None else min(LOOK, max(0.05, (following - at) / MICRO))

    def _let_go(self, wanted: Set[str]) -> None:
        """Who is not to be called now does not wait any more; who is being called, is."""
        for caller in self._waiting.keys() - wanted - self._calling:
            self._waiting[caller].cancel()

    def _left(self, caller: str, task: "asyncio.Task[None]") -> None:
        del self._waiting[caller]
        self.news.set()

    def _read(self, at: int, shut: list[str]) -> tuple[list[Row], int | None]:
        midnight = self._midnight()
        with closing(self._journal.open_reader()) as connection:
            if midnight != self._day:
                self._calls = Counter(callbacks.dialled_since(connection, midnight))
                self._day = midnight
            return callbacks.due(connection, at, AHEAD, shut), callbacks.next_due(connection, at)

    async def _keep(self, row: Row, rules: Callbacks) -> None:
        """Wait for this promise's turn, and make one attempt."""
        key = row["caller"]
        try:
            agent = await self._turn(row, rules)
            self._calling.add(key)
            status = await self._attempt(row, agent)
            self._hunt.ended(key, status)
            if status == "CHANUNAVAIL":
                await asyncio.sleep(AGAIN)
        except Exception:  # the edge of one attempt: the promise stands and is tried again
            log.exception("a call-back failed")
            self._hunt.ended(key, "CANCEL")
            await asyncio.sleep(AGAIN)
        finally:
            self._calling.discard(key)
            self._hunt.leave(key)

    async def _turn(self, row: Row, rules: Callbacks) -> str:
        """Wait until an agent is to be rung for it; who has made their calls of the day is not."""
        while True:
            (agent,) = (await self._hunt.wait_for(self._place(row, rules)).offer).agents
            if row["only"] or self._calls[agent] < rules.per_agent:
                return agent
            self._hunt.ended(row["caller"], "CANCEL")

    def _place(self, row: Row, rules: Callbacks) -> Caller:
        """By the hunt's clock: the record's may have been set since this service started."""
        spent = {agent for agent, calls in self._calls.items() if calls >= rules.per_agent}
        step = stepped()
        return Caller(
            call=row["caller"],
            queue=row["queue"],
            since=row["since"] - step,
            back=True,
            agent=row["agent"] or "",
            anyone_at=row["due"] - step + PREFERRED * MICRO,
            only=bool(row["only"]),
            never=frozenset(spent),
            token=row["caller"],
            widens=row["due"] - step,
        )

    async def _attempt(self, row: Row, agent: str) -> str:
        """Ring the agent, and wait until all of it is over; returns DIALSTATUS of the ring, or
        NO_TALK: the agent picked up, and the caller did not.
        """
        try:
            caller = row["caller"]
            channel = await asyncio.to_thread(callbacks.take, self._database, caller, agent)
        except CallbackError as error:
            log.info("a call-back is not needed now", reason=str(error))
            return "CANCEL"
        attempt = self._out[channel] = Attempt(row, agent)
        try:
            status = await self._ring(channel, attempt)
            if status == "ANSWER":
                await attempt.over.wait()
                return status if attempt.talk else NO_TALK
            side = {"side": AGENT, "agent": agent, "cause": status}
            await self._write(of_attempt(channel, kinds.BACK_LEFT, now(), **side))
        finally:
            del self._out[channel]
        return status

    async def _ring(self, channel: str, attempt: Attempt) -> str:
        """Have the agent's phone rung; ANSWER when its call is here."""
        queue = self._line.hotline.queues.get(attempt.row["queue"])
        seconds = queue.ring_time if queue else 20
        seconds += self._hunt.longer((attempt.agent,))
        phone = self._hunt.phone(attempt.agent)
        ring = Ring(channel, phone, seconds, asyncio.get_running_loop().create_future())
        self.rings.put_nowait(ring)
        try:
            async with asyncio.timeout(seconds + GRACE):
                status = await ring.status
            if status == "ANSWER":
                async with asyncio.timeout(GRACE):
                    await attempt.picked_up.wait()
        except TimeoutError:
            return "ANSWER" if attempt.picked_up.is_set() else "CHANUNAVAIL"
        finally:
            ring.status.cancel()
        return status

    async def take(self, channel: Channel) -> None:
        """The flow of an agent who has picked up: say what it is, then dial the caller."""
        attempt = self._out.get(channel.call)
        if attempt is None:  # asked for by a service that is gone
            await speak(channel, self._line, "failed")
            return await finish(channel)
        attempt.picked_up.set()
        try:
            await self._talk(channel, attempt)
        finally:
            attempt.over.set()

    async def _talk(self, channel: Channel, attempt: Attempt) -> None:
        row, rules = attempt.row, self._line.hotline.callbacks
        caller = row["caller"]
        await speak(channel, self._line, "callback-agent")
        number = await asyncio.to_thread(numbers.find, self._database, caller, *self._keys())
        if number is None or rules is None or not may_dial(number, rules.prefixes):
            await self._write(callbacks.cancelled(caller, "", "no-number"))
            await speak(channel, self._line, "failed")
            return await finish(channel)
        self._calls[attempt.agent] += 1
        call, seconds = channel.call, rules.ring_time
        await self._write(of_attempt(call, kinds.BACK_DIALLED, now(), agent=attempt.agent))
        await channel.lease(seconds + MARGIN)  # the phone that answers ends it
        dialled = as_dialled(number, rules.number_format)
        trunk, shown = over(self._line.hotline, row["trunk"], row["did"])
        attempt.talk = True  # a talk ends the flow: it does not come back from it
        status = await channel.dial(dialplan.TRUNK + trunk, dialled, shown, seconds)
        attempt.talk = False
        await self._write(of_attempt(call, kinds.BACK_LEFT, now(), side=CALLER, cause=status))
        await speak(channel, self._line, "callback-unanswered")
        await finish(channel)

    def under_way(self) -> frozenset[str]:
        """Channels of attempts that the record takes for under way, and that are none of ours."""
        with closing(self._journal.open_reader()) as connection:
            rows = callbacks.under_way(connection)
        return frozenset(row["channel"] for row in rows) - self._out.keys()

    def lost(self, channel: str, kept: bool) -> None:
        """An attempt that was under way is over, and nobody saw how; ``kept``: they had talked."""
        at = now()
        if kept:
            self._journal.submit(of_attempt(channel, kinds.BACK_KEPT, at))
        self._journal.submit(of_attempt(channel, kinds.BACK_LOST, at))

    async def _write(self, event: Event) -> None:
        await self._journal.append(event)
        self.news.set()


def over(hotline: Hotline, trunk: str, did: str) -> tuple[str, str]:
    """The trunk to call over and the number to show: as promised, else what there is now."""
    trunk = trunk if trunk in hotline.trunks else next(iter(hotline.trunks), "")
    dids = hotline.trunks[trunk].dids if trunk else [""]
    return trunk, did if did in dids else dids[0]
