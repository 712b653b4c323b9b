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
# Letters without accents: what every mail server takes (RFC 5321 without its extensions).
EMAIL = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@(?:[a-z0-9-]{1,63}\.)+[a-z0-9-]{2,63}")
# In no label: controls, line ends, and what turns the text after it round.
UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
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
    email: str = ""
    disabled: bool = False  # does not ring; Asterisk does not know the phone


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
            Agent(
                name=row["name"],
                label=row["label"],
                ha1=row["ha1"],
                queues=tuple(queues.get(row["name"], ())),
                email=row["email"] or "",
                disabled=row["disabled"] is not None,
            )
            for row in connection.execute("SELECT * FROM agents ORDER BY name")
        ]
    finally:
        connection.close()


def members(path: Path) -> dict[str, list[str]]:
    """Queue -> agents in the order of the strategy "in-order", without the disabled ones."""
    connection = reader(path)
    try:
        found: dict[str, list[str]] = {}
        sql = """SELECT queue, agent FROM members WHERE agent NOT IN
            (SELECT name FROM agents WHERE disabled IS NOT NULL) ORDER BY queue, position, agent"""
        for row in connection.execute(sql):
            found.setdefault(row["queue"], []).append(row["agent"])
        return found
    finally:
        connection.close()


def add_agent(
    path: Path,
    name: str,
    label: str,
    queues: Sequence[str],
    password: str | None = None,
    email: str = "",
) -> str:
    """Add an agent and return the password for its phone, which is kept nowhere.

    :raises PeopleError: a bad or taken name, a bad label, somebody else's address.
    """
    check_name(name)
    label = check_label(label)
    password = password or new_password()
    with writing(path, kinds.ADDED, name) as connection:
        if email:
            free_email(connection, name, email)
        try:
            connection.execute(
                "INSERT INTO agents (name, label, ha1, added, email) VALUES (?, ?, ?, ?, ?)",
                (name, label, ha1(name, password), now(), email or None),
            )
        except sqlite3.IntegrityError:
            raise PeopleError(f"there is an agent {name!r} already") from None
        join_queues(connection, name, queues)
    return password


def check_name(name: str) -> str:
    """:raises PeopleError: it cannot be an agent's name."""
    if not NAME.fullmatch(name) or name.startswith(RESERVED) or name.isdigit():
        # All digits: a caller's number in From would be taken for this agent's phone.
        raise PeopleError(
            f"{name!r} cannot be the name of an agent: small letters, digits, - and _, at most 40, "
            f"not digits alone, and not beginning with {' or '.join(RESERVED)}"
        )
    return name


def check_label(label: str) -> str:
    """A label as it is kept. :raises PeopleError: no screen can show it."""
    label = label.strip()
    if not label or len(label) > 80 or UNSEEN.search(label):
        raise PeopleError("the label must be 1 to 80 printable characters")
    return label


def check_email(email: str) -> str:
    """An address as it is kept: in small letters. :raises PeopleError: it is none."""
    email = email.strip().lower()
    if not EMAIL.fullmatch(email) or len(email) > 254:
        raise PeopleError(f"{email[:80]!r} is not an e-mail address as name@example.org")
    return email


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
            join_queues(connection, name, queues)


def leave_queues(connection: sqlite3.Connection, name: str, wanted: Sequence[str]) -> list[str]:
    """Take an agent out of the queues that are not wanted; returns those still to be joined."""
    here = {row[0] for row in connection.execute(IN, (name,))}
    for queue in here - set(wanted):
        connection.execute("DELETE FROM members WHERE agent = ? AND queue = ?", (name, queue))
    return [queue for queue in wanted if queue not in here]


def remove_agent(path: Path, name: str) -> None:
    """Remove an agent from the line; what it did stays in the journal.

    :raises PeopleError: there is no such agent.
    """
    with writing(path, kinds.REMOVED, name) as connection:
        if not connection.execute("DELETE FROM agents WHERE name = ?", (name,)).rowcount:
            raise PeopleError(f"there is no agent {name!r}; 'decroche agent list' shows them")


def declared(agent: str, kind: str, by: str, until: int | None = None) -> Event:
    """An agent's declaration: one of kinds.PRESENCE, made now. ``by``: where, as "phone".

    :param until: when an availability ends by itself, microseconds UTC.
    """
    at = now()
    if until is None:
        return Event(id=f"{agent}:{at}:{kind}", at=at, kind=kind, actor=agent, body={"by": by})
    # In the id, too: where only that is left, it is not known again without its end.
    key, body = f"{agent}:{at}:{kind}:{until}", {"by": by, "until": until}
    return Event(id=key, at=at, kind=kind, actor=agent, body=body)


def declare(
    path: Path, kind: str, agents: Sequence[str], by: str, until: int | None = None
) -> None:
    """Write down what agents declare; durable when this returns. As :func:`declared`.

    :raises sqlite3.OperationalError: the database stays locked or is full.
    """
    store = Store(path)
    try:
        store.append([declared(agent, kind, by, until) for agent in agents])
    finally:
        store.close()


def free_email(connection: sqlite3.Connection, name: str, email: str) -> None:
    """:raises PeopleError: it is another agent's."""
    sql = "SELECT name FROM agents WHERE email = ? AND name <> ?"
    if other := connection.execute(sql, (email, name)).fetchone():
        raise PeopleError(f"{email} is the address of {other['name']} already")


def join_queues(connection: sqlite3.Connection, name: str, queues: Sequence[str]) -> None:
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
