"""Personal links with which a volunteer begins: good once, for some days, and revocable.

Only the SHA-256 of what a link holds is kept: 160 random bits, so a slow hash would add
nothing. A used link is kept until it would have died, to lead its owner to the sign-in.
"""

import hashlib
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import clocks, kinds
from .clocks import DAY
from .events import now
from .people import PeopleError
from .schema import reader
from .store import Store
from .welcome import happened

LONGEST = clocks.INVITATIONS  # days that a link is good at most, and by default

# Who was never given a link that could work: not yet, or what the mail server refused.
NEW = """SELECT a.name FROM agents a
    LEFT JOIN invitations i ON i.agent = a.name LEFT JOIN starts s ON s.agent = a.name
    WHERE a.disabled IS NULL AND s.joined IS NULL AND i.used IS NULL
        AND (i.given IS NULL OR i.expires <= ?) ORDER BY a.name"""
LIVE = """SELECT i.*, a.label FROM invitations i JOIN agents a ON a.name = i.agent
    WHERE i.hash = ? AND i.expires > ? AND a.disabled IS NULL"""


@dataclass(frozen=True)
class Invitation:
    """A link that was just made; ``secret`` is kept nowhere. ``expires``: microseconds UTC."""

    agent: str
    label: str
    email: str
    secret: str
    expires: int


@dataclass(frozen=True)
class Invited:
    """Whose link it is; ``used``: they have a password already."""

    agent: str
    label: str
    used: bool


class LinkError(Exception):
    """A link that is used, revoked, too old, or none."""


def newcomers(path: Path) -> list[str]:
    """Agents who have no account and were given no link, or one that died, by name."""
    with closing(reader(path)) as connection:
        return [row["name"] for row in connection.execute(NEW, (now(),))]


def invite(path: Path, agents: Sequence[str], days: int, by: str) -> list[Invitation]:
    """Make a link for each, all or none; an earlier one of theirs is void.

    :param by: how it will reach them, as "mail".
    :raises PeopleError: there is no such agent, or it is disabled; for all that are wrong.
    """
    store, made = Store(path), []
    try:
        with store.transaction():
            rows = _rows(store.connection, agents)
            for row in rows:
                made.append(_make(row, days))
                store.connection.execute(
                    "INSERT OR REPLACE INTO invitations (agent, hash, made, expires)"
                    " VALUES (?, ?, ?, ?)",
                    (row["name"], digest(made[-1].secret), now(), made[-1].expires),
                )
                body = {"by": by, "until": made[-1].expires}
                store.add(happened(kinds.INVITED, row["name"], **body))
    finally:
        store.close()
    return made


def check(path: Path, agents: Sequence[str]) -> None:
    """:raises PeopleError: somebody who cannot be invited; for all of them."""
    with closing(reader(path)) as connection:
        _rows(connection, agents)


def handed(path: Path, agents: Sequence[str]) -> None:
    """Their links are on paper, in a file, or with a mail server."""
    with _writing(path) as connection:
        sql = "UPDATE invitations SET given = ?, failed = '' WHERE agent = ?"
        connection.executemany(sql, [(now(), agent) for agent in agents])


def refused(path: Path, agent: str, why: str) -> None:
    """The mail server did not take it: the next ``--all-new`` tries again, with a new link."""
    with _writing(path) as connection:
        sql = "UPDATE invitations SET failed = ? WHERE agent = ? AND given IS NULL"
        connection.execute(sql, (why[:200], agent))


def revoke(path: Path, agents: Sequence[str]) -> list[str]:
    """Make their links void; returns those who had one.

    :raises PeopleError: somebody of them does not exist; nobody's link is void then.
    """
    with _writing(path) as connection:
        _rows(connection, agents, disabled=True)
        sql = "DELETE FROM invitations WHERE agent = ? AND used IS NULL"
        return [agent for agent in agents if connection.execute(sql, (agent,)).rowcount]


def look(path: Path, secret: str) -> Invited:
    """Whose link it is; looking at it changes nothing (mail scanners do).

    :raises LinkError: it is dead, or was never one.
    """
    with closing(reader(path)) as connection:
        return _look(connection, secret)


@contextmanager
def redeem(path: Path, secret: str) -> Iterator[tuple[sqlite3.Connection, Invited]]:
    """Use a link up, in one transaction with what is done inside.

    :raises LinkError: it is dead, or used already.
    """
    store = Store(path)
    try:
        with store.transaction():
            invited = _look(store.connection, secret)
            if invited.used:
                raise LinkError
            sql = "UPDATE invitations SET used = ? WHERE agent = ?"
            store.connection.execute(sql, (now(), invited.agent))
            yield store.connection, invited
            store.add(happened(kinds.JOINED, invited.agent))
    finally:
        store.close()


def expire(connection: sqlite3.Connection, limit: int) -> int:
    """Delete what was made before an instant; returns how many."""
    return connection.execute("DELETE FROM invitations WHERE made <= ?", (limit,)).rowcount


def state_of(row: sqlite3.Row, at: int) -> str:
    """A word for where an agent stands: a row of records/roll.py, at an instant."""
    if row["joined"] is not None:
        return "joined"
    if row["made"] is None:
        return "none"
    if row["expires"] <= at:
        return "expired"
    if row["given"] is None:
        return "not sent"
    return "invited"


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _look(connection: sqlite3.Connection, secret: str) -> Invited:
    row = connection.execute(LIVE, (digest(secret), now())).fetchone()
    if row is None:
        raise LinkError
    return Invited(row["agent"], row["label"], row["used"] is not None)


def _make(row: sqlite3.Row, days: int) -> Invitation:
    until = now() + days * DAY
    secret = secrets.token_urlsafe(20)
    return Invitation(row["name"], row["label"], row["email"] or "", secret, until)


def _rows(
    connection: sqlite3.Connection, agents: Sequence[str], disabled: bool = False
) -> list[sqlite3.Row]:
    """:param disabled: whether such people will do, too.

    :raises PeopleError: for all that are unknown or disabled, in one sentence.
    """
    rows = {row["name"]: row for row in connection.execute("SELECT * FROM agents")}
    unknown = [name for name in agents if name not in rows]
    if unknown:
        names = ", ".join(map(repr, unknown))
        raise PeopleError(f"there is no agent {names}; 'decroche agent list' shows them")
    out = [name for name in agents if rows[name]["disabled"] is not None]
    if out and not disabled:
        names = ", ".join(out)
        raise PeopleError(f"disabled: {names}; first: decroche agent enable NAME")
    return [rows[name] for name in dict.fromkeys(agents)]


@contextmanager
def _writing(path: Path) -> Iterator[sqlite3.Connection]:
    """One transaction without an event."""
    store = Store(path)
    try:
        with store.transaction():
            yield store.connection
    finally:
        store.close()
