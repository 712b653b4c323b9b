"""New keys for the line, and whoever is owed a call moves over to them.

1. secrets.toml holds the new keys, and the old ones as ``previous``. Services use the new ones
   from the next caller on, and still open what was sealed under the old ones.
2. Asterisk's dialplan gets the new key of the fallback (asterisk/rotation.py).
3. Each number that is kept is opened, gets its new token everywhere in the journal, and is sealed
   anew; the projections are computed again, in the same transaction. Attempts under the old and
   under the new token are one caller's again. Who is just being called back moves later: the
   channel of that call is named for them.
   Whoever is blocked moves likewise when their number is kept; else the block ends.
   Agents' own numbers (records/phones.py) are sealed anew.
4. The old keys are destroyed, once nothing needs them. Of all others the tokens of before mean
   nobody any more.

Killed anywhere, it goes on where it stopped: ``previous`` says that something is unfinished.
"""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from . import callbacks, kinds, phones
from .events import MICRO, Event, now
from .numbers import keep, seal, unseal
from .rebuild import Progress, recompute, silent
from .redact import rename
from .schema import reader
from .secrets import Secrets
from .store import Store
from .tokens import token


def move(path: Path, secrets: Secrets, progress: Progress = silent, always: bool = False) -> int:
    """Step 3; returns how many callers moved. A number that no key opens is deleted.

    :param always: note it in the journal although there was nobody to move.
    :raises sqlite3.OperationalError: another process holds the file; nothing has changed.
    """
    store = Store(path)
    try:
        with store.transaction():
            moved = _move(store, secrets)
            if moved or always:
                at = now()
                key = f"{kinds.ROTATED}:{at}"
                store.add(Event(id=key, at=at, kind=kinds.ROTATED, body={"moved": moved}))
            if moved:
                recompute(store, progress)
    finally:
        store.close()
    return moved


def left(path: Path, secrets: Secrets) -> int:
    """How many callers have not moved over yet, because they are being called back just now."""
    with closing(reader(path)) as connection:
        return len(_of_before(connection, secrets))


def _of_before(connection: sqlite3.Connection, secrets: Secrets) -> list[tuple[str, bytes, int]]:
    """Rows of ``numbers`` that the keys in force do not open, or know under another token."""
    found = []
    for caller, sealed, at in connection.execute("SELECT caller, sealed, at FROM numbers"):
        number = unseal(sealed, caller, (secrets.number_key,))
        if number is None or token(number, secrets.token_key) != caller:
            found.append((caller, sealed, at))
    return found


def _move(store: Store, secrets: Secrets) -> int:
    connection, names = store.connection, {}
    called = {row["caller"] for row in callbacks.under_way(connection)}
    _move_phones(connection, secrets)
    for caller, sealed, at in _of_before(connection, secrets):
        if caller in called:
            continue
        number = unseal(sealed, caller, secrets.number_keys)
        connection.execute("DELETE FROM numbers WHERE caller = ?", (caller,))
        if number is not None:
            names[caller] = fresh = token(number, secrets.token_key)
            keep(connection, seal(number, fresh, secrets.number_key), at)
    rename(connection, names)
    _end_blocks(store, secrets, names)
    return len(names)


def _move_phones(connection: sqlite3.Connection, secrets: Secrets) -> None:
    """Agents' own numbers are sealed anew; one that no key opens is deleted."""
    for agent, sealed in phones.sealed_otherwise(connection, secrets.number_key):
        number = unseal(sealed, phones.about(agent), secrets.number_keys)
        connection.execute("DELETE FROM outside WHERE agent = ?", (agent,))
        if number is not None:
            phones.keep(connection, agent, number, secrets.number_key)


def _end_blocks(store: Store, secrets: Secrets, moved: Mapping[str, str]) -> None:
    """A block of before whose number is not kept means nobody any more: it says so, and ends."""
    renewed = None if secrets.renewed is None else int(secrets.renewed.timestamp()) * MICRO
    at, sql = now(), "SELECT caller, since FROM blocks WHERE ended IS NULL AND until > ?"
    kept = {row[0] for row in store.connection.execute("SELECT caller FROM numbers")}
    for caller, since in store.connection.execute(sql, (at,)).fetchall():
        if renewed is None or since >= renewed or caller in kept or caller in moved:
            continue
        body = {"caller": caller, "reason": "rotated"}
        key = f"{caller}:{kinds.UNBLOCKED}:{at}"
        store.add(Event(id=key, at=at, kind=kinds.UNBLOCKED, body=body))
