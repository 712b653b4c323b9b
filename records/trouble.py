"""What is wrong with the database, by SQLite's own result codes (sqlite.org/rescode.html)."""

import os
import sqlite3
from pathlib import Path

BROKEN = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
# A quota (EDQUOT) and a limit (EFBIG) come as a failed write, not as SQLITE_FULL.
FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE})

REFUSED = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM})


class Replaced(Exception):
    """The database is another file than the one that was opened: it was mended meanwhile."""


def code(error: BaseException) -> int:
    """The extended result code; 0 for an error that is not SQLite's."""
    return int(getattr(error, "sqlite_errorcode", 0) or 0)


def is_full(error: BaseException) -> bool:
    return code(error) in FULL


def is_refused(error: BaseException) -> bool:
    """Whether this user may not open or write it."""
    return code(error) & 0xFF in REFUSED


def is_broken(error: BaseException) -> bool:
    """Whether a part of the file cannot be read: it must be mended (records/salvage.py)."""
    return code(error) & 0xFF in BROKEN


def is_passing(error: BaseException) -> bool:
    """Whether it is the database's trouble (locked, full, unreadable) and not an event's."""
    return isinstance(error, sqlite3.OperationalError) and code(error) not in (
        0,
        sqlite3.SQLITE_ERROR,
    )


def needs_mending(error: BaseException) -> bool:
    """Whether a service has to begin anew because of its database; looks into groups."""
    if isinstance(error, BaseExceptionGroup):
        return any(map(needs_mending, error.exceptions))
    return isinstance(error, Replaced) or is_broken(error)


def identity(path: Path | str) -> int:
    """Which file this is: another one after it was replaced. 0: there is none.

    Asked for with each transaction; a text is twice as fast as a Path.
    """
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return 0
