"""What callers met, beyond the figures of a period: peaks, the longest wait, busy agents.

For a simulation (asterisk/simulate.py); any time is microseconds UTC.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .events import MICRO

WAITS = """SELECT queued AS began, coalesce(answered, ended, :at) AS ended FROM calls
    WHERE queued IS NOT NULL"""
TALKS = """SELECT agent, answered AS began, coalesce(ended, :at) AS ended FROM offers
    WHERE answered IS NOT NULL"""
Interval = tuple[int, int]  # from, until


@dataclass(frozen=True)
class Met:
    """``longest``: seconds of a wait. ``busy``: of the time of all agents, the share in talks."""

    longest: int
    most_waiting: int
    most_talking: int
    busy: float


def met(connection: sqlite3.Connection, since: int, until: int, agents: int) -> Met:
    """All calls of a journal.

    :param since: when the agents came; :param until: when the last call ended, or now.
    """
    waits = _intervals(connection, WAITS, until)
    talks = _intervals(connection, TALKS, until)
    talked = sum(end - begin for begin, end in talks)
    there = agents * (until - since)
    return Met(
        longest=max((end - begin for begin, end in waits), default=0) // MICRO,
        most_waiting=peak(waits),
        most_talking=peak(talks),
        busy=min(1.0, talked / there) if there else 0.0,
    )


def _intervals(connection: sqlite3.Connection, sql: str, at: int) -> Sequence[Interval]:
    rows = connection.execute(sql, {"at": at}).fetchall()
    return [(row["began"], row["ended"]) for row in rows]


def peak(intervals: Iterable[Interval]) -> int:
    """How many there are at once at most; one that ends as another begins is not beside it."""
    steps = sorted(
        step for begin, end in intervals if end > begin for step in ((begin, 1), (end, -1))
    )
    most = there = 0
    for _, step in steps:
        there += step
        most = max(most, there)
    return most
