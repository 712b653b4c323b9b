"""What the line knows of one person, for who asks about themselves: by their number.

Only the keys in force can tell whose token it is: of calls before the last rotation, unless a
call was owed then, nobody can say any more who it was.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Any

from .changes import Row
from .events import MICRO, instant
from .schema import reader
from .secrets import Secrets
from .tokens import read_number, token


class NumberError(Exception):
    """What was given is no telephone number."""


@dataclass(frozen=True)
class Known:
    """Rows of ``calls``, ``ledger``, ``callbacks``, ``messages`` and ``blocks`` of one number, and
    whether the number itself is kept.
    """

    number: str
    calls: Sequence[Row]
    entries: Sequence[Row]
    promises: Sequence[Row]
    messages: Sequence[Row]
    kept: bool
    zone: tzinfo
    blocks: Sequence[Row] = ()

    def as_json(self) -> dict[str, Any]:
        """For the person: times are local, waits and talks in seconds; no name of an agent."""
        return {
            "number": self.number,
            "number_kept": self.kept,
            "calls": [_call(row, self.zone) for row in self.calls],
            "owed_a_call": [_entry(row, self.zone) for row in self.entries],
            "call_backs": [_promise(row, self.zone) for row in self.promises],
            "messages": [_message(row, self.zone) for row in self.messages],
            "blocked": [_block(row, self.zone) for row in self.blocks],
        }

    def lines(self) -> Iterator[str]:
        """The same for a terminal."""
        yield f"{self.number}: {len(self.calls)} calls; " + (
            "the number is kept, encrypted" if self.kept else "the number itself is not kept"
        )
        for call in (_call(row, self.zone) for row in self.calls):
            yield f"  {call['arrived']}  {call['outcome']:<14} call {call['call']}"
        for entry in (_entry(row, self.zone) for row in self.entries):
            state = f"closed: {entry['reason']}" if entry["closed"] else "owed a call"
            yield f"  in the ledger since {entry['first']}, {entry['attempts']} attempts; {state}"
        for promise in (_promise(row, self.zone) for row in self.promises):
            yield f"  a call-back not before {promise['due']}: {promise['state']}"
        for one in (_message(row, self.zone) for row in self.messages):
            state = "deleted" if one["deleted"] else "kept"
            yield f"  a message of {one['seconds']} s, left {one['left']}; {state}"
        for one in (_block(row, self.zone) for row in self.blocks):
            yield f"  blocked from {one['since']} until {one['taken_back'] or one['until']}"


def parse(text: str) -> str:
    """The E.164 number, written in whatever way.

    :raises NumberError: it is none.
    """
    number = read_number(text)
    if number is None:
        raise NumberError(f"{text!r} is no telephone number; write 06 12 34 56 78 or +33612345678")
    return number


def tokens(number: str, secrets: Secrets) -> list[str]:
    """The tokens under which an E.164 number may be known now."""
    return [token(number, key) for key in secrets.token_keys]


def known(path: Path, number: str, secrets: Secrets, zone: tzinfo) -> Known:
    """:raises sqlite3.Error: the database cannot be read."""
    callers = tokens(number, secrets)
    with closing(reader(path)) as connection:
        calls = _rows(
            connection, "SELECT * FROM calls WHERE caller IN ({}) ORDER BY arrived", callers
        )
        entries = _rows(connection, "SELECT * FROM ledger WHERE caller IN ({})", callers)
        kept = _rows(connection, "SELECT at FROM numbers WHERE caller IN ({})", callers)
        promises = _rows(connection, "SELECT * FROM callbacks WHERE caller IN ({})", callers)
        messages = _rows(
            connection, "SELECT * FROM messages WHERE caller IN ({}) ORDER BY left", callers
        )
        blocks = _rows(connection, "SELECT * FROM blocks WHERE caller IN ({})", callers)
    return Known(number, calls, entries, promises, messages, bool(kept), zone, blocks)


def _rows(connection: sqlite3.Connection, sql: str, callers: Iterable[str]) -> list[Row]:
    values = tuple(callers)
    return connection.execute(sql.format(", ".join("?" * len(values))), values).fetchall()


def _call(row: Row, zone: tzinfo) -> dict[str, Any]:
    end = row["left"] or row["ended"]
    return {
        "call": row["number"],
        "arrived": _local(row["arrived"], zone),
        "called": row["did"],
        "queue": row["queue"],
        "outcome": row["outcome"] or "under way",
        "waited": _seconds(row["queued"], row["answered"] or row["ended"]),
        "talked": _seconds(row["answered"], end),
    }


def _entry(row: Row, zone: tzinfo) -> dict[str, Any]:
    return {
        "first": _local(row["first"], zone),
        "last": _local(row["last"], zone),
        "attempts": row["attempts"],
        "called_back_in_vain": row["tries"],
        "closed": _local(row["closed"], zone) if row["closed"] else None,
        "reason": row["reason"],
    }


def _promise(row: Row, zone: tzinfo) -> dict[str, Any]:
    return {
        "due": _local(row["due"], zone),
        "waits_since": _local(row["since"], zone),
        "reason": row["reason"],
        "called_in_vain": row["tries"],
        "state": row["stage"],
    }


def _message(row: Row, zone: tzinfo) -> dict[str, Any]:
    return {
        "left": _local(row["left"], zone),
        "seconds": row["seconds"],
        "heard": _local(row["heard"], zone) if row["heard"] else None,
        "deleted": _local(row["removed"], zone) if row["removed"] else None,
    }


def _block(row: Row, zone: tzinfo) -> dict[str, Any]:
    return {
        "since": _local(row["since"], zone),
        "until": _local(row["until"], zone),
        "reason": row["reason"],
        "taken_back": _local(row["ended"], zone) if row["ended"] else None,
    }


def _local(at: int, zone: tzinfo) -> str:
    return instant(at).astimezone(zone).isoformat(" ", "seconds")


def _seconds(begin: int | None, end: int | None) -> int | None:
    return None if begin is None or end is None else max(0, end - begin) // MICRO
