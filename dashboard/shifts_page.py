"""The shifts: a week, who comes, one click to come; for coordinators also to plan. Plain forms."""

import asyncio
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from typing import NoReturn
from zoneinfo import ZoneInfo

from aiohttp import web

from ..hotline import DAYS
from ..records import feeds, shifts, signups
from ..records.events import instant, now
from ..records.rota import read_hours
from ..records.schema import reader
from ..records.shifts import WANTED, ShiftError
from . import clock
from .accounts import COORDINATOR, Account
from .keys import ACCOUNT, FOLDER, HOTLINE, WORDS
from .pages import page
from .rota_view import Week, monday, week_of
from .sessions import is_secure
from .signin import field

FAR = 53 * 7  # days before and after today that can be looked at


@dataclass(frozen=True)
class Shown:
    """What was read: the week, and since when there are links (microseconds UTC, or None)."""

    week: Week
    link: int | None
    team: int | None


async def show(request: web.Request) -> web.Response:
    return await _page(request)


async def come(request: web.Request) -> web.StreamResponse:
    """I come, or do not: on this date or from it on every week."""
    me, (id, day) = _me(request), _which(request)
    weekly = "weekly" in await request.post()
    act = {"sign-up": signups.sign_up, "withdraw": signups.withdraw}[request.match_info["act"]]
    path, zone = request.app[FOLDER].database, request.app[HOTLINE]().zone
    return await _act(request, day, lambda: act(path, id, me, day, zone, weekly))


async def cancel(request: web.Request) -> web.StreamResponse:
    """A coordinator says that a shift does not take place on a date; or that it does."""
    id, day = _which(request)
    path, off = request.app[FOLDER].database, request.match_info["act"] == "cancel"
    return await _act(request, day, lambda: shifts.cancel(path, id, day, off))


async def plan(request: web.Request) -> web.StreamResponse:
    """A coordinator plans a shift."""
    form, hotline = await request.post(), request.app[HOTLINE]()
    values = {name: field(form, name) for name in ("day", "starts", "ends", "wanted", "queue")}
    try:
        period = read_hours(f"{values['starts']}-{values['ends']}")
        first = date.fromisoformat(field(form, "first"))
        last = date.fromisoformat(text) if (text := field(form, "last")) else None
        wanted, weekday = int(values["wanted"]), DAYS.index(values["day"])
    except ValueError:
        return await _page(request, 422, "bad")
    queues = [values["queue"]] if values["queue"] in hotline.queues else []
    path = request.app[FOLDER].database
    return await _act(
        request, first, lambda: shifts.add(path, weekday, period, wanted, first, last, queues)
    )


async def change(request: web.Request) -> web.StreamResponse:
    """A coordinator gives a shift other hours, or another number of people."""
    id, form, day = int(request.match_info["shift"]), await request.post(), _asked(request)
    try:
        period = read_hours(f"{field(form, 'starts')}-{field(form, 'ends')}")
        wanted = int(field(form, "wanted"))
    except ValueError:
        return await _page(request, 422, "bad")
    path = request.app[FOLDER].database
    today = _today(request)
    return await _act(
        request, day, lambda: shifts.change(path, id, hours=period, wanted=wanted, today=today)
    )


async def remove(request: web.Request) -> web.StreamResponse:
    """A coordinator removes a shift from today on, or plans it again."""
    id, today = int(request.match_info["shift"]), _today(request)
    path = request.app[FOLDER].database
    try:
        if request.match_info["act"] == "keep":
            await asyncio.to_thread(shifts.keep, path, id)
            raise web.HTTPSeeOther("/shifts")
        await asyncio.to_thread(shifts.remove, path, id, today)
    except ShiftError as error:
        return await _page(request, 409, error.word)
    raise web.HTTPSeeOther(f"/shifts?removed={id}")


async def link(request: web.Request) -> web.StreamResponse:
    """A new secret link to a calendar, shown this once; or none any more."""
    account = request[ACCOUNT]
    assert account is not None  # the route has a role
    whose, act = request.match_info["whose"], request.match_info["act"]
    if whose == "team" and COORDINATOR not in account.roles:
        raise web.HTTPForbidden
    agent = None if whose == "team" else _me(request)
    path = request.app[FOLDER].database
    if act == "revoke":
        await asyncio.to_thread(feeds.revoke, path, agent)
        raise web.HTTPSeeOther("/shifts#calendar")
    secret = await asyncio.to_thread(feeds.renew, path, agent)
    scheme = "https" if is_secure(request) else "http"
    address = f"{scheme}://{request.host}/calendar/{secret}.ics"
    return await _page(request, address=address)


async def _act(request: web.Request, day: date, work: Callable[[], object]) -> web.StreamResponse:
    """Do it, then the week of that day again; or the same page with what stands against it."""
    try:
        await asyncio.to_thread(work)
    except ShiftError as error:
        return await _page(request, 409, error.word, day=day)
    _onward(day, request)


def _onward(day: date, request: web.Request) -> NoReturn:
    mark = f"#shift-{request.match_info['shift']}-{day}" if "date" in request.match_info else ""
    raise web.HTTPSeeOther(f"/shifts?week={monday(day)}{mark}")


async def _page(
    request: web.Request,
    status: int = 200,
    problem: str = "",
    address: str = "",
    day: date | None = None,
) -> web.Response:
    account = request[ACCOUNT]
    assert account is not None
    begin = monday(_near(request, day) if day else _asked(request))
    shown = await asyncio.to_thread(_read, request, account, begin)
    removed, words, zone = request.query.get("removed", ""), request[WORDS], _zone(request)
    return page(
        request,
        "shifts.html",
        place="shifts",
        status=status,
        shown=shown,
        week=shown.week,
        problem=problem,
        address=address,
        webcal=address.replace("http", "webcal", 1).replace("webcals", "webcal"),
        removed=removed if removed.isdigit() else "",
        agent=account.agent,
        coordinator=COORDINATOR in account.roles,
        queues=request.app[HOTLINE]().queues,
        days=DAYS,
        most=WANTED,
        today=_today(request),
        exactly=lambda then: clock.moment(then, zone, words.language),
    )


def _read(request: web.Request, account: Account, begin: date) -> Shown:
    """:raises sqlite3.Error: the database cannot be read."""
    hotline, language, at = request.app[HOTLINE](), request[WORDS].language, now()
    with closing(reader(request.app[FOLDER].database)) as connection:
        rota = shifts.read(connection, begin)
        rows = connection.execute("SELECT name, label FROM agents")
        labels = {row["name"]: row["label"] for row in rows}
        mine = feeds.created(connection, account.agent) if account.agent else None
        team = feeds.created(connection, None) if COORDINATOR in account.roles else None
    week = week_of(rota, begin, labels, account.agent, hotline, language, at)
    return Shown(week, mine, team)


def _me(request: web.Request) -> str:
    account = request[ACCOUNT]
    if account is None or not account.agent:
        raise web.HTTPForbidden
    return account.agent


def _which(request: web.Request) -> tuple[int, date]:
    try:
        return int(request.match_info["shift"]), date.fromisoformat(request.match_info["date"])
    except ValueError:
        raise web.HTTPNotFound from None


def _asked(request: web.Request) -> date:
    """The date that is looked at."""
    try:
        return _near(request, date.fromisoformat(request.query.get("week", "")))
    except ValueError:
        return _today(request)


def _near(request: web.Request, day: date) -> date:
    """A date within a year of today; today instead of any other."""
    today = _today(request)
    return day if abs((day - today).days) <= FAR else today


def _today(request: web.Request) -> date:
    return instant(now()).astimezone(_zone(request)).date()


def _zone(request: web.Request) -> ZoneInfo:
    return request.app[HOTLINE]().zone
