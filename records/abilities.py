"""What each agent can and wishes: skills, tiers, limits of their own, callers of last time.

A limit that is None is the line's own ([agents] in hotline.toml).
"""

import sqlite3
from collections.abc import Collection, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..hotline import NAME
from . import kinds
from .people import PeopleError, writing
from .schema import reader

LIMITS = ("calls_a_day", "minutes_a_day", "long_call", "rest_after_long")
TIERS = range(10)  # 0 rings first


@dataclass(frozen=True)
class Place:
    """An agent's place in a queue."""

    position: int = 0  # of the strategy "in-order", from 0
    tier: int = 0


@dataclass(frozen=True)
class Ability:
    """One agent. The limits are calls, minutes, minutes and minutes; see hotline.Agents."""

    skills: frozenset[str] = frozenset()
    places: Mapping[str, Place] = field(default_factory=dict)  # queue -> place
    calls_a_day: int | None = None
    minutes_a_day: int | None = None
    long_call: int | None = None
    rest_after_long: int | None = None
    same_helper: bool = False


def abilities(path: Path) -> dict[str, Ability]:
    """Every agent's, by name."""
    with closing(reader(path)) as connection:
        places: dict[str, dict[str, Place]] = {}
        at: dict[str, int] = {}
        for row in connection.execute("SELECT * FROM members ORDER BY queue, position, agent"):
            at[row["queue"]] = position = at.get(row["queue"], -1) + 1
            places.setdefault(row["agent"], {})[row["queue"]] = Place(position, row["tier"])
        return {
            row["name"]: Ability(
                skills=frozenset(row["skills"].split()),
                places=places.get(row["name"], {}),
                same_helper=bool(row["same_helper"]),
                **{limit: row[limit] for limit in LIMITS},
            )
            for row in connection.execute("SELECT * FROM agents")
        }


@dataclass(frozen=True)
class Wish:
    """What is to change; None stays as it is. A limit below 0 is the line's own again."""

    skills: Iterable[str] | None = None
    tiers: Mapping[str, int] = field(default_factory=dict)  # of queues that they are in
    limits: Mapping[str, int] = field(default_factory=dict)
    same_helper: bool | None = None


def change(path: Path, name: str, wish: Wish) -> None:
    """Change what is said of an agent.

    :raises PeopleError: no such agent, not a member, a bad skill or tier.
    """
    values: dict[str, Any] = {}
    if wish.skills is not None:
        values["skills"] = " ".join(sorted({_skill(skill) for skill in wish.skills}))
    if wish.same_helper is not None:
        values["same_helper"] = int(wish.same_helper)
    for limit, value in wish.limits.items():
        values[limit] = None if value < 0 else value
    with writing(path, kinds.CHANGED, name) as connection:
        _known(connection, name)
        for column, value in values.items():  # names of ours
            connection.execute(f"UPDATE agents SET {column} = ? WHERE name = ?", (value, name))
        for queue, tier in wish.tiers.items():
            _move(connection, name, queue, tier)


def arrange(
    path: Path, queue: str, added: Mapping[str, int], removed: Collection[str] = ()
) -> None:
    """Make agents members of a queue, or move them to another tier of it (agent -> tier), and
    others no longer; all of it or, when one thing cannot be done, nothing.

    :raises PeopleError: no such agent, a bad tier, or they were no member.
    """
    with writing(path, kinds.CHANGED, *dict.fromkeys((*added, *removed))) as connection:
        for name, tier in added.items():
            _known(connection, name)
            sql = """INSERT OR IGNORE INTO members (queue, agent, position)
                SELECT ?1, ?2, coalesce(max(position), 0) + 1 FROM members WHERE queue = ?1"""
            connection.execute(sql, (queue, name))
            _move(connection, name, queue, tier)
        for name in removed:
            _known(connection, name)
            sql = "DELETE FROM members WHERE queue = ? AND agent = ?"
            if not connection.execute(sql, (queue, name)).rowcount:
                raise PeopleError(f"{name} is not in the queue {queue!r}")


def _known(connection: sqlite3.Connection, name: str) -> None:
    if not connection.execute("SELECT 1 FROM agents WHERE name = ?", (name,)).fetchone():
        raise PeopleError(f"there is no agent {name!r}; 'decroche agent list' shows them")


def _move(connection: sqlite3.Connection, name: str, queue: str, tier: int) -> None:
    if tier not in TIERS:
        raise PeopleError(f"the tier must be 0 (rings first) to {TIERS[-1]}, not {tier}")
    sql = "UPDATE members SET tier = ? WHERE queue = ? AND agent = ?"
    if not connection.execute(sql, (tier, queue, name)).rowcount:
        raise PeopleError(
            f"{name} is not in the queue {queue!r}; type: decroche queue members {queue} "
            f"--add {name}:{tier}"
        )


def _skill(text: str) -> str:
    if not NAME.fullmatch(text):
        raise PeopleError(
            f"{text!r} cannot be the name of a skill: small letters, digits, - and _, at most 40"
        )
    return text
