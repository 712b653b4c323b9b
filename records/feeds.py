"""Secret links to calendars: one for each agent, one for the team. Only a digest is kept.

Who has the link reads the calendar, without signing in: calendars' programs cannot. Renewing it
makes the old one lead nowhere.
"""

import hashlib
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import kinds
from .events import Event, now
from .people import PeopleError
from .store import Store

BYTES = 24  # 192 bits: not to be guessed, so that a quick digest is enough


@dataclass(frozen=True)
class Feed:
    """Whose calendar a link opens; None: the team's."""

    agent: str | None


def renew(path: Path, agent: str | None) -> str:
    """A new secret; any earlier one is void. :raises PeopleError: there is no such agent."""
    secret = secrets.token_urlsafe(BYTES)
    with _changing(path, kinds.FEED_RENEWED, agent) as connection:
        _drop(connection, agent)
        row = (_digest(secret), agent, now())
        try:
            connection.execute("INSERT INTO feeds VALUES (?, ?, ?)", row)
        except sqlite3.IntegrityError:
            raise PeopleError(f"there is no agent {agent!r}; see 'decroche agent list'") from None
    return secret


def revoke(path: Path, agent: str | None) -> None:
    """From now on there is no such calendar."""
    with _changing(path, kinds.FEED_REVOKED, agent) as connection:
        _drop(connection, agent)


def find(connection: sqlite3.Connection, secret: str) -> Feed | None:
    """What a secret opens, if it is in force."""
    row = connection.execute("SELECT * FROM feeds WHERE hash = ?", (_digest(secret),)).fetchone()
    return None if row is None else Feed(row["agent"])


def created(connection: sqlite3.Connection, agent: str | None) -> int | None:
    """When the link in force was made, microseconds UTC; None without one."""
    row = connection.execute("SELECT created FROM feeds WHERE agent IS ?", (agent,)).fetchone()
    return None if row is None else int(row["created"])


def _drop(connection: sqlite3.Connection, agent: str | None) -> None:
    connection.execute("DELETE FROM feeds WHERE agent IS ?", (agent,))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


@contextmanager
def _changing(path: Path, kind: str, agent: str | None) -> Iterator[sqlite3.Connection]:
    store, at = Store(path), now()
    try:
        with store.transaction():
            yield store.connection
            key = f"{agent or 'team'}:{kind}:{at}"
            store.add(Event(id=key, at=at, kind=kind, actor=agent or ""))
    finally:
        store.close()
