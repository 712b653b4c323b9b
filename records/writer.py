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
from .store import Store

log = structlog.get_logger(__name__)

WAITING = 200_000  # events that may wait for a database that does not answer
BATCH = 2_000  # events in one transaction
RETRY = 0.25  # seconds between two tries at a locked or full database
CHECKPOINT = 4 << 20  # bytes of WAL file above which a checkpoint is worth it

Done = Callable[[list[Event], BaseException | None], None]


class JournalFull(Exception):
    """More events wait for the database than memory should hold."""


class Writer:
    """A thread that owns a :class:`Store`; ``submit`` may be called from any thread."""

    def __init__(self, path: Path, committed: Callable[[list[Event]], None]) -> None:
        self._path = path
        self._committed = committed
        self._waiting: queue.SimpleQueue[tuple[Sequence[Event], Done] | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self.trouble: str = ""  # what the database said last, while it does not take anything

    def start(self) -> None:
        self._thread.start()

    def submit(self, events: Sequence[Event], done: Done) -> None:
        """Hand events over; ``done`` is called in the writer's thread when they are durable.

        :raises JournalFull: the database has not answered for too long.
        """
        if self._waiting.qsize() > WAITING:
            raise JournalFull(f"{WAITING} batches wait for the database: {self.trouble}")
        self._waiting.put((events, done))

    def stop(self, timeout: float = 10) -> None:
        """Write what is waiting, then end the thread."""
        self._stopping.set()
        self._waiting.put(None)
        self._thread.join(timeout)

    def _run(self) -> None:
        store = Store(self._path)
        try:
            while (batch := self._take()) is not None:
                self._write(store, batch)
        finally:
            store.close()

    def _take(self) -> list[tuple[Sequence[Event], Done]] | None:
        """All that is waiting now; blocks while there is nothing; None at the end."""
        batch, size = [], 0
        first = self._waiting.get()
        while first is not None:
            batch.append(first)
            size += len(first[0])
            if size >= BATCH:
                return batch
            try:
                first = self._waiting.get_nowait()
            except queue.Empty:
                return batch
        self._waiting.put(None)  # found behind a batch, or alone: seen again next time
        return batch or None

    def _write(self, store: Store, batch: list[tuple[Sequence[Event], Done]]) -> None:
        while True:
            try:
                added = store.append(event for events, _ in batch for event in events)
            except sqlite3.OperationalError as error:
                self._complain(error)
                if self._stopping.wait(RETRY) and self._stopped_long_enough():
                    return self._answer(batch, error)
            except Exception as error:  # one bad event must not silence the journal
                log.exception("batch refused", events=sum(len(events) for events, _ in batch))
                return self._alone(store, batch, error)
            else:
                self.trouble = ""
                self._answer(batch, None)
                if added:
                    self._committed(added)
                return None

    def _alone(
        self, store: Store, batch: list[tuple[Sequence[Event], Done]], error: Exception
    ) -> None:
        """Write each caller's events by themselves, so that only the bad ones fail."""
        if len(batch) == 1:
            return self._answer(batch, error)
        for one in batch:
            self._write(store, [one])

    def _answer(
        self, batch: list[tuple[Sequence[Event], Done]], error: BaseException | None
    ) -> None:
        for events, done in batch:
            done(list(events), error)

    def _complain(self, error: Exception) -> None:
        if str(error) != self.trouble:
            log.error("the database takes nothing; trying again", reason=str(error))
        self.trouble = str(error)

    _patience: float = 0

    def _stopped_long_enough(self) -> bool:
        """While stopping, a database that stays locked is waited for 5 s."""
        self._patience = self._patience or time.monotonic() + 5
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


def into(loop: asyncio.AbstractEventLoop, future: asyncio.Future[None]) -> Done:
    """A ``done`` that settles ``future`` in its own event loop."""

    def settle(error: BaseException | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)

    def done(events: list[Event], error: BaseException | None) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, error)

    return done
