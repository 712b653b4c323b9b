"""What the board and the commands read: open calls, agents, today's figures."""

import sqlite3
from dataclasses import dataclass

from . import kinds
from .changes import Row

OPEN = "SELECT * FROM calls WHERE ended IS NULL ORDER BY arrived"
OTHERS = ", ".join(f"'{outcome}'" for outcome in sorted(kinds.MISSED - {"abandoned"}))
TODAY = f"""SELECT count(*) AS arrived,
    coalesce(sum(outcome = 'answered' OR (ended IS NULL AND answered IS NOT NULL)), 0) AS answered,
    coalesce(sum(outcome = 'abandoned'), 0) AS abandoned,
    coalesce(sum(outcome IN ({OTHERS})), 0) AS unanswered,
    coalesce(sum(outcome = 'closed'), 0) AS closed
    FROM calls WHERE arrived >= ?"""
SLOTS = """SELECT (arrived - :since) / :width AS slot,
    coalesce(sum(answered IS NOT NULL), 0) AS answered,
    coalesce(sum(answered IS NULL AND ended IS NOT NULL
        AND outcome NOT IN ('closed', 'limited')), 0) AS unanswered
    FROM calls WHERE arrived >= :since GROUP BY slot ORDER BY slot"""


@dataclass(frozen=True)
class Figures:
    """Counts of the calls that arrived since an instant."""

    arrived: int
    answered: int
    abandoned: int
    unanswered: int
    closed: int


def open_calls(connection: sqlite3.Connection) -> list[Row]:
    """Rows of ``calls`` that have not ended, oldest first."""
    return connection.execute(OPEN).fetchall()


def call(connection: sqlite3.Connection, key: str) -> Row | None:
    """One row of ``calls`` by its call id or by its number."""
    column = "number" if key.isdigit() else "call"
    found: Row | None = connection.execute(
        f"SELECT * FROM calls WHERE {column} = ?", (key,)
    ).fetchone()
    return found


def offers(connection: sqlite3.Connection, key: str) -> list[Row]:
    """The rings of one call, in order."""
    return connection.execute(
        "SELECT * FROM offers WHERE call = ? ORDER BY rang", (key,)
    ).fetchall()


def presence(connection: sqlite3.Connection) -> list[Row]:
    """Every agent of the line with its presence; one who never declared any is away.

    Columns: name, label, state, since, reachable, stage, stage_since, call, rest_until,
    and outside: 1 for who is called on a phone of their own, which counts as reachable.
    """
    return connection.execute(
        """SELECT a.name, a.label, coalesce(p.state, 'away') AS state,
            coalesce(p.since, a.added) AS since,
            CASE WHEN o.agent IS NULL THEN coalesce(p.reachable, 0) ELSE 1 END AS reachable,
            coalesce(p.stage, 'idle') AS stage, coalesce(p.stage_since, a.added) AS stage_since,
            p.call, coalesce(p.rest_until, 0) AS rest_until, o.agent IS NOT NULL AS outside
        FROM agents a LEFT JOIN presence p ON p.agent = a.name
            LEFT JOIN outside o ON o.agent = a.name ORDER BY a.label"""
    ).fetchall()


def ever_present(connection: sqlite3.Connection) -> frozenset[str]:
    """The names of all agents who ever declared anything or were rung, gone or not."""
    return frozenset(row["agent"] for row in connection.execute("SELECT agent FROM presence"))


def figures(connection: sqlite3.Connection, since: int) -> Figures:
    """Counts since an instant (microseconds UTC), usually the local midnight."""
    return Figures(**dict(connection.execute(TODAY, (since,)).fetchone()))


def slots(connection: sqlite3.Connection, since: int, width: int) -> list[Row]:
    """Answered and unanswered calls per slot of ``width`` microseconds since ``since``."""
    return connection.execute(SLOTS, {"since": since, "width": width}).fetchall()


def answered_per_agent(connection: sqlite3.Connection, since: int) -> dict[str, tuple[int, int]]:
    """Agent -> (calls answered since an instant, end of the last one in microseconds)."""
    rows = connection.execute(
        """SELECT agent, count(*) AS calls, max(coalesce(ended, answered)) AS last
        FROM offers WHERE answered >= ? GROUP BY agent""",
        (since,),
    )
    return {row["agent"]: (row["calls"], row["last"]) for row in rows}
