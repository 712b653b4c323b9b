"""Accounts of those who take calls: made with a personal link, tied to an agent, taken away.

An agent's account has the agent's name, or the next free one, and the role ``agent``: the board,
what is owed, the sheets, their own start; nothing that an admin does. Call them off the event loop.
"""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from ..records import invitations
from ..records.people import PeopleError
from ..records.schema import reader
from . import accounts, passwords
from .accounts import AGENT, BEGINNER, Account
from .settings import NAME_MAX


def sign_in_name(path: Path, agent: str) -> str:
    """What an agent types to sign in: that of their account, else what it will be."""
    with closing(reader(path)) as connection:
        return _name(connection, agent)


def join(path: Path, secret: str, password: str) -> Account:
    """Make the account of whoever holds a personal link, or give it a new password.

    :raises AccountError: a weak password. :raises LinkError: the link is dead or used.
    """
    label = invitations.look(path, secret).label  # before the costly hash
    accounts.check_words(label[:NAME_MAX], password)
    hashed = passwords.hashed(password)
    with invitations.redeem(path, secret) as (connection, invited):
        name, agent = _name(connection, invited.agent), invited.agent
        row = connection.execute(accounts.SELECT, (name,)).fetchone()
        if row is None:
            sql = """INSERT INTO accounts (name, label, roles, password, added, agent)
                VALUES (?, ?, ?, ?, ?, ?)"""
            values = (name, invited.label, AGENT, hashed, int(time.time()), agent)
            connection.execute(sql, values)
            return Account(name, invited.label, frozenset({BEGINNER}), "", agent)
        connection.execute("UPDATE accounts SET password = ? WHERE name = ?", (hashed, name))
        accounts.close_sessions(connection, name)
        return accounts.account_of(row)


def tie(path: Path, account: str, agent: str) -> None:
    """Say that an account is that of an agent, as for a coordinator who takes calls, too.

    :param account: empty: the agent has none any more.
    :raises AccountError, PeopleError: no such account, no such agent; one of them is taken.
    """
    with accounts.writing(path) as connection:
        if not connection.execute("SELECT 1 FROM agents WHERE name = ?", (agent,)).fetchone():
            raise PeopleError(f"there is no agent {agent!r}; 'decroche agent list' shows them")
        if not account:
            connection.execute("UPDATE accounts SET agent = NULL WHERE agent = ?", (agent,))
            return
        if (other := _of(connection, agent)) is not None and other != accounts.fold(account):
            raise PeopleError(f"{agent} signs in as {other!r} already")
        sql = "UPDATE accounts SET agent = ? WHERE name = ?"
        if not connection.execute(sql, (agent, accounts.fold(account))).rowcount:
            raise PeopleError(f"there is no account {account!r} on the page")


def part(path: Path, agent: str) -> None:
    """An agent is removed: so is their account, unless it does more than take calls."""
    with accounts.writing(path) as connection:
        sql = "DELETE FROM accounts WHERE agent = ? AND roles = ?"
        connection.execute(sql, (agent, AGENT))
        connection.execute("UPDATE accounts SET agent = NULL WHERE agent = ?", (agent,))


def end_sessions(path: Path, agent: str) -> None:
    """Sign an agent out everywhere."""
    with accounts.writing(path) as connection:
        if account := _of(connection, agent):
            accounts.close_sessions(connection, account)


def account_name(path: Path, agent: str) -> str:
    """The name of an agent's account; empty without one."""
    with closing(reader(path)) as connection:
        return _of(connection, agent) or ""


def _name(connection: sqlite3.Connection, agent: str) -> str:
    if own := _of(connection, agent):
        return own
    name, count = agent, 1
    while connection.execute("SELECT 1 FROM accounts WHERE name = ?", (name,)).fetchone():
        count += 1
        name = f"{agent}-{count}"
    return name


def _of(connection: sqlite3.Connection, agent: str) -> str | None:
    row = connection.execute("SELECT name FROM accounts WHERE agent = ?", (agent,)).fetchone()
    return None if row is None else str(row[0])
