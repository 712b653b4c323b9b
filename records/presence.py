"""Availability that ends by itself: "I am free for 20 minutes", "until 14:00".

The end is an event like any other (``agent.away`` with ``by`` "until"); it names the availability
that it ends, so that one which comes too late undoes nothing that was declared since.
"""

import re
import sqlite3
from contextlib import closing
from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from . import kinds, people, views
from .changes import UNTIL, Row
from .events import MICRO, Event, instant, now
from .people import PeopleError
from .schema import reader

LONGEST = 12 * 60  # minutes that an availability with an end may last
MINUTES = (10, 20, 40, 60)  # what phone and page offer
KINDS = {state: kind for kind, state in kinds.PRESENCE.items()}
LENGTH = re.compile(r"(?:(\d{1,2})h)?(?:(\d{1,3})(?:m|min)?)?")
CLOCK = re.compile(r"([01]?\d|2[0-3])[:h]([0-5]\d)?")


class PresenceError(Exception):
    """What was asked cannot be declared; the text says why and what to write."""


def read_minutes(text: str) -> int:
    """Minutes of "20", "20m", "1h", "1h30". :raises PresenceError: it is no such length."""
    found = LENGTH.fullmatch(text.strip().lower().replace(" ", ""))
    minutes = 60 * int(found[1] or 0) + int(found[2] or 0) if found else 0
    if not 1 <= minutes <= LONGEST:
        raise PresenceError(f"{text!r} is no length of time up to 12 hours; write 20m or 1h30")
    return minutes


def after(minutes: int, at: int) -> int:
    """The instant ``minutes`` after ``at``, both microseconds UTC."""
    return at + minutes * 60 * MICRO


def read_clock(text: str, at: int, zone: ZoneInfo) -> int:
    """The next time that local clocks show "14:00", as an instant.

    On a night when an hour comes twice the first one is meant that is still to come.

    :raises PresenceError: it is no time of day, or more than 12 hours away.
    """
    found = CLOCK.fullmatch(text.strip().lower())
    if not found:
        raise PresenceError(f"{text!r} is no time of day; write 14:00")
    wanted, today = time(int(found[1]), int(found[2] or 0)), instant(at).astimezone(zone).date()
    for days, fold in ((0, 0), (0, 1), (1, 0)):
        local = datetime.combine(today + timedelta(days), wanted, zone).replace(fold=fold)
        then = int(local.timestamp()) * MICRO
        if at < then <= after(LONGEST, at):
            return then
    raise PresenceError(f"{text} is more than 12 hours away; give an earlier time, or none")


def checked(until: int, at: int) -> int:
    """An end that may be asked for. :raises PresenceError: it has passed, or is far away."""
    if not at < until <= after(LONGEST, at):
        raise PresenceError("that time has passed, or is more than 12 hours away")
    return until


def declare(path: Path, agent: str, state: str, by: str, until: int | None = None) -> None:
    """Write down what an agent is from now on; durable when this returns.

    :param state: available, paused or away.
    :raises PeopleError: there is no such agent, or it is disabled.
    """
    with closing(reader(path)) as connection:
        sql = "SELECT disabled FROM agents WHERE name = ?"
        row = connection.execute(sql, (agent,)).fetchone()
    if row is None:
        raise PeopleError(f"there is no agent {agent!r}; 'decroche agent list' shows them")
    if row["disabled"] is not None:
        raise PeopleError(f"{agent} is disabled; first: decroche agent enable {agent}")
    people.declare(path, KINDS[state], [agent], by, until if state == "available" else None)


def ended(agent: str, until: int) -> Event:
    """The end of an availability: the same fact whoever sees it, and however late."""
    at = max(now(), until)
    body = {"by": UNTIL, "until": until}
    return Event(id=f"{agent}:{until}:{kinds.AWAY}", at=at, kind=kinds.AWAY, actor=agent, body=body)


def ends(event: Event, until: int | None) -> bool:
    """Whether a declaration counts for who is available until ``until`` (None: without end)."""
    return event.body.get("by") != UNTIL or event.body.get("until") == until


def is_over(row: Row, at: int) -> bool:
    """Whether the availability of a row of views.presence is over, written down or not."""
    return row["until"] is not None and row["until"] <= at


def seconds_until(then: int, at: int) -> float:
    """How long to wait for an instant; a little too long rather than too short."""
    return max(0.0, (then - at) / MICRO) + 0.001


def one(connection: sqlite3.Connection, agent: str) -> Row | None:
    """The row of views.presence of one agent."""
    return next((row for row in views.presence(connection) if row["name"] == agent), None)
