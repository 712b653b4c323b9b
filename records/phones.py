"""Agents who are called on a phone of their own, mobile or landline, over a trunk.

The number is in the table ``outside``, encrypted like a caller's (records/numbers.py), and in
Asterisk's dialplan, encrypted there, too (asterisk/sealed.py); nowhere else.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ..hotline import Hotline
from . import kinds
from .events import Event, now
from .numbers import seal, unseal
from .outside import may_dial
from .people import PeopleError
from .schema import reader
from .secrets import Secrets
from .store import Store
from .tokens import read_number


def about(agent: str) -> str:
    """What a sealed number is bound to: it opens for this agent only."""
    return f"agent:{agent}"


def keep(connection: sqlite3.Connection, agent: str, number: str, key: str) -> None:
    """Write an agent's number down, sealed; another one before is gone."""
    sealed = seal(number, about(agent), key)
    sql = "INSERT OR REPLACE INTO outside (agent, sealed, at) VALUES (?, ?, ?)"
    connection.execute(sql, (agent, sealed.sealed, sealed.at))


def sealed_otherwise(connection: sqlite3.Connection, *keys: str) -> list[tuple[str, bytes]]:
    """The numbers that none of these keys opens: (agent, sealed)."""
    rows = connection.execute("SELECT agent, sealed FROM outside").fetchall()
    return [(one, text) for one, text in rows if unseal(text, about(one), keys) is None]


def drop_sealed_otherwise(connection: sqlite3.Connection, keys: Iterable[str]) -> int:
    """Delete those, inside a transaction: these agents' SIP phones are rung; returns how many."""
    lost = [(agent,) for agent, _ in sealed_otherwise(connection, *keys)]
    connection.executemany("DELETE FROM outside WHERE agent = ?", lost)
    return len(lost)


def rung_since(connection: sqlite3.Connection, since: int) -> dict[str, int]:
    """Everybody who is called outside -> how often their phone has rung since an instant."""
    sql = """SELECT x.agent, count(o.offer) AS rung FROM outside x
        LEFT JOIN offers o ON o.agent = x.agent AND o.rang >= ? GROUP BY x.agent"""
    return {row["agent"]: row["rung"] for row in connection.execute(sql, (since,))}


def numbers(path: Path, secrets: Secrets) -> dict[str, str]:
    """Agent -> number (E.164), in clear; one that no key opens is left out."""
    with closing(reader(path)) as connection:
        rows = connection.execute("SELECT agent, sealed FROM outside ORDER BY agent").fetchall()
    found = {
        row["agent"]: unseal(row["sealed"], about(row["agent"]), secrets.number_keys)
        for row in rows
    }
    return {agent: number for agent, number in found.items() if number is not None}


def refused(path: Path, hotline: Hotline, secrets: Secrets) -> list[str]:
    """The agents whose number the line may not call as hotline.toml stands now."""
    rules = hotline.outside
    return [
        agent
        for agent, number in numbers(path, secrets).items()
        if rules is not None and not may_dial(number, rules.prefixes)
    ]


def move_outside(path: Path, hotline: Hotline, secrets: Secrets, agent: str, text: str) -> str:
    """From the next ``apply`` on an agent is called on a phone of their own; the number.

    :param text: as people write it.
    :raises PeopleError: no such agent, no number that the line may call, no trunk or table.
    """
    rules = hotline.outside
    if rules is None or not hotline.trunks:
        raise PeopleError(
            "this line calls no agent outside: write an [outside] table into hotline.toml, then: "
            "decroche apply"
        )
    number = read_number(text)
    if number is None or not may_dial(number, rules.prefixes):
        raise PeopleError(
            f"{text!r} is not a number that this line may call; it may call those that begin "
            f"with {' or '.join(rules.prefixes)} and cost nothing extra"
        )
    with _changing(path, agent) as store:
        keep(store.connection, agent, number, secrets.number_key)
    return number


def move_inside(path: Path, agent: str) -> None:
    """The agent's SIP phone rings again. :raises PeopleError: no such agent."""
    with _changing(path, agent) as store:
        store.connection.execute("DELETE FROM outside WHERE agent = ?", (agent,))


def masked(number: str) -> str:
    """Enough of a number for who knows it: the country and the last two digits."""
    return f"{number[:3]} ... {number[-2:]}"


def told(path: Path, secrets: Secrets, agent: str) -> str:
    """On which phone an agent is called, for a person. :raises PeopleError: no such agent."""
    with closing(reader(path)) as connection:
        _check(connection, agent)
        outside = agent in rung_since(connection, 0)
    number = numbers(path, secrets).get(agent)
    if not outside:
        return f"{agent} is called on their SIP phone"
    return f"{agent} is called on {masked(number) if number else 'a number that no key opens'}"


def _check(connection: sqlite3.Connection, agent: str) -> None:
    if not connection.execute("SELECT 1 FROM agents WHERE name = ?", (agent,)).fetchone():
        raise PeopleError(f"there is no agent {agent!r}; 'decroche agent list' shows them")


@contextmanager
def _changing(path: Path, agent: str) -> Iterator[Store]:
    store, at = Store(path), now()
    try:
        with store.transaction():
            _check(store.connection, agent)
            yield store
            key = f"{agent}:{kinds.CHANGED}:{at}"
            store.add(Event(id=key, at=at, kind=kinds.CHANGED, actor=agent))
    finally:
        store.close()
