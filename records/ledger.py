"""What people do with the ledger: find the next one, claim, call, close.

Each act is one event, written in the transaction that has looked at the entry: of two who
claim at once, one is told that the other was faster.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from . import kinds
from .changes import Row
from .events import MICRO, Event, instant, now
from .numbers import UNDO
from .promised import OUT
from .schema import reader
from .store import Store

CLAIM = 20 * 60  # seconds after which an entry that was claimed is anybody's again
TRIES = 5  # calls in vain after which an entry is closed
REASONS = ("talked", "not-needed", "wrong-number", "other")  # that a person may give

OPEN = """SELECT * FROM ledger WHERE closed IS NULL
    ORDER BY claimed_by IS ? DESC, attempts DESC, first LIMIT ?"""
WITHHELD = f"""SELECT count(*) FROM calls WHERE caller IS NULL AND arrived >= ?
    AND outcome IN ({", ".join(f"'{outcome}'" for outcome in sorted(kinds.MISSED))})"""


class LedgerError(Exception):
    """The act is not possible (any more). ``taken_by``: who has the entry, if anybody."""

    def __init__(self, text: str, taken_by: str = "") -> None:
        super().__init__(text)
        self.taken_by = taken_by


def entries(connection: sqlite3.Connection, limit: int = 500, mine: str = "") -> list[Row]:
    """Open entries: those that ``mine`` has claimed, then most attempts first, then the oldest."""
    return connection.execute(OPEN, (mine, limit)).fetchall()


def count(connection: sqlite3.Connection) -> int:
    """How many entries are open."""
    sql = "SELECT count(*) FROM ledger WHERE closed IS NULL"
    return int(connection.execute(sql).fetchone()[0])


def withheld(connection: sqlite3.Connection, since: int) -> int:
    """Calls that reached nobody and withheld their number: nobody can be called back."""
    return int(connection.execute(WITHHELD, (since,)).fetchone()[0])


def as_rows(path: Path) -> list[dict[str, Any]]:
    """The open entries for a list; times are the machine's local time, waits seconds."""
    with closing(reader(path)) as connection:
        return [
            {
                "caller": row["caller"][:8],
                "attempts": row["attempts"],
                "first": _local(row["first"]),
                "last": _local(row["last"]),
                "waited": row["waited"] // MICRO,
                "gave_up": row["stage"],
                "queue": row["queue"] or "",
                "tries": row["tries"],
                "claimed_by": holder(row, now()),
            }
            for row in entries(connection)
        ]


def _local(at: int) -> str:
    return instant(at).astimezone().isoformat(" ", "seconds")


def holder(entry: Row, at: int) -> str:
    """Who has claimed an entry at an instant; empty when it is anybody's."""
    return (entry["claimed_by"] or "") if entry["claimed_until"] > at else ""


def claim(path: Path, caller: str, by: str) -> None:
    """Take an entry, for CLAIM seconds; again, to have it longer.

    :raises LedgerError: somebody else has it, or it is closed.
    """
    with _entry(path, caller, by) as (act, _):
        act(kinds.OWED_CLAIMED, until=now() + CLAIM * MICRO)


def release(path: Path, caller: str, by: str) -> None:
    """Give an entry back. :raises LedgerError: see :func:`claim`."""
    with _entry(path, caller, by) as (act, _):
        act(kinds.OWED_RELEASED)


def tried(path: Path, caller: str, by: str) -> None:
    """They were called and did not answer; after TRIES times the entry is closed.

    :raises LedgerError: see :func:`claim`.
    """
    with _entry(path, caller, by) as (act, entry):
        act(kinds.OWED_TRIED)
        if entry["tries"] >= TRIES:  # the row as it is by now
            act(kinds.OWED_CLOSED, reason="no-answer")


def close(path: Path, caller: str, by: str, reason: str) -> None:
    """Close an entry, with one of REASONS.

    :raises LedgerError: see :func:`claim`. :raises ValueError: no such reason.
    """
    if reason not in REASONS:
        raise ValueError(f"no reason {reason!r}; there are: {', '.join(REASONS)}")
    with _entry(path, caller, by) as (act, _):
        act(kinds.OWED_CLOSED, reason=reason)


def reopen(path: Path, caller: str, by: str) -> None:
    """Take back what one has closed a moment ago, by mistake.

    :raises LedgerError: it was not oneself, not so lately, or it is open.
    """
    with _transaction(path, caller, by) as (act, entry):
        if entry is None or not can_reopen(entry, by):
            raise LedgerError("this entry is not yours to open again")
        act(kinds.OWED_REOPENED, until=now() + CLAIM * MICRO)


def can_reopen(entry: Row, by: str) -> bool:
    """Whether somebody closed this entry themselves, by hand, a moment ago."""
    own = entry["closed_by"] == by and entry["reason"] != "answered"
    return bool(own and entry["closed"] > now() - UNDO * MICRO)


def place(path: Path, caller: str) -> tuple[str, str]:
    """The queue and the trunk of a caller's newest attempt; empty when they are not known."""
    with closing(reader(path)) as connection:
        row = connection.execute(
            "SELECT queue, trunk FROM calls WHERE caller = ? ORDER BY arrived DESC LIMIT 1",
            (caller,),
        ).fetchone()
    return (row["queue"] or "", row["trunk"]) if row else ("", "")


def find(connection: sqlite3.Connection, caller: str) -> Row | None:
    """One entry, open or closed."""
    sql = "SELECT * FROM ledger WHERE caller = ?"
    found: Row | None = connection.execute(sql, (caller,)).fetchone()
    return found


@contextmanager
def _entry(path: Path, caller: str, by: str) -> Iterator[tuple[Any, Row]]:
    """One transaction over an open entry that nobody else has."""
    with _transaction(path, caller, by) as (act, entry):
        if entry is None or entry["closed"] is not None:
            raise LedgerError("this entry is closed already")
        other = holder(entry, now())
        if other and other != by:
            raise LedgerError(f"{other} has this entry", other)
        yield act, entry


def _being_called(store: Store, caller: str) -> None:
    """:raises LedgerError: the line is calling this caller, for an agent."""
    promise = store.rows.row("callbacks", caller)
    if promise is not None and promise["ended"] is None and promise["stage"] in OUT:
        raise LedgerError(f"{promise['taken_by']} is calling this caller now", promise["taken_by"])


@contextmanager
def _transaction(path: Path, caller: str, by: str) -> Iterator[tuple[Any, Row | None]]:
    store, at = Store(path), now()

    def act(kind: str, **body: Any) -> None:
        body = {"caller": caller} | body
        key = f"{caller}:{kind}:{at}"
        store.add(Event(id=key, at=at, kind=kind, actor=by, body=body))

    try:
        with store.transaction():
            _being_called(store, caller)
            yield act, store.rows.row("ledger", caller)
    finally:
        store.close()
