"""The figures of a period: what became of its calls, by time, queue, topic, hour and weekday.

docs/figures.md defines each of them. Days that are counted for good come from the table
``days``, all others from ``calls``. No figure is about an agent.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..hotline import DAYS, Hotline, load
from . import periods
from .events import now
from .folder import Folder
from .gathered import Unreached, gather, whole
from .periods import FiguresError, Period, same_moment
from .schema import reader
from .tally import Tally, Totals, totals

Keyed = Mapping[Any, Tally]


@dataclass(frozen=True)
class Part:
    """The figures of one key: "2026-11-24 09:00", "demarches", "9", "monday" ...

    ``label`` is what people call a queue or a topic; empty where there is no word of theirs.
    """

    key: str
    label: str
    totals: Totals


@dataclass(frozen=True)
class Before:
    """The period before. ``until_then``: it is cut at the moment to which this one has come."""

    first: str
    last: str
    until_then: bool
    totals: Totals


@dataclass(frozen=True)
class Report:
    """All figures of a period. Dates are local and inclusive, instants microseconds UTC."""

    period: str  # day, week, month, year
    first: str
    last: str
    since: int
    until: int
    timezone: str
    queue: str  # empty: all
    service_level: int  # seconds within which an answer is in time
    totals: Totals
    before: Before
    unreached: Unreached
    by_time: list[Part]
    by_queue: list[Part]
    by_topic: list[Part]
    by_hour: list[Part]
    by_weekday: list[Part]
    by_time_and_queue: list[tuple[str, str, Totals]]


def asked(folder: Folder, kind: str, day: str, queue: str) -> Report:
    """What a person asks for at a terminal: see :func:`~.periods.parse`.

    :raises FiguresError: no such period or queue, or the record cannot be read.
    :raises HotlineError: the line's shape cannot be read.
    """
    hotline, at = load(folder.hotline), now()
    period = periods.parse(kind, day, at, hotline.zone)
    if queue and queue not in hotline.queues:
        raise FiguresError(f"no queue {queue!r}; there are: {', '.join(sorted(hotline.queues))}")
    if not folder.database.exists():
        raise FiguresError(f"there is no line in {folder.root}; 'decroche init' makes one")
    try:
        return of_line(folder.database, hotline, period, queue, at)
    except sqlite3.Error as error:
        text = f"{folder.database}: cannot be read: {error}"
        if "no such" in text:
            text += "; 'decroche init' brings an older line up to date"
        raise FiguresError(text) from None


def of_line(path: Path, hotline: Hotline, period: Period, queue: str, at: int) -> Report:
    """:func:`report` over a database file.

    :raises sqlite3.Error: the database cannot be read.
    """
    with closing(reader(path)) as connection:
        connection.execute("BEGIN")  # all of it is of one moment
        return report(connection, hotline, period, queue, at)


def report(
    connection: sqlite3.Connection, hotline: Hotline, period: Period, queue: str, at: int
) -> Report:
    """The figures of a period as they stand.

    :param queue: only calls of this queue; empty: all. :param at: the present instant.
    """
    zone, level = hotline.zone, hotline.line.service_level
    since, until = period.bounds(zone)
    found = gather(connection, period, until, zone, queue)
    labels = {name: q.label for name, q in hotline.queues.items()}
    topics = {choice.key: choice.label for choice in hotline.menu.choices}
    queues = [queue] if queue else [*labels, ""]

    def parts(tallies: Keyed, keys: Iterable[str], words: Mapping[str, str]) -> list[Part]:
        return _parts(tallies, keys, words, level)

    cells = sorted(found.time.items())
    return Report(
        period=period.kind,
        first=str(period.first),
        last=str(period.last),
        since=since,
        until=until,
        timezone=hotline.line.timezone,
        queue=queue,
        service_level=level,
        totals=totals(_merged(found.time, lambda key: "")[""], level),
        before=_before(connection, period, at, hotline, queue),
        unreached=found.unreached,
        by_time=parts(_merged(found.time, lambda key: key[0]), period.buckets(), {}),
        by_queue=parts(_merged(found.time, lambda key: key[1]), queues, labels),
        by_topic=parts(found.topic, [*topics, ""], topics),
        by_hour=parts(_named(found.hour, str), map(str, _span(found.hour)), {}),
        by_weekday=parts(_named(found.weekday, DAYS.__getitem__), DAYS, {}),
        by_time_and_queue=[(*key, totals(tally, level)) for key, tally in cells],
    )


def _parts(tallies: Keyed, keys: Iterable[str], words: Mapping[str, str], level: int) -> list[Part]:
    """The keys in their order, then others that there were; the empty one only if it was there."""
    known = dict.fromkeys(keys)
    every = [*known, *sorted(tallies.keys() - known.keys())]
    return [
        Part(key, words.get(key, ""), totals(tallies.get(key, Tally()), level))
        for key in every
        if key or key in tallies
    ]


def _before(
    connection: sqlite3.Connection, period: Period, at: int, hotline: Hotline, queue: str
) -> Before:
    earlier, zone = period.before(), hotline.zone
    until = same_moment(earlier, period, at, zone)
    tally = whole(connection, earlier, until, zone, queue)
    return Before(
        first=str(earlier.first),
        last=str(earlier.last),
        until_then=until < earlier.bounds(zone)[1],
        totals=totals(tally, hotline.line.service_level),
    )


def _merged(tallies: Keyed, key_of: Callable[[Any], str]) -> defaultdict[Any, Tally]:
    found: defaultdict[Any, Tally] = defaultdict(Tally)
    for key, tally in tallies.items():
        found[key_of(key)].merge(tally)
    return found


def _named(tallies: Keyed, name: Callable[[int], str]) -> Keyed:
    return {name(key): tally for key, tally in tallies.items()}


def _span(hours: Keyed) -> range:
    """From the first hour that had a call to the last one."""
    return range(min(hours), max(hours) + 1) if hours else range(0)
