"""Availability that ends by itself ("I am free for 20 minutes"): never a ring after its end.

1. At its time the agent is not rung any more, and the fallback's roster is told, whether the
   journal takes anything just now or not.
2. The end is written down at once, or, while the phone rings or talks, when that is over: a call
   is never cut.
3. What ended while nobody served is carried out at the start: the projection keeps the time.
"""

import asyncio
from collections.abc import Callable, Iterable

import structlog

from ..records import kinds
from ..records.changes import Row
from ..records.events import Event, now
from ..records.presence import ended, ends, seconds_until
from ..records.writer import JournalFull

log = structlog.get_logger(__name__)

LOOK = 15.0  # seconds between two looks without any news: somebody may set the clock
OVERTIME = 0.5  # seconds between two looks while an end is not written down yet


class Ends:
    """Knows until when agents are available.

    :param over: told of an agent who is not to be rung any more. :param busy: whether an agent's
        phone rings or talks. :param append: writes an event down.
    """

    def __init__(
        self,
        over: Callable[[str], None],
        busy: Callable[[str], bool],
        append: Callable[[Event], "asyncio.Future[None]"],
    ) -> None:
        self._over, self._busy, self._append = over, busy, append
        self._until: dict[str, int] = {}
        self._written: dict[str, asyncio.Future[None]] = {}
        self._news = asyncio.Event()

    def know(self, rows: Iterable[Row]) -> None:
        """Everybody's presence anew: rows of views.presence."""
        found = {row["name"]: row["until"] for row in rows if row["until"] is not None}
        if found != self._until:
            self._until = found
            self._news.set()

    def hear(self, event: Event) -> bool:
        """Take note of a declaration; False for one that says nothing (an end that is too late)."""
        agent = event.actor
        if not ends(event, self._until.get(agent)):
            return False
        self._until.pop(agent, None)
        self._written.pop(agent, None)
        until = event.body.get("until")
        if event.kind == kinds.AVAILABLE and until is not None:
            self._until[agent] = until
            self._news.set()
        return True

    def is_over(self, agent: str) -> bool:
        """Whether an agent's availability has had its time."""
        until = self._until.get(agent)
        return until is not None and until <= now()

    async def run(self) -> None:
        """End what is to be ended, until cancelled."""
        while True:
            self._news.clear()
            try:
                async with asyncio.timeout(self._look()):
                    await self._news.wait()
            except TimeoutError:
                pass

    def _look(self) -> float:
        """Carry out the ends that have come; seconds until the next look."""
        at, patience = now(), LOOK
        for agent, until in self._until.items():
            if until > at:
                patience = min(patience, seconds_until(until, at))
                continue
            self._over(agent)
            patience = min(patience, OVERTIME)
            if not self._busy(agent) and self._is_to_be_written(agent):
                self._write(agent, until)
        return patience

    def _write(self, agent: str, until: int) -> None:
        try:
            self._written[agent] = self._append(ended(agent, until))
        except JournalFull as error:  # the next look tries again
            log.error("the end of an availability is not written down", reason=str(error))

    def _is_to_be_written(self, agent: str) -> bool:
        """Not yet, or the database refused it."""
        asked = self._written.get(agent)
        if asked is None or not asked.done() or asked.cancelled():
            return asked is None
        if error := asked.exception():
            log.error("the end of an availability is not written down", reason=str(error))
        return error is not None
