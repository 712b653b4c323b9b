"""Promised call-backs as people and the flows handle them: promise, find, take, withdraw.

What becomes of a promise is folded in records/promised.py. Instants: microseconds UTC.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from ..hotline import Callbacks
from . import kinds
from .changes import Row
from .events import Event, instant, now
from .numbers import Sealed
from .promised import OUT, channel_of, of_attempt
from .schema import reader
from .store import Store

REASON = 200  # characters
DUE = """SELECT c.* FROM callbacks c LEFT JOIN ledger l ON l.caller = c.caller AND l.closed IS NULL
    WHERE c.ended IS NULL AND c.stage = 'waiting' AND c.due <= :at
        AND c.queue NOT IN (SELECT value FROM json_each(:shut))
        AND (c.only OR l.claimed_until IS NULL OR l.claimed_until <= :at)
        AND c.caller NOT IN (SELECT caller FROM blocks WHERE ended IS NULL AND until > :at)
    ORDER BY c.since LIMIT :limit"""
NEXT = "SELECT min(due) FROM callbacks WHERE ended IS NULL AND stage = 'waiting' AND due > ?"
OPEN = "SELECT * FROM callbacks WHERE ended IS NULL ORDER BY since LIMIT ?"


class CallbackError(Exception):
    """The act is not possible; the text says why."""


def promise(
    rules: Callbacks, caller: str, call: str, queue: str, trunk: str, did: str, since: int, due: int
) -> Event:
    """A caller was told that somebody calls back, not before ``due``, as if waiting ``since``."""
    body = {
        "caller": caller,
        "queue": queue,
        "trunk": trunk,
        "did": did,
        "since": since,
        "due": due,
        "tries": rules.tries,
        "pause": rules.pause * 60,
    }
    at = now()
    return Event(id=f"{call}:{kinds.PROMISED}", at=at, kind=kinds.PROMISED, call=call, body=body)


def schedule(
    path: Path,
    rules: Callbacks,
    caller: str,
    by: str,
    where: tuple[str, str, str],
    due: int,
    agent: str = "",
    only: bool = False,
    reason: str = "",
    number: Sealed | None = None,
) -> None:
    """A person promises a call-back, or sets another time for it.

    :param where: queue, trunk and number of ours. :param agent: who is asked first.
    :param number: of somebody whose number is not kept yet.
    :raises CallbackError: they are being called right now, or the reason is too long.
    """
    if len(reason) > REASON or not reason.isprintable():
        raise CallbackError(f"the reason must be at most {REASON} printable characters")
    queue, trunk, did = where
    with _promise(path, caller) as (store, row):
        if row is not None and row["ended"] is None:
            store.add(cancelled(caller, by, "replaced"))
        wish: dict[str, Any] = {"agent": agent, "only": int(only)} if agent else {}
        if only:  # whoever has asked for it sees how it ended
            wish["tries"] = 1
        event = promise(rules, caller, "", queue, trunk, did, now(), due)
        body = {**event.body, **wish, "reason": reason}
        del body["caller"]
        store.add(_of_person(kinds.PROMISED, caller, by, **body))
        if number is not None:
            store.keep(number)


def hurry(path: Path, caller: str, by: str) -> None:
    """Have a promise kept at once. :raises CallbackError: none, or they are being called."""
    with _promise(path, caller) as (store, row):
        if row is None or row["ended"] is not None:
            raise CallbackError("no call-back is promised to this caller")
        names = ("queue", "trunk", "did", "since", "pause")
        body = {name: row[name] for name in names} | {"tries": row["tries_max"], "due": now()}
        store.add(_of_person(kinds.PROMISED, caller, by, **body))


def withdraw(path: Path, caller: str, by: str, reason: str = "withdrawn") -> None:
    """Take a promise back. :raises CallbackError: there is none, or they are being called."""
    with _promise(path, caller) as (store, row):
        if row is None or row["ended"] is not None:
            raise CallbackError("no call-back is promised to this caller")
        store.add(cancelled(caller, by, reason))


def take(path: Path, caller: str, agent: str) -> str:
    """Begin an attempt: the agent's phone is about to ring. Returns the channel's id.

    :raises CallbackError: somebody else has claimed the caller, or nothing is promised any more.
    """
    at = now()
    channel = channel_of(caller, at)
    with _promise(path, caller) as (store, row):
        if row is None or row["ended"] is not None or row["due"] > at:
            raise CallbackError("no call-back is promised now")
        owed = store.rows.row("ledger", caller)
        claimed = owed is not None and owed["closed"] is None and owed["claimed_until"] > at
        if claimed and not row["only"]:
            raise CallbackError("somebody has claimed this caller")
        store.add(of_attempt(channel, kinds.BACK_RANG, at, agent=agent))
    return channel


def due(connection: sqlite3.Connection, at: int, limit: int, shut: Sequence[str] = ()) -> list[Row]:
    """Promises that may be kept now, the oldest arrival first; none of the queues that are shut."""
    values = {"at": at, "limit": limit, "shut": json.dumps(list(shut))}
    return connection.execute(DUE, values).fetchall()


def next_due(connection: sqlite3.Connection, at: int) -> int | None:
    """When the next promise comes due."""
    found = connection.execute(NEXT, (at,)).fetchone()[0]
    return None if found is None else int(found)


def promises(connection: sqlite3.Connection, limit: int = 500) -> list[Row]:
    """Every open promise, the oldest arrival first."""
    return connection.execute(OPEN, (limit,)).fetchall()


def count(connection: sqlite3.Connection) -> int:
    """How many promises are open."""
    sql = "SELECT count(*) FROM callbacks WHERE ended IS NULL"
    return int(connection.execute(sql).fetchone()[0])


def under_way(connection: sqlite3.Connection) -> list[Row]:
    """Promises for which a call is up, as far as the record knows."""
    marks = ", ".join("?" * len(OUT))
    sql = f"SELECT * FROM callbacks WHERE ended IS NULL AND stage IN ({marks})"
    return connection.execute(sql, OUT).fetchall()


def dialled_since(connection: sqlite3.Connection, since: int) -> list[str]:
    """The agents of all calls out since an instant, one entry for each call."""
    sql = "SELECT actor FROM journal WHERE kind = ? AND at >= ?"
    return [row["actor"] for row in connection.execute(sql, (kinds.BACK_DIALLED, since))]


def as_rows(path: Path) -> list[dict[str, Any]]:
    """The open promises for a list; times are the machine's local time."""
    with closing(reader(path)) as connection:
        return [
            {
                "caller": row["caller"][:8],
                "queue": row["queue"],
                "since": _local(row["since"]),
                "due": _local(row["due"]),
                "stage": row["stage"],
                "tries": row["tries"],
                "agent": row["taken_by"] or row["agent"] or "",
                "reason": row["reason"],
            }
            for row in promises(connection)
        ]


def match(path: Path, beginning: str) -> str:
    """The caller's token by its beginning, as lists show it.

    :raises CallbackError: nobody, or more than one.
    """
    with closing(reader(path)) as connection:
        found = [
            row["caller"] for row in promises(connection) if row["caller"].startswith(beginning)
        ]
    if len(found) != 1 or not beginning:
        raise CallbackError(f"{len(found)} promises begin with {beginning!r}; see 'callback list'")
    return str(found[0])


def _local(at: int) -> str:
    return instant(at).astimezone().isoformat(" ", "seconds")


def cancelled(caller: str, by: str, reason: str) -> Event:
    """A promise is no more kept; ``by``: the person, or empty."""
    return _of_person(kinds.BACK_CANCELLED, caller, by, reason=reason)


def _of_person(kind: str, caller: str, by: str, **body: Any) -> Event:
    at = now()
    key = f"{caller}:{kind}:{at}"
    return Event(id=key, at=at, kind=kind, actor=by, body={"caller": caller} | body)


@contextmanager
def _promise(path: Path, caller: str) -> Iterator[tuple[Store, Row | None]]:
    """One transaction over a caller's promise. :raises CallbackError: they are being called."""
    store = Store(path)
    try:
        with store.transaction():
            row = store.rows.row("callbacks", caller)
            if row is not None and row["ended"] is None and row["stage"] in OUT:
                raise CallbackError(f"{row['taken_by']} is calling this caller now")
            yield store, row
    finally:
        store.close()
