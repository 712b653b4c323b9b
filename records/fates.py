"""What became of the calls of an interval: one statement, read as columns.

Columns and not rows: 200,000 calls are counted without a step of Python for each of them.
"""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Sequence
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
        (coalesce(answered, ended) - coalesce(queued, arrived) + {SECOND}) / {MICRO},
        (coalesce(left, ended) - answered + {SECOND}) / {MICRO}
    FROM calls WHERE %sarrived >= ? AND %sarrived < ?"""
CHUNK = 1000  # rows that are tuples at the same time; they stay in the processor's cache
LONG = 90 * 86400 * MICRO  # from here on reading the whole table is faster than its index
TALKED = f"""SELECT caller FROM calls
    WHERE +arrived >= ? AND answered IS NOT NULL AND caller IN (SELECT value FROM json_each(?))
    UNION SELECT caller FROM ledger
    WHERE closed IS NOT NULL AND reason IN {SPOKEN}
        AND caller IN (SELECT value FROM json_each(?))"""


@dataclass(frozen=True)
class Calls:
    """One entry for each call in every column.

    Slots are arrivals divided by :data:`~.periods.SLOT`; waits and talks are seconds, None
    where there is none yet; queue and topic are empty where none was reached or chosen.
    """

    slots: Sequence[int]
    queues: Sequence[str]
    topics: Sequence[str]
    callers: Sequence[str | None]
    fates: Sequence[str]
    waits: Sequence[int | None]
    talks: Sequence[int | None]

    def only(self, keep: Iterable[bool]) -> "Calls":
        """Those calls that are to be kept."""
        kept = list(keep)
        return Calls(*(list(compress(column, kept)) for column in self.columns()))

    def columns(self) -> tuple[Sequence[Any], ...]:
        return (
            *(self.slots, self.queues, self.topics, self.callers),
            *(self.fates, self.waits, self.talks),
        )


def read(connection: sqlite3.Connection, since: int, until: int) -> Calls:
    """The calls that arrived from an instant on, before another one.

    :raises sqlite3.Error: the database cannot be read.
    """
    cursor = connection.cursor()
    cursor.row_factory = None  # plain tuples
    plus = "+" if until - since > LONG else ""  # a plus keeps SQLite from using an index
    cursor.execute(SELECT % (plus, plus), (since, until))
    columns: list[list[Any]] = [[] for _ in range(7)]
    while rows := cursor.fetchmany(CHUNK):
        for column, values in zip(columns, zip(*rows, strict=True), strict=True):
            column.extend(values)
    return Calls(*columns)


def count(calls: Calls, keys: Iterable[Hashable]) -> defaultdict[Any, Tally]:
    """A tally for each key; ``keys`` is one more column."""
    column = list(keys)
    found: defaultdict[Any, Tally] = defaultdict(Tally)
    facts = zip(column, calls.fates, calls.waits, strict=True)
    for (key, fate, waited), n in Counter(facts).items():
        found[key].add(fate, waited, n)
    for (key, talked), n in Counter(zip(column, calls.talks, strict=True)).items():
        if talked is not None:
            found[key].talks.add(talked, n)
    return found


def unreached(
    connection: sqlite3.Connection, every: Calls, calls: Calls, until: int
) -> tuple[set[str], int]:
    """Who called and never talked to anybody; and how many such calls withheld their number.

    :param every: all calls of the interval. :param calls: those that are looked at, of one queue
        perhaps. :param until: the end of the interval; who was talked to later is left out, too.
    """
    missed = {fate for fate in set(calls.fates) if fate.partition(".")[0] in kinds.MISSED}
    found = Counter(compress(calls.callers, (fate in missed for fate in calls.fates)))
    withheld = found.pop(None, 0)
    talked = set(compress(every.callers, (fate == ANSWERED for fate in every.fates)))
    callers = {caller for caller in found if caller} - talked
    return callers - _talked_since(connection, callers, until), withheld


def _talked_since(connection: sqlite3.Connection, callers: Collection[str], until: int) -> set[str]:
    names = msgspec.json.encode(sorted(callers)).decode()
    return {row[0] for row in connection.execute(TALKED, (until, names, names))}
