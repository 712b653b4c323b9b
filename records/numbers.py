"""Callers' numbers, encrypted, and only as long as somebody owes them a call.

A number is sealed when its call arrives (AES-256-GCM under a key in secrets.toml, bound to the
caller's token) and forgotten when that call has been answered, or when the caller's entry
in the ledger is closed. It is opened for the one who has claimed the entry, and nowhere else.
"""

import asyncio
import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import msgspec
import structlog

from .events import MICRO, now
from .schema import reader

log = structlog.get_logger(__name__)

NONCE = 12  # bytes
UNDO = 10 * 60  # seconds for which an entry that a person has closed can be opened again
FORGET = 60.0  # seconds between two looks for numbers that nobody needs any more


class Sealed(msgspec.Struct, frozen=True):
    """A number that may be written down. ``at``: microseconds UTC."""

    caller: str
    sealed: bytes
    at: int


def seal(number: str, caller: str, key: str) -> Sealed:
    """Encrypt an E.164 number for a token under a key (64 hexadecimal digits)."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(NONCE)
    text = AESGCM(bytes.fromhex(key)).encrypt(nonce, number.encode(), caller.encode())
    return Sealed(caller, nonce + text, now())


def keep(connection: sqlite3.Connection, number: Sealed, at: int) -> None:
    """Write a number down that was last used ``at``, unless a later one stands there."""
    connection.execute(
        """INSERT INTO numbers (caller, sealed, at) VALUES (?, ?, ?)
            ON CONFLICT (caller) DO UPDATE SET at = max(at, excluded.at)""",
        (number.caller, number.sealed, at),
    )


def find(path: Path, caller: str, *keys: str) -> str | None:
    """A caller's number; None when it is not kept, or was sealed under none of the keys."""
    with closing(reader(path)) as connection:
        sql = "SELECT sealed FROM numbers WHERE caller = ?"
        row = connection.execute(sql, (caller,)).fetchone()
    return None if row is None else unseal(row["sealed"], caller, keys)


def unseal(sealed: bytes, caller: str, keys: Iterable[str]) -> str | None:
    """The number behind a token, under the first of the keys that opens it."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce, text = sealed[:NONCE], sealed[NONCE:]
    for key in keys:
        try:
            return AESGCM(bytes.fromhex(key)).decrypt(nonce, text, caller.encode()).decode()
        except InvalidTag:
            continue
    return None


def forget(path: Path, at: int | None = None) -> int:
    """Delete the numbers of all to whom nobody owes a call, and who are not blocked; how many.

    :param at: as of when (microseconds UTC), by default now.

    One whose entry was closed by a person is kept for UNDO seconds: it may be opened again.

    :raises sqlite3.OperationalError: the database stays locked.
    """
    at = now() if at is None else at
    with closing(sqlite3.connect(path, timeout=5, isolation_level=None)) as connection:
        connection.execute("PRAGMA secure_delete = ON")  # overwritten, not only let go of
        return connection.execute(
            """DELETE FROM numbers WHERE
                caller NOT IN (SELECT caller FROM ledger WHERE closed IS NULL
                    OR (closed_by IS NOT NULL AND reason <> 'answered' AND closed > ?))
                AND caller NOT IN
                    (SELECT caller FROM calls WHERE ended IS NULL AND caller IS NOT NULL)
                AND caller NOT IN (SELECT caller FROM callbacks WHERE ended IS NULL)
                AND caller NOT IN (SELECT caller FROM blocks WHERE ended IS NULL AND until > ?)""",
            (at - UNDO * MICRO, at),
        ).rowcount


async def keep_forgetting(path: Path) -> None:
    """:func:`forget` once a minute, until cancelled; a database that is locked is asked again."""
    while True:
        try:
            await asyncio.to_thread(forget, path)
        except sqlite3.OperationalError as error:
            log.warning("numbers are not forgotten yet", reason=str(error))
        await asyncio.sleep(FORGET)
