"""What Asterisk wrote down while nobody listened, read on into the journal.

Both sources go through the translations of the live stream, into the same ids: what is
known already changes nothing. The recorder reads on at every start and reconnection, and
now and then in between.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass

import structlog

from ..records import cursors, kinds
from ..records.events import MICRO, Event, now
from ..records.folder import Folder
from ..records.journal import Journal
from ..records.schema import reader
from ..records.store import Entry
from . import cel, queue_log
from .translate import Record

log = structlog.get_logger(__name__)

CEL, QUEUE_LOG = "cel", "queue_log"
ROWS = 2_000  # of one transaction
SETTLED = 5  # seconds: younger lines of queue_log, whose time is coarse, wait for the other source
TOLD = 20_000  # rows from which on the progress is logged


@dataclass(frozen=True)
class Caught:
    """How much was new."""

    events: int = 0
    calls: int = 0

    def __add__(self, other: "Caught") -> "Caught":
        return Caught(self.events + other.events, self.calls + other.calls)


class CatchUp:
    """Reads one line's records on. ``meaning`` is what a record says."""

    def __init__(
        self,
        folder: Folder,
        journal: Journal,
        agents: Callable[[], frozenset[str]],
        meaning: Callable[[Record], list[Entry]],
    ) -> None:
        self._folder = folder
        self._journal = journal
        self._agents = agents
        self._meaning = meaning

    async def last(self) -> int:
        """When the records were read last (microseconds UTC), 0 if never."""
        return (await asyncio.to_thread(cursors.load, self._folder.database, CEL)).at

    async def run(self) -> Caught:
        """Read on to the end of both. A source that cannot be read is logged and left for later.

        :raises JournalFull, sqlite3.Error: the journal takes nothing.
        """
        caught = Caught()
        for name, read in ((CEL, self._read_cel), (QUEUE_LOG, self._read_queue_log)):
            try:
                caught += await read()
            except (sqlite3.DatabaseError, OSError) as error:
                log.error("Asterisk's own record cannot be read", source=name, reason=str(error))
        return caught

    async def _read_cel(self) -> Caught:
        database, caught, done = self._folder.database, Caught(), 0
        place = (await asyncio.to_thread(cursors.load, database, CEL)).place
        while True:
            page = await asyncio.to_thread(cel.read, self._folder.cel, place, ROWS)
            caught += await self._append(map(self._meaning, page.records))
            place, done = page.place, done + len(page.records)
            await asyncio.to_thread(cursors.save, database, CEL, place)
            if page.left > TOLD or done > TOLD:
                log.info("reading on in Asterisk's record", done=done, left=page.left)
            if not page.left:
                return caught

    async def _read_queue_log(self) -> Caught:
        database, caught = self._folder.database, Caught()
        place = (await asyncio.to_thread(cursors.load, database, QUEUE_LOG)).place
        while True:
            until = now() - SETTLED * MICRO
            lines, behind = await asyncio.to_thread(
                queue_log.read, self._folder.queue_log, place, until
            )
            agents = self._agents()
            found = (queue_log.translate(line, agents) for line in lines)
            caught += await self._append([event] for event in found if event)
            await asyncio.to_thread(cursors.save, database, QUEUE_LOG, behind)
            if behind == place:
                return caught
            place = behind

    async def _append(self, found: Iterable[list[Entry]]) -> Caught:
        """Append what is not known yet. Entries of one record go together."""
        groups = {_id(entries): entries for entries in found if entries}
        known = await asyncio.to_thread(self._known, list(groups))
        new = [entry for id, entries in groups.items() if id not in known for entry in entries]
        if new:
            await self._journal.append(*new)
        events = [entry for entry in new if isinstance(entry, Event)]
        return Caught(len(events), sum(event.kind == kinds.ARRIVED for event in events))

    def _known(self, ids: Sequence[str]) -> set[str]:
        with closing(reader(self._folder.database)) as connection:
            sql = "SELECT 1 FROM journal WHERE id = ?"
            return {id for id in ids if connection.execute(sql, (id,)).fetchone()}


def _id(entries: list[Entry]) -> str:
    return next(entry.id for entry in entries if isinstance(entry, Event))
