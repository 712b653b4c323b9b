"""The erasure journal: which tokens were forgotten and when, so that no old copy brings them back.

``DIR/erasures.jsonl``, one line each, readable by the owner alone. It is outside the database and
its backups: whoever restores one erases again what was erased since it was made. A token of a
key that was destroyed means nobody any more.
"""

import os
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from .folder import sync, write_private
from .redact import carriers, redact


class Erasure(msgspec.Struct, frozen=True):
    """What was known of this caller until ``at`` (microseconds UTC) is to be known no more."""

    at: int
    caller: str


def read(path: Path) -> list[Erasure]:
    """All of them; a line that was torn off when the machine died is passed over."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        try:
            found.append(msgspec.json.decode(line, type=Erasure))
        except (msgspec.DecodeError, msgspec.ValidationError):
            continue
    return found


def note(path: Path, callers: Iterable[str], at: int) -> None:
    """Write them down; they are on the disk when this returns."""
    lines = b"".join(msgspec.json.encode(Erasure(at, caller)) + b"\n" for caller in callers)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        size = os.fstat(handle).st_size
        torn = size and os.pread(handle, 1, size - 1) != b"\n"
        os.write(handle, b"\n" * bool(torn) + lines)
        os.fsync(handle)
    finally:
        os.close(handle)
    sync(path.parent)


def shorten(path: Path, before: int) -> int:
    """Drop those older than ``before`` (microseconds UTC); returns how many."""
    found = read(path)
    kept = [one for one in found if one.at > before]
    if len(kept) < len(found):
        write_private(path, "".join(f"{msgspec.json.encode(one).decode()}\n" for one in kept))
    return len(found) - len(kept)


def replay(connection: sqlite3.Connection, path: Path) -> int:
    """Erase what is known of everybody in the file; see :func:`erase`."""
    until: dict[str, int] = {}
    for one in read(path):
        until[one.caller] = max(one.at, until.get(one.caller, 0))
    return erase(connection, until)


def erase(connection: sqlite3.Connection, until: Mapping[str, int]) -> int:
    """Take callers out of the journal and their numbers away, inside a transaction.

    :param until: token -> the instant (microseconds UTC) up to which; what came later stays.
    :returns: how many facts and numbers it concerned. The projections are for the caller.
    """
    events = [
        event for event in carriers(connection, until) if event["at"] <= until[event["caller"]]
    ]
    redact(connection, events)
    sql = "DELETE FROM numbers WHERE caller = ? AND at <= ?"
    gone = sum(connection.execute(sql, one).rowcount for one in until.items())
    return len(events) + gone
