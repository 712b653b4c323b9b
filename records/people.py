"""Agents and the queues that they are members of."""

import hashlib
import re
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..hotline import NAME, RESERVED
from . import kinds
from .events import Event, now
from .schema import reader
from .store import Store

REALM = "decroche"  # of the digest authentication (RFC 2617) of agents' phones
IN = "SELECT queue FROM members WHERE agent = ?"
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that is misread when typed


class PeopleError(Exception):
    """What was asked cannot be done; the text says why and what to do."""


@dataclass(frozen=True)
class Agent:
    """A person who takes calls. ``name`` is also the SIP user name."""

    name: str
    label: str
    ha1: str
    queues: tuple[str, ...] = ()


def ha1(name: str, password: str) -> str:
    """What a SIP registrar needs to check a password without knowing it (RFC 2617)."""
    return hashlib.md5(f"{name}:{REALM}:{password}".encode(), usedforsecurity=False).hexdigest()


def new_password() -> str:
    """A password for a SIP phone: 80 bits, easy to type."""
    return "".join(secrets.choice(ALPHABET) for _ in range(16))


def list_agents(path: Path) -> list[Agent]:
    """All agents, by name, each with its queues by name."""
    connection = reader(path)
    try:
        queues: dict[str, list[str]] = {}
        for row in connection.execute("SELECT agent, queue FROM members ORDER BY agent, queue"):
            queues.setdefault(row["agent"], []).append(row["queue"])
        return [
            Agent(row["name"], row["label"], row["ha1"], tuple(queues.get(row["name"], ())))
            for row in connection.execute("SELECT * FROM agents ORDER BY name")
        ]
    finally:
        connection.close()


def members(path: Path) -> dict[str, list[str]]:
    """Queue -> agents in the order of the strategy "in-order"."""
    connection = reader(path)
    try:
        found: dict[str, list[str]] = {}
        for row in connection.execute("SELECT * FROM members ORDER BY queue, position, agent"):
            found.setdefault(row["queue"], []).append(row["agent"])
        return found
    finally:
        connection.close()


def add_agent(
    path: Path, name: str, label: str, queues: Sequence[str], password: str | None = None
) -> str:
    """Add an agent and return the password for its phone, which is kept nowhere.

    :raises PeopleError: a bad or taken name, a bad label.
    """
    if not NAME.fullmatch(name) or name.startswith(RESERVED) or name.isdigit():
        # All digits: a caller's number in From would be taken for this agent's phone.
        raise PeopleError(
            f"{name!r} cannot be the name of an agent: small letters, digits, - and _, at most 40, "
            f"not digits alone, and not beginning with {' or '.join(RESERVED)}"
        )
    label = label.strip()
    if not label or len(label) > 80 or re.search(r"[\x00-\x1f\x7f-\x9f]", label):
        raise PeopleError("the label must be 1 to 80 printable characters")
    password = password or new_password()
    with writing(path, kinds.ADDED, name) as connection:
        try:
            connection.execute(
                "INSERT INTO agents (name, label, ha1, added) VALUES (?, ?, ?, ?)",
                (name, label, ha1(name, password), now()),
            )
        except sqlite3.IntegrityError:
            raise PeopleError(f"there is an agent {name!r} already") from None
        _join(connection, name, queues)
    return password


def readmit_agent(path: Path, name: str, ha1: str, queues: Sequence[str]) -> None:
    """Add an agent whose row is lost, by the digest of the password that the phone has.

    :param queues: to be member of, unless a membership has survived.
    """
    with writing(path, kinds.ADDED, name) as connection:
        connection.execute(
            "INSERT OR IGNORE INTO agents (name, label, ha1, added) VALUES (?, ?, ?, ?)",
            (name, name.capitalize(), ha1, now()),
        )
        if not connection.execute("SELECT 1 FROM members WHERE agent = ?", (name,)).fetchone():
            _join(connection, name, queues)


def set_queues(path: Path, name: str, queues: Sequence[str]) -> None:
    """Make an agent member of exactly ``queues``; their place in those where they are is kept.

    :raises PeopleError: there is no such agent.
    """
    with writing(path, kinds.CHANGED, name) as connection:
        if not connection.execute("SELECT 1 FROM agents WHERE name = ?", (name,)).fetchone():
            raise PeopleError(f"there is no agent {name!r}; 'decroche agent list' shows them")
        here = [row[0] for row in connection.execute(IN, (name,))]
        for queue in set(here) - set(queues):
            connection.execute("DELETE FROM members WHERE agent = ? AND queue = ?", (name, queue))
        _join(connection, name, [queue for queue in queues if queue not in here])


def remove_agent(path: Path, name: str) -> None:
    """Remove an agent from the line; what it did stays in the journal.

    :raises PeopleError: there is no such agent.
    """
    with writing(path, kinds.REMOVED, name) as connection:
        if not connection.execute("DELETE FROM agents WHERE name = ?", (name,)).rowcount:
            raise PeopleError(f"there is no agent {name!r}; 'decroche agent list' shows them")


def declared(agent: str, kind: str, by: str) -> Event:
    """An agent's declaration: one of kinds.PRESENCE, made now. ``by``: where, as "phone"."""
    at = now()
    return Event(id=f"{agent}:{at}:{kind}", at=at, kind=kind, actor=agent, body={"by": by})


def declare(path: Path, kind: str, agents: Sequence[str], by: str) -> None:
    """Write down what agents declare; durable when this returns.

    :raises sqlite3.OperationalError: the database stays locked or is full.
    """
    store = Store(path)
    try:
        store.append([declared(agent, kind, by) for agent in agents])
    finally:
        store.close()


def _join(connection: sqlite3.Connection, name: str, queues: Sequence[str]) -> None:
    sql = """INSERT INTO members (queue, agent, position)
        SELECT :queue, :agent, coalesce(max(position), 0) + 1 FROM members WHERE queue = :queue"""
    for queue in dict.fromkeys(queues):
        connection.execute(sql, {"queue": queue, "agent": name})


@contextmanager
def writing(path: Path, kind: str, *agents: str) -> Iterator[sqlite3.Connection]:
    """One transaction; that agents have changed stands in the journal: the services notice."""
    store, at = Store(path), now()
    try:
        with store.transaction():
            yield store.connection
            for agent in agents:
                store.add(Event(id=f"{agent}:{kind}:{at}", at=at, kind=kind, actor=agent))
    finally:
        store.close()
