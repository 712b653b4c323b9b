"""Callers whom the line knows: who never reached anybody, and who was helped by whom.

In memory, by token, so that no call waits for the database. Read anew, in a thread and at most
once a second, when the journal tells of something that may have changed it.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Set
from contextlib import closing
from dataclasses import dataclass, field

import structlog

from ..records import kinds
from ..records.events import MICRO, now
from ..records.journal import Journal

log = structlog.get_logger(__name__)

DAY = 86_400 * MICRO
PAUSE = 1.0  # seconds between two looks at most
OWED = "SELECT caller FROM ledger WHERE closed IS NULL"
# Of the rows of one caller SQLite takes the agent of the newest.
HELPED = """SELECT caller, agent, max(answered) AS at FROM calls
    WHERE arrived >= ? AND answered IS NOT NULL AND agent IS NOT NULL AND caller <> ''
    GROUP BY caller"""

RENAMED = frozenset({kinds.ROTATED, kinds.FORGOT})  # tokens are others, or gone
# Who is owed an answer may be another one after these.
OWING = kinds.LEDGER_KINDS | kinds.BACK_KINDS | RENAMED | {kinds.ENDED}

Helpers = dict[str, tuple[str, int]]


@dataclass
class Known:
    """``owed``: callers in the ledger. ``helpers``: caller -> (agent, when), microseconds UTC."""

    owed: frozenset[str] = frozenset()
    helpers: Helpers = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _renamed: bool = True  # nothing has been read yet

    def helper(self, caller: str, since: int) -> str:
        """Who helped a caller last, if that was since an instant; else nobody."""
        agent, at = self.helpers.get(caller, ("", 0))
        return agent if at >= since else ""

    def helped(self, caller: str, agent: str, at: int) -> None:
        self.helpers[caller] = agent, at

    def note(self, kinds_seen: Set[str]) -> None:
        """The journal has new events of these kinds."""
        if kinds_seen & RENAMED:
            self._renamed = True
            self.helpers.clear()
        if kinds_seen & OWING:
            self._news.set()

    async def keep(self, journal: Journal, days: Callable[[], int]) -> None:
        """Follow what was noted, until cancelled. ``days``: for how long a helper is remembered."""
        known = 0  # days that were read
        while True:
            self._news.clear()
            wanted = days()  # an apply may have asked for more
            anew = self._renamed or not self.helpers or wanted > known
            self._renamed = False
            since = now() - wanted * DAY if anew and wanted else None
            try:
                self.owed, helpers = await asyncio.to_thread(_read, journal, since)
            except sqlite3.Error as error:
                log.warning("returning callers are not known yet", reason=str(error))
                self._renamed = self._renamed or anew
            else:
                known = wanted
                if not self._renamed:  # else what was read has changed meanwhile
                    self.helpers = helpers | self.helpers
            await asyncio.sleep(PAUSE)
            await self._news.wait()


def _read(journal: Journal, since: int | None) -> tuple[frozenset[str], Helpers]:
    with closing(journal.open_reader()) as reader:
        owed = frozenset(row["caller"] for row in reader.execute(OWED))
        if since is None:
            return owed, {}
        rows = reader.execute(HELPED, (since,))
        return owed, {row["caller"]: (row["agent"], row["at"]) for row in rows}
