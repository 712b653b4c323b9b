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
from pathlib import Path

import structlog

from .events import Event
from .store import Entry, Store

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
        self._patience = (
            0.0  # monotonic time until which a locked database is waited for at the end
        )
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
        store = Store(self._path)
        try:
            while batch := self._take():
                self._write(store, batch)
        finally:
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

    def _write(self, store: Store, batch: Batch) -> None:
        futures = [future for _, future in batch]
        events = [event for events, _ in batch for event in events]
        while True:
            try:
                added = store.append(events)
            except sqlite3.OperationalError as error:
                self._complain(error)
                if self._stopping.wait(RETRY) and self._given_up():
                    return self._settled(futures, [], error)
            except Exception as error:  # the edge of the thread: whoever waits must hear of it
                log.exception("events not written", events=len(events))
                return self._settled(futures, [], error)
            else:
                self.trouble = ""
                return self._settled(futures, added, None)

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
