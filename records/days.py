"""Days that are counted for good: what stays of a day when the rows of its calls are deleted.

One event ``day.counted`` for each local date, projected into the table ``days``. It names no
caller and no agent; durations are in buckets (records/spread.py). A day is counted once, when
its calls are about to be deleted: what is learnt of it later is not in it.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from datetime import date
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from . import kinds
from .changes import Change, Changes, State
from .events import Event, now
from .fates import Calls, count, read, unreached
from .periods import SLOT, FiguresError, local_hours, period
from .spread import Spread
from .tally import Tally

LAST = """SELECT max(coalesce((SELECT max(number) FROM calls), 0),
    coalesce((SELECT max(last) FROM days), 0))"""
NUMBERED = """SELECT CASE kind WHEN :counted THEN json_extract(body, '$.last') END FROM journal
    WHERE kind IN (:counted, :arrived) ORDER BY seq"""


class Durations(Struct):
    """:class:`~.spread.Spread` as it is stored."""

    total: int
    times: dict[int, int]


class Cell(Struct):
    """What became of the calls of one hour (as the clock shows it), queue and topic."""

    hour: int
    queue: str
    topic: str
    fates: dict[str, int]
    answered: Durations
    unanswered: Durations
    talks: Durations

    def tally(self) -> Tally:
        spreads = (Spread(Counter(d.times), d.total) for d in self._durations())
        return Tally(Counter(self.fates), *spreads)

    def _durations(self) -> tuple[Durations, Durations, Durations]:
        return self.answered, self.unanswered, self.talks


class Callers(Struct):
    """Callers who reached nobody that day nor since, and calls of withheld numbers that did not."""

    unreached: int
    withheld: int


class Day(Struct):
    """One local date. ``last``: the highest number of a call so far. ``callers``: by queue,
    and under the empty name those of the whole line, of whom one may have tried two queues.
    """

    date: str
    last: int
    cells: list[Cell]
    callers: dict[str, Callers]


def count_day(connection: sqlite3.Connection, day: date, zone: ZoneInfo) -> Event:
    """The event that holds a day's figures, to be appended before its calls are deleted, and in
    the transaction that counted it: ``last`` is the number of calls in the journal before it.

    :raises FiguresError: the day is not over. :raises sqlite3.Error: it cannot be read.
    """
    since, until = period("day", day).bounds(zone)
    if until > now():
        raise FiguresError(f"{day} is not over: it cannot be counted yet")
    calls = read(connection, since, until)
    last = int(connection.execute(LAST).fetchone()[0])
    callers = {
        queue: Callers(len(found), withheld)
        for queue in sorted({"", *calls.queues})
        for found, withheld in [unreached(connection, calls, _of(calls, queue), until)]
    }
    found = Day(str(day), last, list(_cells(calls, zone)), callers)
    body = msgspec.to_builtins(found, str_keys=True)
    return Event(id=f"{kinds.DAY_COUNTED}:{day}", at=until, kind=kinds.DAY_COUNTED, body=body)


def _of(calls: Calls, queue: str) -> Calls:
    return calls.only(name == queue for name in calls.queues) if queue else calls


def _cells(calls: Calls, zone: ZoneInfo) -> Iterator[Cell]:
    hours = local_hours(set(calls.slots), zone)
    keys = zip((hours[slot][1] for slot in calls.slots), calls.queues, calls.topics, strict=True)
    for (hour, queue, topic), tally in sorted(count(calls, keys).items()):
        coarse = tally.coarse()
        spreads = (
            Durations(spread.total, dict(sorted(spread.times.items())))
            for spread in (coarse.answered, coarse.unanswered, coarse.talks)
        )
        yield Cell(hour, queue, topic, dict(coarse.fates), *spreads)


def fold_day(state: State, event: Event) -> Changes:
    """The row of ``days``; a date that is counted already stays as it is."""
    day, last = str(event.body["date"]), int(event.body["last"])
    if state.row("days", day) is not None:
        return []
    body = msgspec.json.encode(event.body).decode()
    return [Change("days", day, {"last": last, "body": body})]


def counted(connection: sqlite3.Connection, first: date, after: date) -> dict[date, Day]:
    """The days of an interval of local dates that are counted for good."""
    sql = "SELECT date, body FROM days WHERE date >= ? AND date < ? ORDER BY date"
    rows = connection.execute(sql, (str(first), str(after)))
    decode = msgspec.json.Decoder(Day).decode
    return {date.fromisoformat(row[0]): decode(row[1]) for row in rows}


def uncounted(connection: sqlite3.Connection, before: int, zone: ZoneInfo) -> list[date]:
    """The local dates of calls that arrived before an instant and are not counted yet."""
    sql = f"SELECT DISTINCT arrived / {SLOT} FROM calls WHERE arrived < ?"
    slots = {row[0] for row in connection.execute(sql, (before,))}
    known = {row[0] for row in connection.execute("SELECT date FROM days")}
    days = {day for day, _ in local_hours(slots, zone).values()}
    return sorted(day for day in days if str(day) not in known)


def deletable(connection: sqlite3.Connection, before: int) -> int:
    """Up to which number calls may be deleted, if those from an instant on are to stay.

    Numbers have no gaps, and a rebuild counts on from those that are gone: so the calls are
    deleted from the first on, whatever order they came to the journal in.
    """
    sql = "SELECT coalesce((SELECT min(number) - 1 FROM calls WHERE arrived >= ?), max(number), 0)"
    return int(connection.execute(f"{sql} FROM calls", (before,)).fetchone()[0])


def first_number(connection: sqlite3.Connection) -> int:
    """The number of the first call that is in the journal still: behind those that are deleted.

    A counted day says how many calls there had been; those that do not stand before it in the
    journal any more are deleted.
    """
    sql = "SELECT 1 FROM journal WHERE id >= ? AND id < ? LIMIT 1"
    edges = f"{kinds.DAY_COUNTED}:", f"{kinds.DAY_COUNTED};"
    if connection.execute(sql, edges).fetchone() is None:
        return 1
    arrived = deleted = 0
    names = {"counted": kinds.DAY_COUNTED, "arrived": kinds.ARRIVED}
    for (last,) in connection.execute(NUMBERED, names):
        if last is None:
            arrived += 1
        else:
            deleted = max(deleted, last - arrived)
    return deleted + 1
