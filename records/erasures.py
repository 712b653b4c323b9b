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


def until(path: Path) -> dict[str, int]:
    """Token -> the instant (microseconds UTC) up to which it is to be known no more."""
    found: dict[str, int] = {}
    for one in read(path):
        found[one.caller] = max(one.at, found.get(one.caller, 0))
    return found


def erase(connection: sqlite3.Connection, forgotten: Mapping[str, int]) -> int:
    """Take callers out of the journal and their numbers away, inside a transaction.

    :param forgotten: as :func:`until` gives them; what came later stays.
    :returns: how many facts and numbers it concerned. The projections are for the caller.
    """
    events = [
        event
        for event in carriers(connection, forgotten)
        if event["at"] <= forgotten[event["caller"]]
    ]
    redact(connection, events)
    sql = "DELETE FROM numbers WHERE caller = ? AND at <= ?"
    gone = sum(connection.execute(sql, one).rowcount for one in forgotten.items())
    return len(events) + gone
