"""What the board reads beyond records/views.py; read-only, on records' own connections."""

import sqlite3
from dataclasses import dataclass

from ..records import kinds
from ..records.events import MICRO

RECENT = 100_000  # events looked through for the last word about the PBX

MEDIAN = """SELECT talk FROM (
        SELECT coalesce(left, ended) - answered AS talk FROM calls
        WHERE arrived >= :since AND answered IS NOT NULL AND ended IS NOT NULL)
    ORDER BY talk LIMIT 1 OFFSET (SELECT count(*) / 2 FROM calls
        WHERE arrived >= :since AND answered IS NOT NULL AND ended IS NOT NULL)"""
IN_TIME = """SELECT queue, count(*) AS decided,
        coalesce(sum(answered IS NOT NULL AND answered - queued <= :wait), 0) AS in_time
    FROM calls WHERE arrived >= :since AND queued IS NOT NULL
        AND (answered IS NOT NULL OR ended IS NOT NULL) GROUP BY queue"""
PBX = f"""SELECT kind, at FROM (SELECT kind, at, seq FROM journal ORDER BY seq DESC LIMIT {RECENT})
    WHERE kind IN ('{kinds.PBX_LOST}', '{kinds.PBX_CONNECTED}') ORDER BY seq DESC LIMIT 1"""


@dataclass(frozen=True)
class Share:
    """Of the calls of a queue that are decided today, those answered in time."""

    in_time: int
    decided: int


def median_talk(connection: sqlite3.Connection, since: int) -> int | None:
    """The median conversation of the calls that arrived since an instant, in seconds."""
    row = connection.execute(MEDIAN, {"since": since}).fetchone()
    return None if row is None else int(row[0]) // MICRO


def in_time(connection: sqlite3.Connection, since: int, seconds: int) -> dict[str, Share]:
    """Queue -> how many callers waited at most ``seconds``."""
    rows = connection.execute(IN_TIME, {"since": since, "wait": seconds * MICRO})
    return {row["queue"]: Share(row["in_time"], row["decided"]) for row in rows}


def members(connection: sqlite3.Connection) -> dict[str, frozenset[str]]:
    """Queue -> its agents."""
    found: dict[str, set[str]] = {}
    for row in connection.execute("SELECT queue, agent FROM members"):
        found.setdefault(row["queue"], set()).add(row["agent"])
    return {queue: frozenset(agents) for queue, agents in found.items()}


def lost_since(connection: sqlite3.Connection) -> int | None:
    """When the connection to the PBX was lost; None while it stands or nothing is known."""
    row = connection.execute(PBX).fetchone()
    return int(row["at"]) if row and row["kind"] == kinds.PBX_LOST else None
