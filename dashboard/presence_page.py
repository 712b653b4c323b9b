"""What an agent is: their own card on the board, and everybody's for coordinators. Plain forms."""

import asyncio
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from typing import NoReturn

import aiohttp_jinja2
from aiohttp import web

from ..hotline import Hotline
from ..records import presence, shifts, views
from ..records.changes import Row
from ..records.events import instant, now
from ..records.people import PeopleError
from ..records.presence import MINUTES, PresenceError
from ..records.rota import DAY, Occurrence
from ..records.schema import reader
from . import clock
from .guard import is_own_path
from .keys import ACCOUNT, FOLDER, HOTLINE, WORDS
from .pages import page
from .rota_view import hours
from .signin import Form, field
from .state import Agent, agent_of
from .words import Words

SHOWN = 100  # agents on the coordinators' page; the rest are found by name


@dataclass(frozen=True)
class Card:
    """An agent's own card. ``shift``: the one under way, or the next; ``again``: the instant
    (milliseconds) at which time alone changes the card.
    """

    agent: Agent
    state: str  # available, paused, away
    until: str
    shift: Occurrence | None
    running: bool
    hours: str
    day: str
    again: int

    @property
    def is_asked(self) -> bool:
        """Whether to ask if they are available: their shift runs, and they are away."""
        return self.running and self.state == "away"


@dataclass(frozen=True)
class Person:
    """A line of the coordinators' page."""

    agent: Agent
    state: str
    until: str
    expected: bool


async def card_of(request: web.Request) -> Card | None:
    """The card of whoever asks; None for an account that is no agent's."""
    account = request[ACCOUNT]
    if account is None or not account.agent:
        return None
    return await asyncio.to_thread(_read_card, request, account.agent)


async def card(request: web.Request) -> web.Response:
    """The card alone, for the script that keeps it up to date."""
    me = await card_of(request)
    if me is None:
        raise web.HTTPNotFound
    context = {"t": request[WORDS], "me": me, "minutes": MINUTES}
    return aiohttp_jinja2.render_template("me.html", request, context)


async def declare(request: web.Request) -> NoReturn:
    """An agent says what they are."""
    account = request[ACCOUNT]
    if account is None or not account.agent:
        raise web.HTTPForbidden
    form = await request.post()
    await _declare(request, form, account.agent, "page")
    onward = field(form, "next")
    raise web.HTTPSeeOther(onward if is_own_path(onward) else "/")


async def show(request: web.Request) -> web.Response:
    """Everybody, for coordinators."""
    wanted = request.query.get("q", "").strip()
    people = await asyncio.to_thread(_read_people, request, wanted)
    return page(
        request,
        "presence.html",
        place="board",
        people=people[:SHOWN],
        more=max(0, len(people) - SHOWN),
        wanted=wanted,
    )


async def declare_for(request: web.Request) -> NoReturn:
    """A coordinator says what somebody is."""
    agent, form = request.match_info["agent"], await request.post()
    await _declare(request, form, agent, "coordinator")
    onward = field(form, "next")
    raise web.HTTPSeeOther(onward if is_own_path(onward) else f"/presence#agent-{agent}")


async def _declare(request: web.Request, form: Form, agent: str, by: str) -> None:
    """:raises HTTPBadRequest: no such state, or an end that cannot be."""
    state, until, at = field(form, "state"), None, now()
    try:
        if minutes := field(form, "minutes"):
            state = "available"
            until = presence.after(presence.read_minutes(minutes), at)
        elif end := field(form, "until"):
            until = presence.checked(int(end), at)
        path = request.app[FOLDER].database
        await asyncio.to_thread(presence.declare, path, agent, state, by, until)
    except (PresenceError, ValueError, KeyError):
        raise web.HTTPBadRequest from None
    except PeopleError:
        raise web.HTTPNotFound from None


def _read_card(request: web.Request, name: str) -> Card | None:
    """:raises sqlite3.Error: the database cannot be read."""
    hotline, words, at = request.app[HOTLINE](), request[WORDS], now()
    with closing(reader(request.app[FOLDER].database)) as connection:
        row = presence.one(connection, name)
        rota = shifts.read(connection, _yesterday(hotline, at))
        shift = rota.coming(name, at, hotline.zone)
    return None if row is None else card_at(row, shift, hotline, words, at)


def card_at(row: Row, shift: Occurrence | None, hotline: Hotline, words: Words, at: int) -> Card:
    """The card of an agent (a row of views.presence) at an instant."""
    state = "away" if presence.is_over(row, at) else str(row["state"])
    instants = [row["until"] or 0, *((shift.begin, shift.end) if shift else ())]
    again = min((one for one in instants if one > at), default=0)
    return Card(
        agent=agent_of(row, at),
        state=state,
        until=_hour(row["until"], hotline, words) if state == "available" else "",
        shift=shift,
        running=shift is not None and shift.begin <= at,
        hours=hours(shift, hotline, words.language) if shift else "",
        day=clock.shortly(shift.begin, at, hotline.zone, words.language) if shift else "",
        again=again // 1000,
    )


def _yesterday(hotline: Hotline, at: int) -> date:
    return instant(at).astimezone(hotline.zone).date() - DAY


def _hour(at: int | None, hotline: Hotline, words: Words) -> str:
    if at is None:
        return ""
    return clock.hour(instant(at).astimezone(hotline.zone), words.language)


def _read_people(request: web.Request, wanted: str) -> list[Person]:
    """Who is there first, then who is expected; ``wanted``: a part of the alias or name."""
    hotline, words, at = request.app[HOTLINE](), request[WORDS], now()
    with closing(reader(request.app[FOLDER].database)) as connection:
        rows = views.presence(connection)
        rota = shifts.read(connection, _yesterday(hotline, at))
    expected = rota.expected(at, hotline.zone)
    asked = wanted.casefold()
    people = [
        Person(
            agent=(agent := agent_of(row, at)),
            state="away" if presence.is_over(row, at) else row["state"],
            until=_hour(row["until"], hotline, words),
            expected=agent.name in expected,
        )
        for row in rows
        if asked in row["label"].casefold() or asked in row["name"]
    ]
    people.sort(key=lambda one: (one.state == "away", not one.expected, one.agent.order))
    return people
