"""Messages that callers left, on the page of the ledger: heard, and deleted."""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from aiohttp import web

from ..hotline import Hotline
from ..records import messages
from ..records.changes import Row
from ..records.schema import reader
from ..records.store import Store
from .keys import ACCOUNT, FOLDER

SHOWN = 50  # messages on the page


@dataclass(frozen=True)
class Message:
    """``left``: microseconds UTC; ``caller``: the token, empty when withheld."""

    call: str
    caller: str
    queue: str
    left: int
    seconds: int
    heard_by: str


@dataclass(frozen=True)
class Messages:
    """Those that nobody has heard first; ``new``: how many those are."""

    shown: Sequence[Message]
    new: int

    def of(self, caller: str) -> Message | None:
        return next((one for one in self.shown if one.caller == caller), None)


def read(connection: sqlite3.Connection, hotline: Hotline, names: Mapping[str, str]) -> Messages:
    """:param names: agents, name -> alias. :raises sqlite3.Error: it cannot be read."""
    rows = messages.kept(connection, SHOWN)
    new = sum(row["heard"] is None for row in rows)
    return Messages([_message(row, hotline, names) for row in rows], new)


def _message(row: Row, hotline: Hotline, names: Mapping[str, str]) -> Message:
    queue = hotline.queues.get(row["queue"] or "")
    heard_by = row["heard_by"] or ""
    return Message(
        call=row["call"],
        caller=row["caller"] or "",
        queue=queue.label if queue else "",
        left=row["left"],
        seconds=row["seconds"],
        heard_by=names.get(heard_by, heard_by),
    )


async def hear(request: web.Request) -> web.StreamResponse:
    """The recording, whole or a range of it (RFC 9110, 14); who listens is written down."""
    account, folder = request[ACCOUNT], request.app[FOLDER]
    assert account is not None
    call = request.match_info["call"]
    file = messages.file_of(folder, call)
    if not await asyncio.to_thread(_note, request, call, account.label) or not file.exists():
        raise web.HTTPNotFound
    return web.FileResponse(file, headers={"Content-Type": "audio/wav"})


def _note(request: web.Request, call: str, by: str) -> bool:
    """Write down that somebody listens; False when there is no such message."""
    path = request.app[FOLDER].database
    with closing(reader(path)) as connection:
        if messages.find(connection, call) is None:
            return False
    if request.method == "GET":
        store = Store(path)
        try:
            store.append([messages.heard(call, by, "page")])
        finally:
            store.close()
    return True


async def remove(request: web.Request) -> web.StreamResponse:
    """Delete a recording; the call and what is owed stay."""
    account, folder = request[ACCOUNT], request.app[FOLDER]
    assert account is not None
    call = request.match_info["call"]
    await asyncio.to_thread(messages.remove, folder, call, account.label, "by-hand")
    raise web.HTTPSeeOther("/ledger#messages")
