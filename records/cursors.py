"""How far the record of others (Asterisk's own) has been read into the journal.

A cursor moves only when what stands before it is durable in the journal: reading
a piece twice changes nothing, passing over one would lose it.
"""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from .events import now
from .schema import reader


@dataclass(frozen=True)
class Cursor:
    """``place`` in the source's own terms; ``at``: microseconds UTC, when it was read so far."""

    place: str = ""
    at: int = 0


def load(path: Path, source: str) -> Cursor:
    """The cursor of a source; an empty one when nothing has been read."""
    with closing(reader(path)) as connection:
        sql = "SELECT place, at FROM cursors WHERE source = ?"
        row = connection.execute(sql, (source,)).fetchone()
    return Cursor(row["place"], row["at"]) if row else Cursor()


def save(path: Path, source: str, place: str) -> None:
    """Move a cursor, and note that it was looked at now.

    :raises sqlite3.OperationalError: the database stays locked or is full.
    """
    with closing(sqlite3.connect(path, timeout=5, isolation_level=None)) as connection:
        connection.execute(
            "INSERT OR REPLACE INTO cursors (source, place, at) VALUES (?, ?, ?)",
            (source, place, now()),
        )
