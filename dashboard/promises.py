"""Promised call-backs on the page of the ledger: seen, asked for, taken back. Plain forms."""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from aiohttp import web

from ..hotline import Hotline
from ..records import booking, callbacks, ledger, people
from ..records.callbacks import CallbackError
from ..records.changes import Row
from ..records.events import now
from ..records.ledger import LedgerError
from ..records.promised import OUT
from .keys import ACCOUNT, FOLDER, HOTLINE
from .signin import field

SHOWN = 100  # promises on the page


@dataclass(frozen=True)
class Promise:
    """A call-back that is promised. ``due``: microseconds UTC. ``out``: the call is under way."""

    caller: str
    queue: str
    due: int
    reason: str
    agent: str  # who calls, or is asked first
    tries: int
    out: bool

    @property
    def later(self) -> bool:
        return self.due > now()


@dataclass(frozen=True)
class Promises:
    """``phones``: the agents' phones, name and label; empty when the line calls nobody back."""

    shown: Sequence[Promise]
    total: int
    phones: Sequence[tuple[str, str]]
    parts: Sequence[str]

    def of(self, caller: str) -> Promise | None:
        return next((one for one in self.shown if one.caller == caller), None)


def read(request: web.Request, connection: sqlite3.Connection) -> Promises:
    """:raises sqlite3.Error: the database cannot be read."""
    hotline, path = request.app[HOTLINE](), request.app[FOLDER].database
    agents = {agent.name: agent.label for agent in people.list_agents(path)}
    rows = callbacks.promises(connection, SHOWN)
    shown = [_promise(row, hotline, agents) for row in rows]
    calls = hotline.callbacks is not None and bool(hotline.trunks)
    phones = sorted(agents.items(), key=lambda pair: pair[1]) if calls else []
    return Promises(shown, callbacks.count(connection), phones, tuple(booking.PARTS))


def _promise(row: Row, hotline: Hotline, agents: Mapping[str, str]) -> Promise:
    queue = hotline.queues.get(row["queue"])
    agent = row["taken_by"] or row["agent"] or ""
    return Promise(
        caller=row["caller"],
        queue=queue.label if queue else row["queue"],
        due=row["due"],
        reason=row["reason"],
        agent=agents.get(agent, agent),
        tries=row["tries"],
        out=row["stage"] in OUT,
    )


async def call(request: web.Request) -> web.StreamResponse:
    """Whoever has claimed an entry has the line call on an agent's phone, at once."""
    form = await request.post()
    await _schedule(request, field(form, "agent"), only=True)
    raise web.HTTPSeeOther(f"/ledger#caller-{request.match_info['caller']}")


async def later(request: web.Request) -> web.StreamResponse:
    """... or on a day, in a part of it; then the entry is given back."""
    form = await request.post()
    try:
        day = date.fromisoformat(field(form, "day"))
    except ValueError:
        raise web.HTTPBadRequest from None
    words = field(form, "part"), field(form, "reason")
    await _schedule(request, field(form, "agent"), day, *words)
    account, caller = request[ACCOUNT], request.match_info["caller"]
    assert account is not None
    path = request.app[FOLDER].database
    await asyncio.to_thread(ledger.release, path, caller, account.label)
    raise web.HTTPSeeOther("/ledger#promises")


async def cancel(request: web.Request) -> web.StreamResponse:
    """Take a promise back; what is owed stays in the ledger."""
    account, path = request[ACCOUNT], request.app[FOLDER].database
    assert account is not None
    try:
        caller = request.match_info["caller"]
        await asyncio.to_thread(callbacks.withdraw, path, caller, account.label)
    except CallbackError:
        raise web.HTTPSeeOther("/ledger?refused=1#promises") from None
    raise web.HTTPSeeOther("/ledger#promises")


async def _schedule(
    request: web.Request,
    agent: str,
    day: date | None = None,
    part: str = "",
    reason: str = "",
    only: bool = False,
) -> None:
    account, hotline = request[ACCOUNT], request.app[HOTLINE]()
    assert account is not None
    path, caller = request.app[FOLDER].database, request.match_info["caller"]
    try:
        rules = booking.rules_of(hotline)
        await asyncio.to_thread(booking.check_agent, path, agent)
        if (only and not agent) or (part and part not in booking.PARTS):
            raise web.HTTPBadRequest
        due = booking.due(hotline, day, part)
        queue, trunk = await asyncio.to_thread(ledger.place, path, caller)
        where = booking.place(hotline, queue if queue in hotline.queues else "", trunk)
        await asyncio.to_thread(ledger.claim, path, caller, account.label)  # it must be theirs
        who = (caller, account.label, where, due, agent, only, reason)
        await asyncio.to_thread(callbacks.schedule, path, rules, *who)
    except (CallbackError, LedgerError):
        raise web.HTTPSeeOther(f"/ledger?refused=1#caller-{caller}") from None
