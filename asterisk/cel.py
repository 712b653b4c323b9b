"""Asterisk's channel event log in SQLite, read on from a place.

Rows are only ever added by Asterisk and removed by our purge, which keeps the
newest. A place is a row's number and time: where that row is another one or gone,
the file is a new one and is read from its beginning.

Source: cel_sqlite3_custom; asterisk/templates/cel_sqlite3_custom.conf.j2 names the columns.
"""

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ..records.events import MICRO
from .translate import Record

PLACE = re.compile(r"(\d{1,18}) (.{1,40})")
COLUMNS = "rowid, eventtype, eventtime, channel, uniqueid, linkedid, exten, extra"


@dataclass(frozen=True)
class Page:
    """Some records in order, and the place behind them; ``left``: rows that are still to come."""

    records: Sequence[Record]
    place: str
    left: int


def read(path: Path, place: str, limit: int) -> Page:
    """At most ``limit`` records behind a place.

    :raises sqlite3.Error: the file cannot be read.
    """
    if not path.exists():
        return Page((), place, 0)
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as connection:
        try:
            after = row_number(connection, place)
            sql = f"SELECT {COLUMNS} FROM cel WHERE rowid > ? ORDER BY rowid LIMIT ?"
            rows = connection.execute(sql, (after, limit)).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):  # Asterisk makes it when it starts
                return Page((), place, 0)
            raise
        if not rows:
            return Page((), place, 0)
        last = rows[-1]
        sql = "SELECT count(*) FROM cel WHERE rowid > ?"
        left = 0 if len(rows) < limit else connection.execute(sql, (last[0],)).fetchone()[0]
    records = [record for row in rows if (record := _record(row)) is not None]
    return Page(records, f"{last[0]} {last[2]}", left)


def last_sign(path: Path, boot: str) -> int | None:
    """The time of the last record of one start of Asterisk (microseconds UTC), None without any.

    :raises sqlite3.Error: the file cannot be read.
    """
    if not path.exists() or not boot:
        return None
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as connection:
        try:
            found = connection.execute(
                "SELECT max(CAST(eventtime AS REAL)) FROM cel WHERE uniqueid >= ? AND uniqueid < ?",
                (f"{boot}-", f"{boot}."),
            ).fetchone()[0]
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return None
            raise
    return None if found is None else round(found * MICRO)


def bridged(path: Path, linked: str) -> bool:
    """Whether two people have talked in a call (linked id).

    :raises sqlite3.Error: the file cannot be read.
    """
    if not path.exists():
        return False
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as connection:
        sql = "SELECT 1 FROM cel WHERE linkedid = ? AND uniqueid <> linkedid AND eventtype = ?"
        return connection.execute(sql, (linked, "BRIDGE_ENTER")).fetchone() is not None


def row_number(connection: sqlite3.Connection, place: str) -> int:
    """The row behind which a place is; 0 where that row is another one or gone."""
    found = PLACE.fullmatch(place)
    if not found:
        return 0
    sql = "SELECT eventtime FROM cel WHERE rowid = ?"
    row = connection.execute(sql, (int(found[1]),)).fetchone()
    return int(found[1]) if row is not None and str(row[0]) == found[2] else 0


def _record(row: Sequence[object]) -> Record | None:
    """None for a row without a time: nothing can be said of it."""
    _, event, at, channel, unique, linked, exten, extra = (str(value or "") for value in row)
    try:
        when = round(float(at) * MICRO)
    except ValueError:
        return None
    return Record(event, when, channel, unique, linked, exten, extra)
