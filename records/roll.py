"""Everybody who takes calls, with all that is known of each: for lists and for one person."""

import sqlite3
from contextlib import closing
from datetime import tzinfo
from pathlib import Path
from typing import Any

from .changes import Row
from .events import instant
from .invitations import state_of
from .people import PeopleError
from .schema import reader

ROLL = """SELECT a.name, a.label, a.email, a.added, a.disabled,
        coalesce(p.state, 'away') AS state, coalesce(p.since, a.added) AS since,
        CASE WHEN o.agent IS NULL THEN coalesce(p.reachable, 0) ELSE 1 END AS reachable,
        o.agent IS NOT NULL AS outside, coalesce(p.stage, 'idle') AS stage,
        p.until, coalesce(p.by, '') AS by, coalesce(p.capped_until, 0) AS capped_until,
        a.skills, s.invited, s.joined, s.charter, s.accepted, s.phone, s.echoed, s.heard,
        i.made, i.expires, i.given, i.failed,
        (SELECT group_concat(iif(tier, queue || ':' || tier, queue), ' ') FROM
            (SELECT queue, tier FROM members WHERE agent = a.name ORDER BY queue)) AS queues
    FROM agents a LEFT JOIN presence p ON p.agent = a.name
    LEFT JOIN outside o ON o.agent = a.name
    LEFT JOIN starts s ON s.agent = a.name LEFT JOIN invitations i ON i.agent = a.name"""
LAST = """SELECT c.number, o.answered, coalesce(o.ended, o.answered) AS ended
    FROM offers o JOIN calls c ON c.call = o.call
    WHERE o.agent = ? AND o.answered IS NOT NULL ORDER BY o.answered DESC LIMIT 1"""


def people(path: Path) -> list[sqlite3.Row]:
    """Every agent, by name, the disabled ones, too. Instants: microseconds UTC."""
    with closing(reader(path)) as connection:
        return connection.execute(f"{ROLL} ORDER BY a.name").fetchall()


def person(path: Path, name: str) -> tuple[sqlite3.Row, sqlite3.Row | None]:
    """One agent, and the last call that they answered.

    :raises PeopleError: there is no such agent.
    """
    with closing(reader(path)) as connection:
        row = connection.execute(f"{ROLL} WHERE a.name = ?", (name,)).fetchone()
        if row is None:
            raise PeopleError(f"there is no agent {name!r}; 'decroche agent list' shows them")
        return row, connection.execute(LAST, (name,)).fetchone()


def as_row(row: sqlite3.Row, at: int, zone: tzinfo) -> dict[str, Any]:
    """A line of ``decroche agent list``; times are local."""
    return {
        "name": row["name"],
        "label": row["label"],
        "queues": row["queues"] or "",
        "skills": row["skills"],
        "presence": "disabled" if row["disabled"] is not None else presence_of(row, at),
        "until": f"{instant(row['until']).astimezone(zone):%H:%M}" if row["until"] else "",
        "phone": reach_of(row),
        "does": row["stage"],
        "invitation": state_of(row, at),
    }


def presence_of(row: Row | sqlite3.Row, at: int) -> str:
    """What an agent has declared, and what keeps them from being rung."""
    if row["state"] == "available" and row["capped_until"] > at:
        return "available (cap reached)"
    return "paused (missed calls)" if row["by"] == "missed" else str(row["state"])


def reach_of(row: Row | sqlite3.Row) -> str:
    """Whether an agent's phone can ring, in a word."""
    if row["outside"]:
        return "outside"
    return "reachable" if row["reachable"] else "not registered"


def as_facts(row: sqlite3.Row, last: sqlite3.Row | None, at: int, zone: tzinfo) -> dict[str, Any]:
    """What ``decroche agent show`` says; times are local."""

    def when(instant_: int | None, never: str = "never") -> str:
        if instant_ is None:
            return never
        return instant(instant_).astimezone(zone).isoformat(" ", "minutes")[:16]

    invitation = state_of(row, at)
    if invitation in ("invited", "not sent"):
        invitation += f", until {when(row['expires'])}"
    if row["failed"]:
        invitation += f": {row['failed']}"
    return {
        "name": row["name"],
        "label": row["label"],
        "email": row["email"] or "none",
        "queues": row["queues"] or "none",
        "added": when(row["added"]),
        "disabled": when(row["disabled"], "no"),
        "presence": f"{row['state']} since {when(row['since'])}",
        "does": row["stage"],
        "phone": "reachable" if row["reachable"] else "not registered",
        "invitation": invitation,
        "joined": when(row["joined"]),
        "charter": f"accepted {when(row['accepted'])}" if row["accepted"] else "not accepted",
        "headset": f"heard {when(row['heard'])}; echo call {when(row['echoed'])}",
        "last call": f"call {last['number']}, {when(last['answered'])}" if last else "none",
        "account": "",
    }
