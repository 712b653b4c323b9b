"""Callers who are blocked, for coordinators: until when and why; one more, one less."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from typing import Any

from aiohttp import web

from ..records import blocks, clocks, secrets
from ..records.blocks import BlockError
from ..records.changes import Row
from ..records.events import instant, now
from ..records.schema import reader
from . import clock
from .keys import ACCOUNT, FOLDER, HOTLINE, WORDS
from .pages import page
from .signin import field


async def show(request: web.Request) -> web.Response:
    return await _page(request, {"who": request.query.get("who", "")[:40]})


async def add(request: web.Request) -> web.StreamResponse:
    """Block a caller; what cannot be is said above the form, which keeps what was typed."""
    account = request[ACCOUNT]
    assert account is not None  # the route has a role
    form = await request.post()
    typed = {name: field(form, name) for name in ("who", "until", "reason")}
    try:
        await asyncio.to_thread(_block, request, typed, account.label)
    except BlockError as error:
        return await _page(request, typed, error.about)
    raise web.HTTPSeeOther("/blocked")


def _block(request: web.Request, typed: Mapping[str, str], by: str) -> None:
    folder, zone = request.app[FOLDER], request.app[HOTLINE]().zone
    end = blocks.ends(typed["until"], "", zone)
    target = blocks.find(folder.database, secrets.load(folder.secrets), typed["who"])
    blocks.block(folder.database, target, end, by, typed["reason"].strip())


async def remove(request: web.Request) -> web.StreamResponse:
    """Take a block back."""
    account, path = request[ACCOUNT], request.app[FOLDER].database
    assert account is not None
    caller = request.match_info["caller"]
    try:
        await asyncio.to_thread(blocks.unblock, path, caller, account.label)
    except BlockError as error:
        return await _page(request, {}, error.about)
    raise web.HTTPSeeOther("/blocked")


async def _page(request: web.Request, typed: Mapping[str, str], problem: str = "") -> web.Response:
    words, zone, at = request[WORDS], request.app[HOTLINE]().zone, now()
    today = instant(at).astimezone(zone).date()
    context: dict[str, Any] = {
        "found": await asyncio.to_thread(_read, request, at),
        "problem": problem,
        "who": typed.get("who", ""),
        "reason": typed.get("reason", ""),
        "first": today.isoformat(),
        "until": typed.get("until") or (today + timedelta(days=clocks.BLOCK)).isoformat(),
        "last": (today + timedelta(days=clocks.BLOCK_LONGEST)).isoformat(),
        "longest": clocks.BLOCK_LONGEST,
        "most": blocks.REASON,
        "shortly": lambda then: clock.shortly(then, at, zone, words.language),
        "exactly": lambda then: clock.moment(then, zone, words.language),
    }
    return page(request, "blocked.html", place="ledger", status=409 if problem else 200, **context)


def _read(request: web.Request, at: int) -> Sequence[Row]:
    """:raises sqlite3.Error: the database cannot be read."""
    with closing(reader(request.app[FOLDER].database)) as connection:
        return blocks.listed(connection, at)
