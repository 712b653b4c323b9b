"""What the board and the commands read: open calls, agents, today's figures."""

import sqlite3
from dataclasses import dataclass

from . import kinds
from .changes import Row
from .events import MICRO

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
# Calls are found by their arrival, which has an index: at most so long before the answer.
LONGEST_WAIT = 3 * 3600 * MICRO
TAKEN = f"""SELECT agent, sum(ended IS NOT NULL) AS calls, max(coalesce(ended, answered)) AS last,
        coalesce(sum(max(0, ended - answered)), 0) AS talk
    FROM (
        SELECT o.agent, o.answered, o.ended FROM calls c JOIN offers o ON o.call = c.call
        WHERE c.arrived >= :earlier AND o.answered >= :since
        UNION ALL
        SELECT b.taken_by, k.at, b.ended FROM callbacks b
            JOIN journal k ON k.id = b.channel || ':{kinds.BACK_KEPT}'
        WHERE b.stage IN ('talking', 'kept') AND b.stage_since >= :since AND k.at >= :since
    ) GROUP BY agent"""


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

    Who is disabled is left out.
    Columns: name, label, state, since, reachable, stage, stage_since, call, rest_until, until, by,
    capped_until, and outside: 1 for who is called on a phone of their own, which is reachable.
    """
    return connection.execute(
        """SELECT a.name, a.label, coalesce(p.state, 'away') AS state,
            coalesce(p.since, a.added) AS since,
            CASE WHEN o.agent IS NULL THEN coalesce(p.reachable, 0) ELSE 1 END AS reachable,
            coalesce(p.stage, 'idle') AS stage, coalesce(p.stage_since, a.added) AS stage_since,
            p.call, coalesce(p.rest_until, 0) AS rest_until, p.until, coalesce(p.by, '') AS by,
            coalesce(p.capped_until, 0) AS capped_until, o.agent IS NOT NULL AS outside
        FROM agents a LEFT JOIN presence p ON p.agent = a.name
            LEFT JOIN outside o ON o.agent = a.name
        WHERE a.disabled IS NULL ORDER BY a.label"""
    ).fetchall()


def there(connection: sqlite3.Connection) -> list[Row]:
    """Like :func:`presence`, without those who are away and do nothing: of thousands, most."""
    return connection.execute(
        """SELECT a.name, a.label, p.state, p.since,
            CASE WHEN o.agent IS NULL THEN p.reachable ELSE 1 END AS reachable, p.stage,
            p.stage_since, p.call, p.rest_until, p.until, p.by, p.capped_until,
            o.agent IS NOT NULL AS outside
        FROM presence p JOIN agents a ON a.name = p.agent LEFT JOIN outside o ON o.agent = p.agent
        WHERE (p.state <> 'away' OR p.stage <> 'idle') AND a.disabled IS NULL ORDER BY a.label"""
    ).fetchall()


def staff(connection: sqlite3.Connection) -> int:
    """How many agents the line has, without the disabled ones."""
    sql = "SELECT count(*) FROM agents WHERE disabled IS NULL"
    return int(connection.execute(sql).fetchone()[0])


def labels(connection: sqlite3.Connection) -> dict[str, str]:
    """Agent -> label, the disabled ones, too."""
    return dict(connection.execute("SELECT name, label FROM agents").fetchall())


def working(connection: sqlite3.Connection) -> dict[str, str]:
    """Agent -> label, without the disabled ones."""
    sql = "SELECT name, label FROM agents WHERE disabled IS NULL"
    return dict(connection.execute(sql).fetchall())


def ever_present(connection: sqlite3.Connection) -> frozenset[str]:
    """The names of all agents who ever declared anything or were rung, gone or not."""
    return frozenset(row["agent"] for row in connection.execute("SELECT agent FROM presence"))


def figures(connection: sqlite3.Connection, since: int) -> Figures:
    """Counts since an instant (microseconds UTC), usually the local midnight."""
    return Figures(**dict(connection.execute(TODAY, (since,)).fetchone()))


def slots(connection: sqlite3.Connection, since: int, width: int) -> list[Row]:
    """Answered and unanswered calls per slot of ``width`` microseconds since ``since``."""
    return connection.execute(SLOTS, {"since": since, "width": width}).fetchall()


@dataclass(frozen=True)
class Taken:
    """What an agent has answered since an instant; ``last``: the end of the last call."""

    calls: int = 0
    talk: int = 0  # microseconds
    last: int = 0


def answered_per_agent(connection: sqlite3.Connection, since: int) -> dict[str, Taken]:
    """Agent -> what they have answered since an instant and is over, promised call-backs too."""
    values = {"since": since, "earlier": since - LONGEST_WAIT}
    rows = connection.execute(TAKEN, values)
    return {row["agent"]: Taken(row["calls"], row["talk"], row["last"]) for row in rows}
