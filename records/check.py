"""``decroche journal check``: does the record add up, as far as the database alone can tell?

Each check compares two ways to know the same thing and says what it compared. What
Asterisk knows is compared in asterisk/check.py.
"""

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from . import kinds, views
from .rebuild import projections, rebuild
from .schema import reader

Progress = Callable[[int, int], None]

ORDER = (  # of each pair, the first instant is not after the second
    ("calls", "arrived", "queued"),
    ("calls", "arrived", "answered"),
    ("calls", "queued", "answered"),
    ("calls", "answered", "left"),
    ("calls", "answered", "ended"),
    ("calls", "arrived", "ended"),
    ("offers", "rang", "answered"),
    ("offers", "rang", "ended"),
    ("offers", "answered", "ended"),
)


@dataclass(frozen=True)
class Finding:
    """One invariant: what must hold, what was compared, and what does not fit (empty: it holds)."""

    invariant: str
    compared: str
    problem: str = ""


def check(
    path: Path, midnight: int, progress: Progress = lambda done, total: None
) -> Iterator[Finding]:
    """Every check of the database, one after the other.

    :param midnight: when the local day began, microseconds UTC.
    :raises sqlite3.Error: the database cannot be read.
    """
    yield from quick(path, midnight)
    yield _rebuilt(path, progress)


def quick(path: Path, midnight: int) -> Iterator[Finding]:
    """Those that take no copy of the database. Parameters and errors: see :func:`check`."""
    with closing(reader(path)) as connection:
        connection.execute("BEGIN")  # all of them see the same moment
        yield _order(connection)
        yield _outcomes(connection)
        yield _sum(connection)
        yield _board(connection, midnight)


def _number(connection: sqlite3.Connection, sql: str, *values: object) -> int:
    return int(connection.execute(sql, values).fetchone()[0])


def _order(connection: sqlite3.Connection) -> Finding:
    wrong = [
        f"{count} {table} have {first} after {second}"
        for table, first, second in ORDER
        if (count := _number(connection, f"SELECT count(*) FROM {table} WHERE {first} > {second}"))
    ]
    calls, offers = (
        _number(connection, f"SELECT count(*) FROM {name}") for name in ("calls", "offers")
    )
    return Finding(
        "every story goes forward in time",
        f"{len(ORDER)} pairs of instants in {calls} calls and {offers} rings",
        "; ".join(wrong),
    )


def _outcomes(connection: sqlite3.Connection) -> Finding:
    marks = ", ".join("?" * len(kinds.OUTCOMES))
    ended = _number(connection, "SELECT count(*) FROM calls WHERE ended IS NOT NULL")
    strange = _number(
        connection,
        f"""SELECT count(*) FROM calls WHERE (ended IS NULL) <> (outcome IS NULL)
            OR outcome NOT IN ({marks}) OR (outcome = 'answered') <> (answered IS NOT NULL)
            AND ended IS NOT NULL""",
        *kinds.OUTCOMES,
    )
    return Finding(
        "every call that has ended has one outcome, and only those",
        f"{ended} ended calls with the {len(kinds.OUTCOMES)} outcomes",
        f"{strange} calls do not" if strange else "",
    )


def _sum(connection: sqlite3.Connection) -> Finding:
    arrived = _number(connection, "SELECT count(*) FROM journal WHERE kind = ?", kinds.ARRIVED)
    by_outcome = connection.execute(
        "SELECT coalesce(outcome, 'under way') AS name, count(*) AS n FROM calls GROUP BY 1"
    ).fetchall()
    total = sum(row["n"] for row in by_outcome)
    parts = " + ".join(f"{row['n']} {row['name']}" for row in by_outcome) or "none"
    return Finding(
        "the outcomes add up to the calls",
        f"{parts} = {total}, and {arrived} arrivals in the journal",
        f"{abs(total - arrived)} are missing or too many" if total != arrived else "",
    )


def _board(connection: sqlite3.Connection, midnight: int) -> Finding:
    figures = views.figures(connection, midnight)
    count = "SELECT count(DISTINCT call) FROM journal WHERE kind = ? AND at >= ?"
    known = {
        "arrived": _number(connection, count, kinds.ARRIVED, midnight),
        "answered": _number(
            connection,
            """SELECT count(DISTINCT call) FROM journal WHERE kind = ? AND call IN
                (SELECT call FROM journal WHERE kind = ? AND at >= ?)""",
            *(kinds.ANSWERED, kinds.ARRIVED, midnight),
        ),
    }
    shown = {name: getattr(figures, name) for name in known}
    wrong = [
        f"{name} {shown[name]}, not {known[name]}" for name in known if shown[name] != known[name]
    ]
    return Finding(
        "the board counts what the journal says",
        f"today: {known['arrived']} arrived, {known['answered']} answered",
        "the board says " + ", ".join(wrong) if wrong else "",
    )


def _rebuilt(path: Path, progress: Progress) -> Finding:
    """Compute everything again in a copy, beside the line that runs."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".check-") as folder:
        copy = Path(folder, path.name)
        with closing(reader(path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        before = projections(copy)
        events = rebuild(copy, progress)
        after = projections(copy)
    wrong = [table for table in before if before[table] != after[table]]
    rows = sum(map(len, before.values()))
    return Finding(
        "computed again from the journal, everything is the same",
        f"{rows} rows of {', '.join(before)}, from {events} events",
        f"{', '.join(wrong)} would be different; type: decroche journal rebuild" if wrong else "",
    )
