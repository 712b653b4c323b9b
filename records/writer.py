"""The one thread that writes: it takes all that is waiting into one transaction.

There is no timer: an event that comes alone is committed at once, and under
pressure the batches grow by themselves.
"""

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import structlog

from . import ballast
from .events import Event
from .salvage import finish, mend
from .store import Entry, Store
from .trouble import Replaced, is_broken, is_full

log = structlog.get_logger(__name__)

WAITING = 200_000  # events that may wait for a database that does not answer
BATCH = 2_000  # events in one transaction
RETRY = 0.25  # seconds between two tries at a locked or full database
CHECKPOINT = 4 << 20  # bytes of WAL file above which a checkpoint is worth it

Future = asyncio.Future[None]
Batch = list[tuple[Sequence[Entry], Future]]
Settled = Callable[[list[Future], list[Event], Exception | None], None]


class JournalFull(Exception):
    """More events wait for the database than memory should hold."""


class Writer:
    """A thread that owns a :class:`Store`; ``submit`` may be called from any thread.

    ``settled(futures, new events, error)`` is called in the thread, once for each transaction.
    """

    def __init__(self, path: Path, settled: Settled) -> None:
        self._path = path
        self._settled = settled
        self._waiting: queue.SimpleQueue[tuple[Sequence[Entry], Future] | None]
        self._waiting = queue.SimpleQueue()
        self._stopping = threading.Event()
        # Monotonic time until which a locked database is waited for at the end.
        self._patience = 0.0
        self._store: Store | None = None
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self.trouble: str = ""  # what the database said last, while it does not take anything

    def start(self) -> None:
        self._thread.start()

    def submit(self, events: Sequence[Entry], future: Future) -> None:
        """Hand events over; ``future`` is settled when they are durable.

        :raises JournalFull: the database has not answered for too long.
        """
        if self._waiting.qsize() > WAITING:
            raise JournalFull(f"{WAITING} appends wait for the database: {self.trouble}")
        self._waiting.put((events, future))

    def stop(self, timeout: float = 10) -> None:
        """Write what is waiting, then end the thread."""
        self._stopping.set()
        self._waiting.put(None)
        self._thread.join(timeout)

    def _run(self) -> None:
        with suppress(sqlite3.Error, OSError):
            self._opened()  # before the first event needs it; what is wrong then, is then said
        try:
            while batch := self._take():
                self._write(batch)
        finally:
            self._close()

    def _opened(self) -> Store:
        """:raises sqlite3.Error, OSError: it cannot be opened."""
        if self._store is None:
            finish(self._path)
            self._store = Store(self._path)
        return self._store

    def _close(self) -> None:
        store, self._store = self._store, None
        if store:
            store.close()

    def _take(self) -> Batch:
        """All that is waiting now; blocks while there is nothing; empty at the end."""
        batch: Batch = []
        one = self._waiting.get()
        while one is not None:
            batch.append(one)
            if len(batch) >= BATCH:
                return batch
            try:
                one = self._waiting.get_nowait()
            except queue.Empty:
                return batch
        if batch:
            self._waiting.put(None)  # the end was found behind a batch: seen again next time
        return batch

    def _write(self, batch: Batch) -> None:
        """Write until it is written; what the database refuses for good is told to who waits."""
        futures = [future for _, future in batch]
        events = [event for events, _ in batch for event in events]
        while True:
            try:
                added = self._opened().append(events)
            except Exception as error:  # the edge of the thread: whoever waits must hear of it
                if not self._may_try_again(error):
                    return self._settled(futures, [], error)
            else:
                self.trouble = ""
                return self._settled(futures, added, None)

    def _may_try_again(self, error: Exception) -> bool:
        """Do something about the database's trouble, and wait a little.

        1. Another process has mended the file: open the new one, at once.
        2. It is damaged: mend it. 3. The disk is full: give up the ballast.
        4. Anything else of the database's: it passes. Any other error stays: False.
        """
        if isinstance(error, Replaced):
            self._close()
            return True
        if not isinstance(error, (sqlite3.OperationalError, OSError)) and not is_broken(error):
            log.exception("events not written")
            return False
        self._complain(error)
        if is_broken(error):
            self._mend()
        elif is_full(error) and ballast.release(ballast.beside(self._path)):
            log.error("the disk is full: the ballast is given up, the journal goes on")
        return not (self._stopping.wait(RETRY) and self._given_up())

    def _mend(self) -> None:
        self._close()
        try:
            mend(self._path)
        except (sqlite3.Error, OSError) as error:
            log.exception("the database is damaged and cannot be mended", reason=str(error))

    def _complain(self, error: Exception) -> None:
        if str(error) != self.trouble:
            log.error("the database takes nothing; trying again", reason=str(error))
        self.trouble = str(error)

    def _given_up(self) -> bool:
        """While stopping, a database that stays locked is waited for 5 s."""
        self._patience = self._patience or time.monotonic() + 5
        time.sleep(RETRY)
        return time.monotonic() > self._patience


class Checkpointer:
    """Moves the WAL into the database file, off the writer's path, in its own thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._wal = path.with_name(path.name + "-wal")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="checkpoint", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(5)

    def _run(self) -> None:
        connection = sqlite3.connect(self._path, timeout=1, isolation_level=None)
        try:
            while not self._stopping.wait(0.5):
                if self._wal.exists() and self._wal.stat().st_size > CHECKPOINT:
                    self._checkpoint(connection)
        finally:
            connection.close()

    def _checkpoint(self, connection: sqlite3.Connection) -> None:
        try:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        except sqlite3.OperationalError as error:
            log.warning("checkpoint put off", reason=str(error))
