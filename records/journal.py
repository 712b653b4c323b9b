"""The journal: append facts, follow them.

Appending the same event twice changes nothing; an append is durable when it
returns; following goes on from any place and wakes at once.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType

import structlog

from . import ballast
from .events import Event
from .schema import reader
from .store import Entry, data_version, last_seq, read, read_kinds
from .trouble import Replaced, identity
from .writer import Checkpointer, Writer

log = structlog.get_logger(__name__)

ELSEWHERE = 0.1  # seconds between two looks for what other processes have written


class Journal:
    """The journal of one line, for one event loop. An asynchronous context manager."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer = Writer(path, self._settled)
        self._checkpointer = Checkpointer(path)
        self._news = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watch: asyncio.Task[None] | None = None
        self._replaced = asyncio.Event()

    async def __aenter__(self) -> "Journal":
        self._loop = asyncio.get_running_loop()
        self._writer.start()
        self._checkpointer.start()
        self._watch = asyncio.create_task(self._watch_others(), name="journal watch")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._watch:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        await asyncio.to_thread(self._writer.stop)
        await asyncio.to_thread(self._checkpointer.stop)

    @property
    def trouble(self) -> str:
        """What the database says while it takes nothing, or only just; empty when all is well."""
        return self._writer.trouble or ballast.trouble(ballast.beside(self._path))

    async def sound(self) -> None:
        """Wait until the database is damaged, or has been mended by any process.

        Whoever holds a connection of their own must then begin anew.

        :raises Replaced: that has happened.
        """
        await self._replaced.wait()
        raise Replaced(f"{self._path} is being mended")

    async def append(self, *events: Entry) -> None:
        """Append; the events are durable when this returns.

        :raises sqlite3.Error: the database refused them for good.
        :raises JournalFull: too many events wait already.
        """
        await self.submit(*events)

    def submit(self, *events: Entry) -> asyncio.Future[None]:
        """Append without waiting; the order of calls is the order in the journal."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._writer.submit(events, future)
        return future

    def open_reader(self) -> sqlite3.Connection:
        """A read-only connection of the caller's own."""
        return reader(self._path)

    async def follow(self, after: int) -> AsyncIterator[Sequence[Event]]:
        """All events behind ``after``, in order, for ever, in batches as they come."""
        connection = reader(self._path)
        try:
            while True:
                news = self._news  # taken before reading: nothing slips in between
                while batch := list(read(connection, after)):
                    after = batch[-1].seq
                    yield batch
                await news.wait()
        finally:
            connection.close()

    async def follow_only(
        self, after: int, kinds: frozenset[str]
    ) -> AsyncIterator[Sequence[Event]]:
        """Like :meth:`follow`, for who needs few kinds: the others are not even read."""
        connection = reader(self._path)
        try:
            while True:
                news, newest = self._news, last_seq(connection)
                if batch := read_kinds(connection, after, newest, kinds):
                    yield batch
                after = max(after, newest)
                await news.wait()
        finally:
            connection.close()

    def _settled(
        self, futures: list[asyncio.Future[None]], added: list[Event], error: Exception | None
    ) -> None:
        """In the writer's thread: one call into the loop for a whole transaction."""
        if self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._tell, futures, bool(added), error)

    def _tell(
        self, futures: list[asyncio.Future[None]], news: bool, error: Exception | None
    ) -> None:
        for future in futures:
            if future.done():
                continue  # whoever waited has given up
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)
        if news:
            self._wake()

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def _watch_others(self) -> None:
        """Wake the followers when another process has appended; see when the file is mended."""
        file = identity(self._path)
        with closing(reader(self._path)) as connection:
            seen = 0
            while identity(self._path) == file:
                try:
                    version = data_version(connection)
                except sqlite3.OperationalError:  # busy; later
                    version = seen
                except sqlite3.DatabaseError as error:
                    log.error("the database cannot be read", reason=str(error))
                    break
                if version != seen:
                    seen = version
                    self._wake()
                await asyncio.sleep(ELSEWHERE)
        self._replaced.set()
