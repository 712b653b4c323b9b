"""What became of the calls of an interval: one statement, read as columns.

Columns and not rows: 200,000 calls are counted without a step of Python for each of them.
"""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

import msgspec

from . import kinds
from .events import MICRO
from .owed import SPOKEN
from .periods import SLOT
from .tally import ABANDONED, ANSWERED, UNDER_WAY, Tally

SECOND = MICRO - 1  # added before a division: a second that has begun counts as one
SELECT = f"""SELECT arrived / {SLOT}, coalesce(queue, ''), coalesce(choice, ''), caller,
        CASE WHEN outcome = '{ABANDONED}' THEN outcome || '.' || coalesce(gave_up,
            CASE WHEN queued IS NOT NULL THEN 'waiting' WHEN chosen IS NOT NULL THEN 'menu'
            ELSE 'greeting' END)
        WHEN outcome IS NOT NULL THEN outcome
        WHEN answered IS NOT NULL THEN '{ANSWERED}' ELSE '{UNDER_WAY}' END,
        max(0, coalesce(answered, ended) - coalesce(queued, arrived) + {SECOND}) / {MICRO},
        max(0, coalesce(left, ended) - answered + {SECOND}) / {MICRO}
    FROM calls WHERE %sarrived >= ? AND %sarrived < ?"""
CHUNK = 1000  # rows that are tuples at the same time; they stay in the processor's cache
LONG = 90 * 86400 * MICRO  # from here on reading the whole table is faster than its index
TALKED = f"""SELECT caller FROM calls
    WHERE arrived >= ? AND answered IS NOT NULL AND caller IN (SELECT value FROM json_each(?))
    UNION SELECT caller FROM ledger
    WHERE closed IS NOT NULL AND reason IN {SPOKEN}
        AND caller IN (SELECT value FROM json_each(?))"""


@dataclass(frozen=True)
class Calls:
    """One entry for each call in every column.

    Slots are arrivals divided by :data:`~.periods.SLOT`; queue and topic are empty where none was
    reached or chosen; ``facts`` are places in ``meanings``: a fate, and the seconds waited (None
    while nothing is decided); ``talks`` are seconds, None where there is no talk, or none yet.
    """

    slots: Sequence[int]
    queues: Sequence[str]
    topics: Sequence[str]
    callers: Sequence[str | None]
    facts: Sequence[int]
    talks: Sequence[int | None]
    meanings: Sequence[tuple[str, int | None]]

    def only(self, keep: Iterable[bool]) -> "Calls":
        """Those calls that are to be kept."""
        kept = list(keep)
        return Calls(
            slots=list(compress(self.slots, kept)),
            queues=list(compress(self.queues, kept)),
            topics=list(compress(self.topics, kept)),
            callers=list(compress(self.callers, kept)),
            facts=list(compress(self.facts, kept)),
            talks=list(compress(self.talks, kept)),
            meanings=self.meanings,
        )

    def are(self, fates: Collection[str]) -> Iterator[bool]:
        """For each call whether its fate is one of these."""
        facts = {at for at, (fate, _) in enumerate(self.meanings) if fate in fates}
        return map(facts.__contains__, self.facts)


def read(connection: sqlite3.Connection, since: int, until: int) -> Calls:
    """The calls that arrived from an instant on, before another one.

    :raises sqlite3.Error: the database cannot be read.
    """
    cursor = connection.cursor()
    cursor.row_factory = None  # plain tuples
    plus = "+" if until - since > LONG else ""  # a plus keeps SQLite from using an index
    cursor.execute(SELECT % (plus, plus), (since, until))
    return collect(iter(lambda: cursor.fetchmany(CHUNK), []))


def collect(chunks: Iterable[Sequence[tuple[Any, ...]]]) -> Calls:
    """Columns of rows: slot, queue, topic, caller, fate, waited, talked."""
    slots, queues, topics, callers, facts, talks = columns = [list[Any]() for _ in range(6)]
    known: dict[tuple[str, int | None], int] = {}
    for rows in chunks:
        *places, fates, waits, talked = zip(*rows, strict=True)
        told = [known.setdefault(f, len(known)) for f in zip(fates, waits, strict=True)]
        for column, values in zip(columns, (*places, told, talked), strict=True):
            column.extend(values)
    return Calls(slots, queues, topics, callers, facts, talks, tuple(known))


def count(calls: Calls, keys: Iterable[Hashable]) -> defaultdict[Any, Tally]:
    """A tally for each key; ``keys`` is one more column."""
    column = list(keys)
    facts: defaultdict[Any, list[int]] = defaultdict(list)
    talks: defaultdict[Any, list[int]] = defaultdict(list)
    for key, fact in zip(column, calls.facts, strict=True):
        facts[key].append(fact)
    for key, talked in zip(column, calls.talks, strict=True):
        if talked is not None:
            talks[key].append(talked)
    found: defaultdict[Any, Tally] = defaultdict(Tally)
    for key, of_key in facts.items():
        for fact, n in Counter(of_key).items():
            found[key].add(*calls.meanings[fact], n)
        found[key].talks.extend(talks[key])
    return found


def unreached(
    connection: sqlite3.Connection, every: Calls, calls: Calls, until: int
) -> tuple[set[str], int]:
    """Who called and never talked to anybody; and how many such calls withheld their number.

    :param every: all calls of the interval. :param calls: those that are looked at, of one queue
        perhaps. :param until: the end of the interval; who was talked to later is left out, too.
    """
    missed = {fate for fate, _ in calls.meanings if fate.partition(".")[0] in kinds.MISSED}
    found = [c for c, is_missed in zip(calls.callers, calls.are(missed), strict=True) if is_missed]
    pairs = zip(every.callers, every.are({ANSWERED}), strict=True)
    talked = {caller for caller, is_answered in pairs if is_answered}
    callers = {caller for caller in found if caller and caller not in talked}
    return callers - _talked_since(connection, callers, until), found.count(None)


def _talked_since(connection: sqlite3.Connection, callers: Collection[str], until: int) -> set[str]:
    names = msgspec.json.encode(sorted(callers)).decode()
    return {row[0] for row in connection.execute(TALKED, (until, names, names))}
