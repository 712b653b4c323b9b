"""What becomes of an agent who is there: another label, other queues, disabled, a new phone.

Each change is one transaction, and stands in the journal, so that the services notice.
"""

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from . import kinds
from .events import Event, now
from .people import (
    PeopleError,
    check_email,
    check_label,
    declared,
    free_email,
    ha1,
    join_queues,
    leave_queues,
    new_password,
    writing,
)
from .store import Store
from .welcome import happened

Change = Callable[[sqlite3.Connection], None]


def edit_agent(
    path: Path,
    name: str,
    label: str | None = None,
    email: str | None = None,
    queues: Sequence[str] | None = None,
) -> None:
    """Change what is given; an empty ``email`` takes the address away.

    :raises PeopleError: no such agent, a bad label or address, the address of somebody else.
    """
    label = label if label is None else check_label(label)
    email = email if not email else check_email(email)
    with writing(path, kinds.CHANGED, name) as connection:
        known(connection, name)
        if email:
            free_email(connection, name, email)
        if email is not None:
            connection.execute("UPDATE agents SET email = ? WHERE name = ?", (email or None, name))
        if label is not None:
            connection.execute("UPDATE agents SET label = ? WHERE name = ?", (label, name))
        if queues is not None:
            join_queues(connection, name, leave_queues(connection, name, queues))


def disable_agent(path: Path, name: str) -> bool:
    """No more calls, no page, no link; False when it was so already.

    :raises PeopleError: there is no such agent.
    """

    def change(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM invitations WHERE agent = ?", (name,))
        connection.execute("UPDATE agents SET disabled = ? WHERE name = ?", (now(), name))

    return _turn(path, name, kinds.DISABLED, False, change)


def enable_agent(path: Path, name: str) -> bool:
    """Take calls again; False when it was so already.

    :raises PeopleError: there is no such agent.
    """

    def change(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE agents SET disabled = NULL WHERE name = ?", (name,))

    return _turn(path, name, kinds.ENABLED, True, change)


def rekey_phone(path: Path, name: str, by: str) -> str:
    """Give an agent's phone a new password and return it; it is kept nowhere.

    :param by: where, as "page". :raises PeopleError: there is no such agent.
    """
    password = new_password()
    store = Store(path)
    try:
        with store.transaction():
            known(store.connection, name)
            row = (ha1(name, password), name)
            store.connection.execute("UPDATE agents SET ha1 = ? WHERE name = ?", row)
            store.add(happened(kinds.REKEYED, name, by=by))
    finally:
        store.close()
    return password


def known(connection: sqlite3.Connection, name: str) -> sqlite3.Row:
    """:raises PeopleError: there is no such agent."""
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM agents WHERE name = ?", (name,)
    ).fetchone()
    if row is None:
        raise PeopleError(f"there is no agent {name!r}; 'decroche agent list' shows them")
    return row


def _turn(path: Path, name: str, kind: str, was: bool, change: Change) -> bool:
    """Each turn leaves them away: who is enabled again does not ring before they say so, whatever
    a phone that was not refused yet has said meanwhile.

    :param was: whether the agent must be disabled before, else there is nothing to do.
    """
    store = Store(path)
    try:
        with store.transaction():
            if (known(store.connection, name)["disabled"] is not None) != was:
                return False
            change(store.connection)
            at = now()
            store.add(Event(id=f"{name}:{kind}:{at}", at=at, kind=kind, actor=name))
            store.add(declared(name, kinds.AWAY, "command"))
    finally:
        store.close()
    return True
