"""What the agents have taken today: the hunt's own count, kept equal with the record.

The record knows of calls that the fallback gave them, and of a time before this service started;
and at local midnight all begin anew.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing

import structlog

from ..records.events import now, steady
from ..records.journal import Journal
from ..records.views import Taken, answered_per_agent
from .hunt import Hunt

log = structlog.get_logger(__name__)

LOOK = 1.0  # seconds between two looks at the calendar
COUNT = 60  # looks between two comparisons


class Today:
    """Counts one line's local day. ``midnight``: when it began, microseconds UTC."""

    def __init__(self, hunt: Hunt, journal: Journal, midnight: Callable[[], int]) -> None:
        self._hunt = hunt
        self._journal = journal
        self._midnight = midnight
        self._day = 0

    def count(self, taken: dict[str, Taken], day: int) -> None:
        """Tell the hunt what was read of a day."""
        self._day = day
        self._hunt.recount(taken, day, day + steady() - now())

    async def keep(self) -> None:
        """Compare once a minute, and when a day begins, until cancelled."""
        looks = 0
        while True:
            await asyncio.sleep(LOOK)
            looks += 1
            day = self._midnight()
            if day != self._day or looks % COUNT == 0:
                try:
                    self.count(await asyncio.to_thread(self._read, day), day)
                except sqlite3.Error as error:  # the next look tells
                    log.warning("the agents' calls could not be counted", reason=str(error))

    def _read(self, day: int) -> dict[str, Taken]:
        with closing(self._journal.open_reader()) as reader:
            return answered_per_agent(reader, day)
