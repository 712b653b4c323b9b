"""The writing end of the database file: events and projections, in one transaction.

Not thread-safe: one :class:`Store` belongs to one thread (records/writer.py).
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import structlog

from .events import Event
from .projections import KEYS, Change, Row, fold

log = structlog.get_logger(__name__)
_encode = msgspec.json.encode

INSERT = """INSERT INTO journal (id, at, kind, call, actor, node, body)
    VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"""
SELECT = {table: f"SELECT * FROM {table} WHERE {key} = ?" for table, key in KEYS.items()}


class Store:
    """One read-write connection. Implements :class:`~.projections.State`."""

    def __init__(self, path: Path) -> None:
        # Busy timeout 2 s: the writer retries for ever, and must notice that it is to stop.
        self.connection = sqlite3.connect(
            path, timeout=2, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        self.connection.row_factory = sqlite3.Row
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            self.connection.execute(f"PRAGMA {pragma}")
        # Checkpoints are off the writer's path: see Journal's checkpointer.
        self.connection.execute("PRAGMA wal_autocheckpoint = 0")
        self._number: int | None = None

    def close(self) -> None:
        self.connection.close()

    def append(self, events: Iterable[Event]) -> list[Event]:
        """Append what is new, with its projections, in one durable transaction.

        :returns: the new events with their ``seq``.
        :raises sqlite3.OperationalError: locked, full, unreadable; nothing was written.
        """
        with self.transaction():
            added = [self.add(event) for event in events]
        return [event for event in added if event is not None]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; the write lock is taken at once, so that nothing read is stale."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.connection.execute("COMMIT")
        except BaseException:
            self._number = None
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise

    def add(self, event: Event) -> Event | None:
        """Append one event inside :meth:`transaction`; None when it is there already."""
        cursor = self.connection.execute(INSERT, _row(event))
        if not cursor.rowcount:
            return None
        event = msgspec.structs.replace(event, seq=cursor.lastrowid or 0)
        self.project(event)
        return event

    def project(self, event: Event) -> None:
        """An event that the projections cannot digest stays in the journal, and is logged."""
        try:
            for change in fold(self, event):
                self.apply(change)
        except sqlite3.OperationalError:
            raise
        except (sqlite3.Error, LookupError, TypeError, ValueError):
            log.exception("event set aside", seq=event.seq, kind=event.kind)

    def apply(self, change: Change) -> None:
        """Insert or update the row that ``change`` names."""
        key = KEYS[change.table]
        columns = list(change.values)
        sets = ", ".join(f"{column} = ?" for column in columns)
        values = list(change.values.values())
        updated = self.connection.execute(
            f"UPDATE {change.table} SET {sets} WHERE {key} = ?", (*values, change.key)
        )
        if not updated.rowcount:
            names = ", ".join([key, *columns])
            marks = ", ".join("?" * (len(columns) + 1))
            self.connection.execute(
                f"INSERT INTO {change.table} ({names}) VALUES ({marks})", (change.key, *values)
            )
            if change.table == "calls":
                self._number = change.values["number"] + 1

    def row(self, table: str, key: str) -> Row | None:
        found: Row | None = self.connection.execute(SELECT[table], (key,)).fetchone()
        return found

    def next_number(self) -> int:
        if self._number is None:
            sql = "SELECT coalesce(max(number), 0) + 1 FROM calls"
            self._number = int(self.connection.execute(sql).fetchone()[0])
        return self._number

    def offers_of(self, call: str) -> Sequence[Row]:
        return self.connection.execute("SELECT * FROM offers WHERE call = ?", (call,)).fetchall()


def read(
    connection: sqlite3.Connection, after: int = 0, call: str = "", limit: int = 1000
) -> Iterator[Event]:
    """Events of the journal behind ``after``, in order, at most ``limit``."""
    only = "AND call = :call" if call else ""
    sql = f"SELECT * FROM journal WHERE seq > :after {only} ORDER BY seq LIMIT :limit"
    for row in connection.execute(sql, {"after": after, "call": call, "limit": limit}):
        body = msgspec.json.decode(row["body"])
        yield Event(**{name: row[name] for name in row.keys() if name != "body"}, body=body)


def data_version(connection: sqlite3.Connection) -> int:
    """A number that changes when any other connection has committed."""
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


def last_seq(connection: sqlite3.Connection) -> int:
    """The place of the newest event, 0 in an empty journal."""
    return int(connection.execute("SELECT coalesce(max(seq), 0) FROM journal").fetchone()[0])


def _row(event: Event) -> tuple[str, int, str, str, str, str, str]:
    body = _encode(event.body).decode()
    return event.id, event.at, event.kind, event.call, event.actor, event.node, body
