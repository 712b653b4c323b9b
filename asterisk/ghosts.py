"""Calls that are open in the record and no more in Asterisk: interrupted.

Nobody saw them end. The end is put where it is known best:

1. when the connection to Asterisk was lost, if somebody listened then;
2. else at the last that Asterisk wrote down before it died;
3. else at the last that is known of the call itself.
"""

import asyncio
import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing

from ..records import kinds, views
from ..records.events import Event
from ..records.folder import Folder
from ..records.journal import Journal
from . import cel
from .session import Session

RECENT = 100_000  # events looked through for the losses
BOOT = re.compile(r"(\d{14})-.+")


async def end_ghosts(session: Session, folder: Folder, journal: Journal, node: str) -> int:
    """End every such call; returns how many.

    The record is read before Asterisk is asked: a call that arrives in between is no ghost.

    :raises AmiError: the connection is lost. Source: AMI action CoreShowChannels.
    """
    open_ = await asyncio.to_thread(_open, journal)
    alive = {
        answer["Uniqueid"]
        for answer in await session.collect("CoreShowChannels")
        if answer.get("Event") == "CoreShowChannel"
    }
    ghosts = [call for call in open_ if call not in alive]
    ends = await asyncio.to_thread(_ends, folder, journal, ghosts)
    body = {"outcome": "interrupted"}
    events = [
        Event(
            id=f"{call}:{kinds.ENDED}:interrupted",
            at=at,
            kind=kinds.ENDED,
            call=call,
            node=node,
            body=body,
        )
        for call, at in ends
    ]
    if events:
        await journal.append(*events)
    return len(events)


def _open(journal: Journal) -> list[str]:
    with closing(journal.open_reader()) as connection:
        return [row["call"] for row in views.open_calls(connection)]


def _ends(folder: Folder, journal: Journal, ghosts: Sequence[str]) -> list[tuple[str, int]]:
    if not ghosts:
        return []
    with closing(journal.open_reader()) as connection:
        signs, losses = _last_signs(folder, ghosts), _losses(connection)
        found = []
        for call in ghosts:
            known = _last_fact(connection, call)
            lost = next((at for at in losses if at >= known), None)
            found.append((call, lost or max(known, signs.get(_boot(call)) or 0)))
        return found


def _last_signs(folder: Folder, ghosts: Sequence[str]) -> dict[str, int | None]:
    """Start of Asterisk -> the last that it wrote down."""
    found: dict[str, int | None] = {}
    for boot in {_boot(call) for call in ghosts}:
        try:
            found[boot] = cel.last_sign(folder.cel, boot)
        except sqlite3.Error:
            found[boot] = None
    return found


def _last_fact(connection: sqlite3.Connection, call: str) -> int:
    sql = "SELECT max(at) FROM journal WHERE id >= ? AND id < ?"
    return int(connection.execute(sql, (call + ":", call + ";")).fetchone()[0])


def _losses(connection: sqlite3.Connection) -> list[int]:
    """When the connection to Asterisk was lost, in order, as far as it is remembered."""
    rows = connection.execute(
        """SELECT at FROM (SELECT kind, at FROM journal ORDER BY seq DESC LIMIT ?)
            WHERE kind = ? ORDER BY at""",
        (RECENT, kinds.PBX_LOST),
    )
    return [row["at"] for row in rows]


def _boot(call: str) -> str:
    found = BOOT.fullmatch(call)
    return found[1] if found else ""
