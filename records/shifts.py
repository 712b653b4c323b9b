"""The shifts in the database: planned by coordinators, taken and given back by agents.

Plain tables, like the people themselves; each change is an event, too, in the same transaction.
Who comes and who does not is computed from them in records/rota.py.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from . import kinds
from .events import Event, instant, now
from .rota import DAY, Occurrence, Rota, Shift, SignUp, make
from .schema import reader
from .store import Store

AHEAD = timedelta(weeks=53)  # how far ahead somebody can sign up for a single date
WANTED = 99
SIGNED = """SELECT * FROM signups WHERE last >= ? OR last IS NULL
    ORDER BY shift, changed, agent"""


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
    if last is not None and first + (day - first.weekday()) % 7 * DAY > last:
        raise ShiftError("bad", f"there is no such day from {first} to {last}")
    with _acting(path) as store:
        at = now()
        values = (day, *(f"{one:%H:%M}" for one in hours), " ".join(queues), wanted)
        dates = (first.isoformat(), last and last.isoformat())
        sql = """INSERT INTO shifts (day, starts, ends, queues, wanted, first, last, added, changed)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
        id = store.connection.execute(sql, (*values, *dates, at, at)).lastrowid or 0
        _say(store, kinds.SHIFT_ADDED, id, at)
    return id


def remove(path: Path, id: int, today: date) -> None:
    """From a date on there is no such shift. :raises ShiftError: there is none now."""
    with _acting(path) as store:
        find(store.connection, id)
        at = now()
        sql = "UPDATE shifts SET removed = ?, changed = ? WHERE id = ?"
        store.connection.execute(sql, (today.isoformat(), at, id))
        _say(store, kinds.SHIFT_REMOVED, id, at, date=today.isoformat())


def keep(path: Path, id: int) -> None:
    """A shift that was removed is planned again. :raises ShiftError: there never was."""
    with _acting(path) as store:
        at, sql = now(), "UPDATE shifts SET removed = NULL, changed = ? WHERE id = ?"
        if not store.connection.execute(sql, (at, id)).rowcount:
            raise ShiftError("gone", f"there is no shift {id}; 'decroche shift list' shows them")
        _say(store, kinds.SHIFT_RESTORED, id, at)


def cancel(path: Path, id: int, day: date, off: bool = True) -> None:
    """A shift does not take place on a date; ``off=False``: it does, after all.

    :raises ShiftError: there is no such shift, or not on that date.
    """
    with _acting(path) as store:
        shift, at = find(store.connection, id), now()
        _on_its_day(shift, day)
        if off:
            sql = "INSERT OR IGNORE INTO shift_cancelled VALUES (?, ?, ?)"
            done = store.connection.execute(sql, (id, day.isoformat(), at)).rowcount
        else:
            sql = "DELETE FROM shift_cancelled WHERE shift = ? AND date = ?"
            done = store.connection.execute(sql, (id, day.isoformat())).rowcount
            store.connection.execute("UPDATE shifts SET changed = ? WHERE id = ?", (at, id))
        if done:
            kind = kinds.SHIFT_CANCELLED if off else kinds.SHIFT_RESTORED
            _say(store, kind, id, at, date=day.isoformat())


def sign_up(
    path: Path, id: int, agent: str, day: date, zone: ZoneInfo, weekly: bool = False
) -> list[date]:
    """An agent comes on a date, or from it on every week. What was so already stays so.

    :returns: the dates ahead that are full already, and that they are not signed up for.
    :raises ShiftError: no such shift, agent or date; it is over, cancelled, or full.
    """
    with _acting(path) as store:
        at = now()
        rota, shift = read(store.connection, day), find(store.connection, id)
        _check(rota, shift, agent, day, zone, at)
        if not store.connection.execute("SELECT 1 FROM agents WHERE name = ?", (agent,)).fetchone():
            raise ShiftError("nobody", f"there is no agent {agent!r}; see 'decroche agent list'")
        if weekly:
            _every_week(store.connection, id, agent, day, at)
        elif not any(one.covers(day) for one in _of(rota, id, agent)):
            one = (id, agent, day.isoformat(), day.isoformat(), at)
            store.connection.execute("INSERT INTO signups VALUES (?, ?, ?, ?, ?)", one)
        _unskip(store.connection, id, agent, day, weekly, at)
        full = _leave_full_ones(store.connection, shift, agent, day, at) if weekly else []
        _say(store, kinds.SIGNED_UP, id, at, agent, date=day.isoformat(), weekly=weekly)
    return full


def withdraw(
    path: Path, id: int, agent: str, day: date, zone: ZoneInfo, weekly: bool = False
) -> None:
    """An agent does not come on a date, or from it on never again.

    :raises ShiftError: no such shift; they are not signed up for it; it is over.
    """
    with _acting(path) as store:
        rota, shift, at = read(store.connection, day), find(store.connection, id), now()
        _check_is_to_come(rota, shift, day, zone, at)
        if not weekly and agent not in rota.people(shift, day):
            raise ShiftError("not-signed", f"{agent!r} is not signed up for {day}")
        values: dict[str, Any] = {"id": id, "agent": agent, "day": day.isoformat(), "at": at}
        if weekly:
            values["before"] = (day - DAY).isoformat()
            for sql in (
                "DELETE FROM signups WHERE shift = :id AND agent = :agent AND first >= :day",
                """UPDATE signups SET last = :before, changed = :at WHERE shift = :id
                    AND agent = :agent AND coalesce(last, :day) >= :day""",
                "DELETE FROM signup_skips WHERE shift = :id AND agent = :agent AND date >= :day",
            ):
                store.connection.execute(sql, values)
        else:
            sql = "INSERT OR REPLACE INTO signup_skips VALUES (:id, :agent, :day, :at)"
            store.connection.execute(sql, values)
        _say(store, kinds.WITHDRAWN, id, at, agent, date=day.isoformat(), weekly=weekly)


def find(connection: sqlite3.Connection, id: int) -> Shift:
    """A shift that is planned. :raises ShiftError: there is none of this number."""
    row = connection.execute("SELECT * FROM shifts WHERE id = ?", (id,)).fetchone()
    if row is None or row["removed"] is not None:
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


def _every_week(connection: sqlite3.Connection, id: int, agent: str, day: date, at: int) -> None:
    """From a date on one sign-up without end, instead of whatever there was."""
    values = {"id": id, "agent": agent, "day": day.isoformat(), "at": at}
    mine = "shift = :id AND agent = :agent"
    before = f"{mine} AND first < :day AND coalesce(last, :day) >= :day"
    goes_on = f"UPDATE signups SET last = NULL, changed = :at WHERE {before}"
    connection.execute(f"DELETE FROM signups WHERE {mine} AND first >= :day", values)
    if not connection.execute(goes_on, values).rowcount:
        connection.execute("INSERT INTO signups VALUES (:id, :agent, :day, NULL, :at)", values)


def _unskip(
    connection: sqlite3.Connection, id: int, agent: str, day: date, weekly: bool, at: int
) -> None:
    """Who had said not to come on a date comes after all; feeds must notice."""
    which = "date >= ?" if weekly else "date = ?"
    sql = f"DELETE FROM signup_skips WHERE shift = ? AND agent = ? AND {which}"
    if connection.execute(sql, (id, agent, day.isoformat())).rowcount:
        sql = """UPDATE signups SET changed = ? WHERE shift = ? AND agent = ?
            AND coalesce(last, ?) >= ?"""
        connection.execute(sql, (at, id, agent, day.isoformat(), day.isoformat()))


def _leave_full_ones(
    connection: sqlite3.Connection, shift: Shift, agent: str, day: date, at: int
) -> list[date]:
    """Of the coming year's dates, those for which enough others have signed up."""
    rota, full, ahead = read(connection, day), [], day
    while (ahead := ahead + 7 * DAY) < day + AHEAD:
        others = [one for one in rota.people(shift, ahead) if one != agent]
        if rota.is_on(shift, ahead) and len(others) >= shift.wanted:
            full.append(ahead)
    rows = [(shift.id, agent, one.isoformat(), at) for one in full]
    connection.executemany("INSERT INTO signup_skips VALUES (?, ?, ?, ?)", rows)
    return full


def _check(rota: Rota, shift: Shift, agent: str, day: date, zone: ZoneInfo, at: int) -> None:
    one = _check_is_to_come(rota, shift, day, zone, at)
    if one.cancelled:
        raise ShiftError("cancelled", f"shift {shift.id} does not take place on {day}")
    if agent not in one.people and not one.places:
        raise ShiftError("full", f"shift {shift.id} is full on {day}")
    if day > instant(at).astimezone(zone).date() + AHEAD:
        raise ShiftError("far", f"{day} is more than a year away")


def _check_is_to_come(rota: Rota, shift: Shift, day: date, zone: ZoneInfo, at: int) -> Occurrence:
    _on_its_day(shift, day)
    one = rota.occurrence(shift, day, zone)
    if one is None or one.end <= at:
        raise ShiftError("over", f"shift {shift.id} of {day} is over")
    return one


def _on_its_day(shift: Shift, day: date) -> None:
    if not shift.planned(day):
        raise ShiftError("gone", f"shift {shift.id} is not on {day} ({day:%A})")


def _of(rota: Rota, id: int, agent: str) -> Iterator[SignUp]:
    return (one for one in rota.signups.get(id, ()) if one.agent == agent)


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


def _say(store: Store, kind: str, id: int, at: int, agent: str = "", **body: Any) -> None:
    key = f"{agent or 'shift'}:{kind}:{id}:{at}"
    store.add(Event(id=key, at=at, kind=kind, actor=agent, body={"shift": id} | body))


@contextmanager
def _acting(path: Path) -> Iterator[Store]:
    """One transaction: the tables and the event that says so."""
    store = Store(path)
    try:
        with store.transaction():
            yield store
    finally:
        store.close()
