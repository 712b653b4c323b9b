"""The writing end of the database file: events and projections, in one transaction.

Not thread-safe: one :class:`Store` belongs to one thread (records/writer.py).
"""

import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import structlog

from .events import Event
from .numbers import Sealed
from .projections import fold
from .rows import Rows
from .trouble import Replaced, identity, is_broken, is_passing

log = structlog.get_logger(__name__)
_encode = msgspec.json.encode

INSERT = """INSERT INTO journal (id, at, kind, call, actor, node, body)
    VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"""
LOOK = 1.0  # seconds between two looks for what others have written without an event
KEEP = "INSERT OR REPLACE INTO numbers (caller, sealed, at) VALUES (?, ?, ?)"
Entry = Event | Sealed
# What an event that makes no sense raises, from the fold or from a STRICT table.
INDIGESTIBLE = (sqlite3.Error, LookupError, TypeError, ValueError)


class Store:
    """One read-write connection."""

    def __init__(self, path: Path) -> None:
        self._name, self._file = str(path), identity(path)
        # Busy timeout 2 s: the writer retries for ever, and must notice that it is to stop.
        self.connection = sqlite3.connect(
            path, timeout=2, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        self.connection.row_factory = sqlite3.Row
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "secure_delete = ON",  # as Debian's SQLite has it by default
        ):
            self.connection.execute(f"PRAGMA {pragma}")
        # Checkpoints are off the writer's path: see Checkpointer.
        self.connection.execute("PRAGMA wal_autocheckpoint = 0")
        self.rows = Rows(self.connection)
        self._version, self._looked = data_version(self.connection), 0.0
        self._seq: int | None = None  # of the newest event; None: to be looked at

    def close(self) -> None:
        self.connection.close()

    def append(self, events: Sequence[Entry]) -> list[Event]:
        """Append what is new, with its projections, in one durable transaction.

        An event that the projections cannot digest stays in the journal alone; one that
        cannot even be written down is logged and left out.

        :returns: the new events with their ``seq``.
        :raises sqlite3.OperationalError: locked, full; nothing was written.
        :raises sqlite3.DatabaseError, Replaced: damaged, or mended by another process
            (records/trouble.py tells which); nothing was written.
        """
        try:
            return self._append(events)
        except INDIGESTIBLE as error:
            if is_passing(error) or is_broken(error):
                raise
            if len(events) == 1:
                return self._set_aside(events[0])
            return [added for event in events for added in self.append([event])]

    def _append(self, events: Iterable[Entry], project: bool = True) -> list[Event]:
        self._begin(at_once=False)
        try:
            added = [self._add(entry, project) for entry in events]
            self._commit()
        except BaseException:
            self._abort()
            raise
        return [event for event in added if event is not None]

    def _add(self, entry: Entry, project: bool) -> Event | None:
        if isinstance(entry, Event):
            return self.add(entry, project)
        self.keep(entry)
        return None

    def keep(self, number: Sealed) -> None:
        """Write down a sealed number inside :meth:`transaction`."""
        self.connection.execute(KEEP, (number.caller, number.sealed, number.at))

    def _set_aside(self, event: Entry) -> list[Event]:
        if isinstance(event, Sealed):
            log.exception("a number cannot be written down")
            return []
        log.exception("event set aside", kind=event.kind)
        try:
            return self._append([event], project=False)
        except INDIGESTIBLE as error:
            if is_passing(error) or is_broken(error):
                raise
            log.exception("event cannot be written down", kind=event.kind)
            return []

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; the write lock is taken at once, so that nothing read is stale."""
        self._begin()
        try:
            yield
            self._commit()
        except BaseException:
            self._abort()
            raise

    def _begin(self, at_once: bool = True) -> None:
        """:param at_once: whether rows are read before an event is added. Else it is that event's
        place which tells whether somebody else has written: a statement less each time.
        """
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            if identity(self._name) != self._file:
                raise Replaced(f"{self._name} was mended meanwhile")
            if at_once or self._seq is None or time.monotonic() - self._looked > LOOK:
                self._look()
        except BaseException:
            self._abort()
            raise

    def _commit(self) -> None:
        self.rows.flush()
        self.connection.execute("COMMIT")
        self.rows.forget_ended()

    def _abort(self) -> None:
        self.rows.forget()
        self._seq = None
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    def _look(self) -> None:
        """Forget what was read if any other connection has written."""
        self._looked, self._seq = time.monotonic(), None
        if (version := data_version(self.connection)) != self._version:
            self._version = version
            self.rows.forget()

    def add(self, event: Event, project: bool = True) -> Event | None:
        """Append one event inside :meth:`transaction`; None when it is there already."""
        cursor = self.connection.execute(INSERT, row_of(event))
        if not cursor.rowcount:
            return None
        seq = cursor.lastrowid or 0
        if self._seq is not None and seq != self._seq + 1:
            self.rows.forget()  # others have added events; at the first of a transaction only
        self._seq = seq
        if project:
            self.rows.apply(fold(self.rows, event))
        return msgspec.structs.replace(event, seq=seq)


def read(connection: sqlite3.Connection, after: int = 0, limit: int = 1000) -> Iterator[Event]:
    """Events of the journal behind ``after``, in order, at most ``limit``."""
    sql = "SELECT * FROM journal WHERE seq > ? ORDER BY seq LIMIT ?"
    return map(_event, connection.execute(sql, (after, limit)))


def read_kinds(
    connection: sqlite3.Connection, after: int, newest: int, kinds: frozenset[str]
) -> list[Event]:
    """Events of some kinds behind ``after``, up to ``newest``, in order."""
    marks = ", ".join("?" * len(kinds))
    sql = f"""SELECT * FROM journal WHERE seq > ? AND seq <= ? AND kind IN ({marks}) ORDER BY seq"""
    return [_event(row) for row in connection.execute(sql, (after, newest, *sorted(kinds)))]


def read_call(connection: sqlite3.Connection, call: str) -> list[Event]:
    """All events of one call, in order."""
    sql = "SELECT * FROM journal WHERE id >= ? AND id < ? ORDER BY seq"
    return [_event(row) for row in connection.execute(sql, (call + ":", call + ";"))]


def _event(row: sqlite3.Row) -> Event:
    values = dict(row)
    return Event(**values | {"body": msgspec.json.decode(values["body"])})


def data_version(connection: sqlite3.Connection) -> int:
    """A number that changes when any other connection has committed."""
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


def last_seq(connection: sqlite3.Connection) -> int:
    """The place of the newest event, 0 in an empty journal."""
    return int(connection.execute("SELECT coalesce(max(seq), 0) FROM journal").fetchone()[0])


def row_of(event: Event) -> tuple[str, int, str, str, str, str, str]:
    body = _encode(event.body).decode()
    return event.id, event.at, event.kind, event.call, event.actor, event.node, body
