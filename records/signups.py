"""Who comes to which shift: taken and given back by agents, on a date or every week.

1. A sign-up is a range of dates: one date, or from one on without end.
2. Who does not come on a date of theirs has a skip for it; the range stays, so that a calendar can
   say that the date is cancelled.
3. Nobody signs up where enough others have; who comes every week skips the dates that are full.
"""

import sqlite3
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from . import kinds
from .events import instant, now
from .rota import DAY, Occurrence, Rota, Shift, SignUp
from .shifts import ShiftError, acting, find, on_its_day, read, say

AHEAD = timedelta(weeks=53)  # how far ahead somebody can sign up for a single date


def sign_up(
    path: Path, id: int, agent: str, day: date, zone: ZoneInfo, weekly: bool = False
) -> list[date]:
    """An agent comes on a date, or from it on every week. What was so already stays so.

    :returns: the dates ahead that are full already, and that they are not signed up for.
    :raises ShiftError: no such shift, agent or date; it is over, cancelled, or full.
    """
    with acting(path) as store:
        at = now()
        rota, shift = read(store.connection, day), find(store.connection, id, day)
        _check(rota, shift, agent, day, zone, at)
        sql = "SELECT 1 FROM agents WHERE name = ? AND disabled IS NULL"
        if not store.connection.execute(sql, (agent,)).fetchone():
            text = f"there is no agent {agent!r}, or it is disabled; see 'decroche agent list'"
            raise ShiftError("nobody", text)
        if weekly:
            _every_week(store.connection, id, agent, day, at)
        elif not any(one.covers(day) for one in _of(rota, id, agent)):
            one = (id, agent, day.isoformat(), day.isoformat(), at)
            store.connection.execute("INSERT INTO signups VALUES (?, ?, ?, ?, ?)", one)
        _unskip(store.connection, id, agent, day, weekly, at)
        full = _leave_full_ones(store.connection, shift, agent, day, at) if weekly else []
        say(store, kinds.SIGNED_UP, id, at, agent, date=day.isoformat(), weekly=weekly)
    return full


def withdraw(
    path: Path, id: int, agent: str, day: date, zone: ZoneInfo, weekly: bool = False
) -> None:
    """An agent does not come on a date, or from it on never again.

    :raises ShiftError: no such shift; they are not signed up for it; it is over.
    """
    with acting(path) as store:
        rota, shift, at = read(store.connection, day), find(store.connection, id, day), now()
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
        say(store, kinds.WITHDRAWN, id, at, agent, date=day.isoformat(), weekly=weekly)


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
    on_its_day(shift, day)
    one = rota.occurrence(shift, day, zone)
    if one is None or one.end <= at:
        raise ShiftError("over", f"shift {shift.id} of {day} is over")
    return one


def _of(rota: Rota, id: int, agent: str) -> Iterator[SignUp]:
    return (one for one in rota.signups.get(id, ()) if one.agent == agent)
