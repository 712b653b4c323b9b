"""The calls of a period, counted: from days that are counted for good, and from calls."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import repeat
from typing import Any
from zoneinfo import ZoneInfo

from . import fates
from .days import Cell, Day, counted
from .fates import Calls
from .periods import Hour, Period, local_hours
from .tally import Tally

Keyed = defaultdict[Any, Tally]


@dataclass(frozen=True)
class Unreached:
    """``callers`` who reached nobody and were not talked to since; ``withheld``: calls, not
    callers. ``at_most``: whoever tried on several days that are counted for good counts as often.
    """

    callers: int
    withheld: int
    at_most: bool


@dataclass(frozen=True)
class Gathered:
    """Tallies by (part of the period, queue), by topic, hour and weekday."""

    time: Keyed
    topic: Keyed
    hour: Keyed
    weekday: Keyed
    unreached: Unreached


@dataclass(frozen=True)
class Found:
    """What is known of a period: days that are counted, and the calls of all others.

    ``every``: of all queues; ``calls``: of the one that is asked for. ``hours``: of their slots.
    """

    days: Mapping[date, Day]
    every: Calls
    calls: Calls
    hours: Mapping[int, Hour]


def find(
    connection: sqlite3.Connection, period: Period, until: int, zone: ZoneInfo, queue: str
) -> Found:
    days = counted(connection, period.first, period.after)
    every = fates.read(connection, period.bounds(zone)[0], until)
    hours = local_hours(set(every.slots), zone)
    if days:
        every = every.only(hours[slot][0] not in days for slot in every.slots)
    calls = every.only(name == queue for name in every.queues) if queue else every
    return Found(days, every, calls, hours)


def gather(
    connection: sqlite3.Connection, period: Period, until: int, zone: ZoneInfo, queue: str
) -> Gathered:
    """Count a period up to an instant, from its days and its calls."""
    found = find(connection, period, until, zone, queue)
    calls, hours = found.calls, found.hours
    callers, withheld = fates.unreached(connection, found.every, calls, until)
    names = {hour: period.bucket(*hour) for hour in set(hours.values())}
    buckets = {slot: names[hour] for slot, hour in hours.items()}
    weekdays = {slot: day.weekday() for slot, (day, _) in hours.items()}
    clocks = {slot: hour for slot, (_, hour) in hours.items()}
    gathered = Gathered(
        time=fates.count(calls, zip(map(buckets.get, calls.slots), calls.queues, strict=True)),
        topic=fates.count(calls, calls.topics),
        hour=fates.count(calls, map(clocks.get, calls.slots)),
        weekday=fates.count(calls, map(weekdays.get, calls.slots)),
        unreached=_unreached(found.days, queue, len(callers), withheld),
    )
    for day, cell in cells(found.days, queue):
        tally = cell.tally()
        gathered.time[period.bucket(day, cell.hour), cell.queue].merge(tally)
        gathered.topic[cell.topic].merge(tally)
        gathered.hour[cell.hour].merge(tally)
        gathered.weekday[day.weekday()].merge(tally)
    return gathered


def whole(
    connection: sqlite3.Connection, period: Period, until: int, zone: ZoneInfo, queue: str
) -> Tally:
    """All calls of a period up to an instant as one."""
    found = find(connection, period, until, zone, queue)
    tally = fates.count(found.calls, repeat("", len(found.calls.slots)))[""]
    for _, cell in cells(found.days, queue):
        tally.merge(cell.tally())
    return tally


def cells(days: Mapping[date, Day], queue: str) -> Iterator[tuple[date, Cell]]:
    for day, body in days.items():
        for cell in body.cells:
            if not queue or cell.queue == queue:
                yield day, cell


def _unreached(days: Mapping[date, Day], queue: str, callers: int, withheld: int) -> Unreached:
    kept = [day.callers[queue] for day in days.values() if queue in day.callers]
    sources = sum(one.unreached > 0 for one in kept) + (callers > 0)
    return Unreached(
        callers=callers + sum(one.unreached for one in kept),
        withheld=withheld + sum(one.withheld for one in kept),
        at_most=sources > 1,
    )
