"""The shifts in the database, as coordinators plan them; who comes: records/signups.py.

Plain tables, like the people themselves; each change is an event, too, in the same transaction.
Who comes and who does not is computed from them in records/rota.py.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date, time
from pathlib import Path
from typing import Any

from . import kinds
from .events import Event, instant, now
from .rota import Rota, Shift, SignUp, make
from .schema import reader
from .store import Store

WANTED = 99
# Who is disabled cannot come, and holds no place until they are enabled again.
SIGNED = """SELECT s.* FROM signups s JOIN agents a ON a.name = s.agent
    WHERE a.disabled IS NULL AND (s.last >= ? OR s.last IS NULL)
    ORDER BY s.shift, s.changed, s.agent"""


class ShiftError(Exception):
    """What was asked cannot be; ``word``: which sentence of the page says so."""

    def __init__(self, word: str, text: str) -> None:
        super().__init__(text)
        self.word = word


def read(connection: sqlite3.Connection, since: date = date.min) -> Rota:
    """The rota as it stands, true of the dates from ``since`` on.

    :raises sqlite3.Error: the database cannot be read.
    """
    shifts = [_shift(row) for row in connection.execute("SELECT * FROM shifts ORDER BY id")]
    day = (since.isoformat(),)
    signups = [
        SignUp(row["shift"], row["agent"], _date(row["first"]), _maybe(row["last"]), row["changed"])
        for row in connection.execute(SIGNED, day)
    ]
    off = {
        (row["shift"], _date(row["date"])): int(row["changed"])
        for row in connection.execute("SELECT * FROM shift_cancelled WHERE date >= ?", day)
    }
    skips = {
        (row["shift"], str(row["agent"]), _date(row["date"])): int(row["changed"])
        for row in connection.execute("SELECT * FROM signup_skips WHERE date >= ?", day)
    }
    return make(shifts, signups, off, skips)


def read_from(path: Path, since: date = date.min) -> Rota:
    with closing(reader(path)) as connection:
        return read(connection, since)


def labels(path: Path) -> dict[str, str]:
    """The alias of each agent."""
    with closing(reader(path)) as connection:
        rows = connection.execute("SELECT name, label FROM agents").fetchall()
    return {row["name"]: row["label"] for row in rows}


def add(
    path: Path,
    day: int,
    hours: tuple[time, time],
    wanted: int,
    first: date,
    last: date | None = None,
    queues: Sequence[str] = (),
) -> int:
    """Plan a shift; returns its number. ``queues`` must be names of the line's.

    :raises ShiftError: a number of people that cannot be, or no date between the two.
    """
    if not 1 <= wanted <= WANTED:
        raise ShiftError("bad", f"the number of people must be from 1 to {WANTED}")
    if last is not None and (last - first).days < (day - first.weekday()) % 7:
        raise ShiftError("bad", f"there is no such day from {first} to {last}")
    with acting(path) as store:
        at = now()
        values = (day, *(f"{one:%H:%M}" for one in hours), " ".join(queues), wanted)
        dates = (first.isoformat(), last and last.isoformat())
        sql = """INSERT INTO shifts (day, starts, ends, queues, wanted, first, last, added, changed)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
        id = store.connection.execute(sql, (*values, *dates, at, at)).lastrowid or 0
        say(store, kinds.SHIFT_ADDED, id, at)
    return id


def change(
    path: Path,
    id: int,
    *,
    hours: tuple[time, time] | None = None,
    wanted: int | None = None,
    last: date | None = None,
    today: date | None = None,
) -> None:
    """Give a shift other hours, another number of people, or a last date; who comes stays.

    :param today: one that is removed only from a later date on can be changed still.

    :raises ShiftError: there is none; a number that cannot be, or an end before its beginning.
    """
    with acting(path) as store:
        shift, at = find(store.connection, id, today), now()
        starts, ends = hours or (shift.starts, shift.ends)
        wanted, last = shift.wanted if wanted is None else wanted, last or shift.last
        if not 1 <= wanted <= WANTED:
            raise ShiftError("bad", f"the number of people must be from 1 to {WANTED}")
        if last is not None and last < shift.first:
            raise ShiftError("bad", f"shift {id} begins on {shift.first}, after {last}")
        values = (f"{starts:%H:%M}", f"{ends:%H:%M}", wanted, last and last.isoformat(), at, id)
        sql = """UPDATE shifts SET starts = ?, ends = ?, wanted = ?, last = ?, changed = ?
            WHERE id = ?"""
        store.connection.execute(sql, values)
        say(store, kinds.SHIFT_CHANGED, id, at)


def remove(path: Path, id: int, first: date) -> None:
    """From a date on there is no such shift. :raises ShiftError: there is none then already."""
    with acting(path) as store:
        find(store.connection, id, first)
        at = now()
        sql = "UPDATE shifts SET removed = ?, changed = ? WHERE id = ?"
        store.connection.execute(sql, (first.isoformat(), at, id))
        say(store, kinds.SHIFT_REMOVED, id, at, date=first.isoformat())


def keep(path: Path, id: int) -> None:
    """A shift that was removed is planned again. :raises ShiftError: there never was."""
    with acting(path) as store:
        at, sql = now(), "UPDATE shifts SET removed = NULL, changed = ? WHERE id = ?"
        if not store.connection.execute(sql, (at, id)).rowcount:
            raise ShiftError("gone", f"there is no shift {id}; 'decroche shift list' shows them")
        say(store, kinds.SHIFT_RESTORED, id, at)


def cancel(path: Path, id: int, day: date, off: bool = True) -> None:
    """A shift does not take place on a date; ``off=False``: it does, after all.

    :raises ShiftError: there is no such shift, or not on that date.
    """
    with acting(path) as store:
        shift, at = find(store.connection, id, day), now()
        on_its_day(shift, day)
        if off:
            sql = "INSERT OR IGNORE INTO shift_cancelled VALUES (?, ?, ?)"
            done = store.connection.execute(sql, (id, day.isoformat(), at)).rowcount
        else:
            sql = "DELETE FROM shift_cancelled WHERE shift = ? AND date = ?"
            done = store.connection.execute(sql, (id, day.isoformat())).rowcount
            store.connection.execute("UPDATE shifts SET changed = ? WHERE id = ?", (at, id))
        if done:
            kind = kinds.SHIFT_CANCELLED if off else kinds.SHIFT_RESTORED
            say(store, kind, id, at, date=day.isoformat())


def find(connection: sqlite3.Connection, id: int, day: date | None = None) -> Shift:
    """A shift that is planned, on a date or (without one) for good.

    :raises ShiftError: there is none of this number, or it is removed by then.
    """
    row = connection.execute("SELECT * FROM shifts WHERE id = ?", (id,)).fetchone()
    removed = _maybe(row["removed"]) if row else None
    if row is None or (removed is not None and (day is None or removed <= day)):
        raise ShiftError("gone", f"there is no shift {id}; 'decroche shift list' shows them")
    return _shift(row)


def purge(connection: sqlite3.Connection, limit: int) -> int:
    """Delete what is before an instant: who came, which shift was. Returns how much.

    A weekly sign-up that goes on is taken to have begun then.
    """
    day = instant(limit).date().isoformat()
    counts = [
        connection.execute(sql, {"day": day}).rowcount
        for sql in (
            "DELETE FROM signups WHERE last < :day",
            """UPDATE signups SET first = :day
                WHERE first < :day AND (last IS NULL OR last <> first)""",
            "DELETE FROM signup_skips WHERE date < :day",
            "DELETE FROM shift_cancelled WHERE date < :day",
            "DELETE FROM shifts WHERE coalesce(removed, last) < :day",
        )
    ]
    return counts[0] + sum(counts[2:])


def on_its_day(shift: Shift, day: date) -> None:
    if not shift.planned(day):
        raise ShiftError("gone", f"shift {shift.id} is not on {day} ({day:%A})")


def _shift(row: sqlite3.Row) -> Shift:
    return Shift(
        id=row["id"],
        day=row["day"],
        starts=time.fromisoformat(row["starts"]),
        ends=time.fromisoformat(row["ends"]),
        queues=tuple(row["queues"].split()),
        wanted=row["wanted"],
        first=_date(row["first"]),
        last=_maybe(row["last"]),
        removed=_maybe(row["removed"]),
        added=row["added"],
        changed=row["changed"],
    )


def _date(text: str) -> date:
    return date.fromisoformat(text)


def _maybe(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def say(store: Store, kind: str, id: int, at: int, agent: str = "", **body: Any) -> None:
    key = f"{agent or 'shift'}:{kind}:{id}:{at}"
    store.add(Event(id=key, at=at, kind=kind, actor=agent, body={"shift": id} | body))


@contextmanager
def acting(path: Path) -> Iterator[Store]:
    """One transaction: the tables and the event that says so."""
    store = Store(path)
    try:
        with store.transaction():
            yield store
    finally:
        store.close()
