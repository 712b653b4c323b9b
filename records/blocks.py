"""Blocking callers: by number, by the token that lists show, or by a call of the board.

What a block changes is folded in records/blocked.py. While one lasts the number behind it is kept,
encrypted: so the block moves over when the keys are rotated (records/rotate.py). A number
that is not known to us is sealed when they call again; until then a rotation ends the block.
Instants: microseconds UTC.
"""

import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Any

from . import clocks, kinds
from .changes import Row
from .events import MICRO, Event, instant, now
from .numbers import Sealed, seal
from .schema import reader
from .secrets import Secrets
from .store import Store
from .tokens import read_number, token

REASON = 200  # characters
SPAN = re.compile(r"(\d{1,4})\s*(m|min|h|d|j|w)")
UNITS = {"m": 60, "min": 60, "h": 3600, "d": 86_400, "j": 86_400, "w": 7 * 86_400}  # seconds
CALL = re.compile(r"#\d{1,9}|\d{1,7}")
TOKEN = re.compile(r"[0-9a-f]{8,32}")  # lists show eight digits
ACTIVE = "ended IS NULL AND until > ?"
KNOWN = """SELECT caller FROM (
    SELECT caller FROM calls UNION SELECT caller FROM ledger UNION SELECT caller FROM callbacks
    UNION SELECT caller FROM blocks UNION SELECT caller FROM numbers)
    WHERE caller GLOB ? LIMIT 2"""


class BlockError(Exception):
    """The act is not possible; the text says why, and what to do.

    ``about``: what was wrong with what somebody typed: who, until, reason; or gone: nothing was.
    """

    def __init__(self, text: str, about: str) -> None:
        super().__init__(text)
        self.about = about


@dataclass(frozen=True)
class Target:
    """A caller to block. ``number``: sealed, when it was typed; ``kept``: it is known anyway."""

    caller: str
    number: Sealed | None = None
    kept: bool = True


def find(path: Path, secrets: Secrets, text: str) -> Target:
    """Whom a person means: a number in any writing, a token's beginning, or a call's number.

    :raises BlockError: nobody, more than one, or a caller who withheld their number.
    """
    text = text.strip()
    if CALL.fullmatch(text):
        return _kept(path, _of_call(path, int(text.removeprefix("#"))))
    if TOKEN.fullmatch(text) and (found := _known(path, text)):
        return _kept(path, found)
    number = read_number(text)
    if number is None:
        raise BlockError(
            f"{text!r} is no caller: give a telephone number, the beginning of a caller as "
            "'decroche ledger' lists it (8 signs or more), or the number of a call on the board",
            "who",
        )
    caller = token(number, secrets.token_key)
    return Target(caller, seal(number, caller, secrets.number_key))


def _kept(path: Path, caller: str) -> Target:
    with closing(reader(path)) as connection:
        sql = "SELECT 1 FROM numbers WHERE caller = ?"
        kept = connection.execute(sql, (caller,)).fetchone() is not None
    return Target(caller, kept=kept)


def _of_call(path: Path, number: int) -> str:
    with closing(reader(path)) as connection:
        sql = "SELECT caller FROM calls WHERE number = ?"
        row = connection.execute(sql, (number,)).fetchone()
    if row is None:
        raise BlockError(f"there is no call {number}; the board numbers them", "who")
    if not row["caller"]:
        text = f"nobody knows who call {number} was: the number is withheld, or purged"
        raise BlockError(text, "who")
    return str(row["caller"])


def _known(path: Path, beginning: str) -> str:
    """The one known caller whose token begins so; empty when there is none."""
    with closing(reader(path)) as connection:
        found = [row["caller"] for row in connection.execute(KNOWN, (f"{beginning}*",))]
    if len(found) > 1:
        raise BlockError(f"more than one caller begins with {beginning!r}; write more", "who")
    return str(found[0]) if found else ""


def ends(until: str, span: str, zone: tzinfo) -> int:
    """When a block ends: at a local date (the end of that day) or moment, after a time, or in
    thirty days.

    :raises BlockError: both are given, neither can be read, it is over, or too far ahead.
    """
    if until and span:
        raise BlockError("give either --until or --for", "until")
    at, longest = now(), clocks.BLOCK_LONGEST
    if span:
        found = SPAN.fullmatch(span.strip())
        if not found:
            raise BlockError(f"{span!r} is no time; write 90m, 12h, 7d or 2w", "until")
        end = at + int(found[1]) * UNITS[found[2]] * MICRO
    else:
        end = _moment(until, zone) if until else at + clocks.BLOCK * clocks.DAY
    if end <= at:
        raise BlockError("that is over already", "until")
    if end > at + (longest + 1) * clocks.DAY:
        text = f"a block lasts {longest} days at most; block again when it ends"
        raise BlockError(text, "until")
    return end


def _moment(text: str, zone: tzinfo) -> int:
    try:
        if len(text) <= 10:
            day = date.fromisoformat(text) + timedelta(days=1)
            local = datetime.combine(day, time(), zone)
        else:
            local = datetime.fromisoformat(text).replace(tzinfo=zone)
    except ValueError:
        what = f"{text!r} is no date; write 2026-12-24 or '2026-12-24 14:00'"
        raise BlockError(what, "until") from None
    return int(local.timestamp()) * MICRO


def block(path: Path, target: Target, until: int, by: str, reason: str) -> None:
    """Block a caller until an instant; once more: another end and reason.

    :raises BlockError: the reason is too long, or the line is calling them now.
    """
    if len(reason) > REASON or not reason.isprintable():
        text = f"the reason must be at most {REASON} printable characters"
        raise BlockError(text, "reason")
    store = Store(path)
    try:
        with store.transaction():
            store.add(blocked(target.caller, until, by, reason))
            if target.number is not None:
                store.keep(target.number)
    finally:
        store.close()


def blocked(caller: str, until: int, by: str, reason: str) -> Event:
    """A person blocks a caller now."""
    return _of_person(kinds.BLOCKED, caller, by, until=until, reason=reason)


def unblock(path: Path, caller: str, by: str) -> None:
    """Take a block back. :raises BlockError: this caller is not blocked (any more)."""
    store = Store(path)
    try:
        with store.transaction():
            row = store.rows.row("blocks", caller)
            if row is None or row["ended"] is not None or row["until"] <= now():
                text = "this caller is not blocked; 'decroche block list' shows who is"
                raise BlockError(text, "gone")
            store.add(_of_person(kinds.UNBLOCKED, caller, by, reason="by-hand"))
    finally:
        store.close()


def _of_person(kind: str, caller: str, by: str, **body: Any) -> Event:
    at = now()
    body = {"caller": caller} | body
    return Event(id=f"{caller}:{kind}:{at}", at=at, kind=kind, actor=by, body=body)


def active(connection: sqlite3.Connection, at: int) -> dict[str, int]:
    """Who is blocked at an instant: token -> until."""
    sql = f"SELECT caller, until FROM blocks WHERE {ACTIVE}"
    return {row["caller"]: row["until"] for row in connection.execute(sql, (at,))}


def last_of(connection: sqlite3.Connection, agent: str, since: int) -> str:
    """Whom an agent talked to last, if that ended after an instant or goes on; empty: nobody, or
    somebody who withheld their number.
    """
    row = connection.execute(
        """SELECT c.caller, coalesce(o.ended, :since) AS ended
            FROM offers o JOIN calls c ON c.call = o.call
            WHERE o.agent = :agent AND o.answered IS NOT NULL AND o.rang >= :since - :longest
            ORDER BY o.answered DESC LIMIT 1""",
        {"agent": agent, "since": since, "longest": clocks.DAY},
    ).fetchone()
    return (row["caller"] or "") if row is not None and row["ended"] >= since else ""


def listed(connection: sqlite3.Connection, at: int, over: bool = False) -> list[Row]:
    """Rows of ``blocks`` and ``kept`` (whether a rotation leaves them), the first to end first.

    :param over: those that have ended as well.
    """
    where = "1 OR ?" if over else ACTIVE
    return connection.execute(
        f"""SELECT *, caller IN (SELECT caller FROM numbers) AS kept FROM blocks
            WHERE {where} ORDER BY coalesce(ended, until), caller""",
        (at,),
    ).fetchall()


def as_rows(path: Path, over: bool = False) -> list[dict[str, Any]]:
    """The blocks for a list; times are the machine's local time. Never a number."""
    at = now()
    with closing(reader(path)) as connection:
        return [
            {
                "caller": row["caller"][:8],
                "until": _local(row["until"]),
                "by": row["blocked_by"],
                "since": _local(row["since"]),
                "reason": row["reason"],
                "state": _state(row, at),
            }
            for row in listed(connection, at, over)
        ]


def _state(row: Row, at: int) -> str:
    if row["ended"] is not None:
        return f"taken back {_local(row['ended'])}"
    return "blocked" if row["until"] > at else "over"


def _local(at: int) -> str:
    return instant(at).astimezone().isoformat(" ", "minutes")
