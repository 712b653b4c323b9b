"""A volunteer begins: a personal link, a password, the charter, a phone, a headset that works.

Every step can be taken up again, on another device, too: the link until a password is chosen,
from then on with that password. Where somebody stands is read from the database each time.
A link holds 160 random bits: nobody guesses one, so tries are not counted.
"""

import asyncio
from typing import Any

from aiohttp import web

from ..records import dialplan, invitations, kinds, staffing, welcome
from ..records.folder import Folder
from ..records.invitations import LinkError
from . import charter, joining, passwords
from .accounts import AccountError
from .beginning import STEPS, Place, place_of, placed
from .keys import ACCOUNT, FOLDER, HOTLINE, SESSIONS, WORDS
from .pages import page
from .signin import field

CODES = {state: code for code, state in dialplan.FEATURES.items()}


async def join(request: web.Request) -> web.StreamResponse:
    """The page behind a personal link: choose a password."""
    secret, folder = request.match_info["secret"], request.app[FOLDER]
    try:
        invited = await asyncio.to_thread(invitations.look, folder.database, secret)
    except LinkError:
        return _join_page(request, status=404)
    if invited.used:
        raise web.HTTPSeeOther("/welcome")  # by way of the sign-in
    return _join_page(request, invited=invited, name=await _sign_in_name(folder, invited.agent))


async def join_with(request: web.Request) -> web.StreamResponse:
    """A password was chosen: the link is used up, the person is signed in."""
    secret, folder = request.match_info["secret"], request.app[FOLDER]
    password = field(await request.post(), "password")
    try:
        invited = await asyncio.to_thread(invitations.look, folder.database, secret)
        account = await passwords.aside(lambda: joining.join(folder.database, secret, password))
    except LinkError:
        return _join_page(request, status=404)
    except AccountError as error:
        name = await _sign_in_name(folder, invited.agent)
        return _join_page(request, status=422, invited=invited, name=name, problem=str(error))
    response = web.HTTPSeeOther("/welcome")
    await request.app[SESSIONS].open(request, response, account)
    raise response


async def show(request: web.Request) -> web.StreamResponse:
    """The step at which this volunteer stands."""
    return await _welcome(request, _agent(request))


async def accept(request: web.Request) -> web.StreamResponse:
    """The charter is accepted, in the version that was read."""
    agent, folder = _agent(request), request.app[FOLDER]
    version = field(await request.post(), "version")
    if version not in await asyncio.to_thread(charter.versions, folder):
        return await _welcome(request, agent, status=409, problem="welcome.charter_changed")
    await asyncio.to_thread(
        lambda: welcome.note(folder.database, kinds.ACCEPTED, agent, charter=version)
    )
    raise web.HTTPSeeOther("/welcome")


async def rekey(request: web.Request) -> web.StreamResponse:
    """A password for the phone, shown in this answer and never again."""
    agent, folder = _agent(request), request.app[FOLDER]
    await _only_after_charter(request, agent)
    password = await asyncio.to_thread(staffing.rekey_phone, folder.database, agent, "page")
    return await _welcome(request, agent, password=password)


async def confirm(request: web.Request) -> web.StreamResponse:
    """ "I heard myself": only after an echo call was made."""
    agent, folder = _agent(request), request.app[FOLDER]
    await _only_after_charter(request, agent)
    if not (await _place(request, agent)).echoed:
        return await _welcome(request, agent, status=409, problem="welcome.call_first")
    await asyncio.to_thread(
        lambda: welcome.note(folder.database, kinds.CONFIRMED, agent, by="page")
    )
    raise web.HTTPSeeOther("/welcome")


async def state(request: web.Request) -> web.Response:
    """What the page asks while the headset is tested."""
    path, agent = request.app[FOLDER].database, _agent(request)
    steps = await asyncio.to_thread(welcome.steps_of, path, agent)
    place = placed(steps, set())  # the charter is not asked for every two seconds
    return web.json_response({"registered": place.registered, "echoed": place.echoed})


def _agent(request: web.Request) -> str:
    """The agent whose account asks; others have nothing to do here."""
    account = request[ACCOUNT]
    if account is None or not account.agent:
        raise web.HTTPSeeOther("/")
    return account.agent


async def _only_after_charter(request: web.Request, agent: str) -> None:
    if (await _place(request, agent)).step == "charter":
        raise web.HTTPSeeOther("/welcome")


async def _place(request: web.Request, agent: str) -> Place:
    return await asyncio.to_thread(place_of, request.app[FOLDER], agent)


async def _sign_in_name(folder: Folder, agent: str) -> str:
    return await asyncio.to_thread(joining.sign_in_name, folder.database, agent)


def _join_page(request: web.Request, status: int = 200, **known: Any) -> web.Response:
    known = {"invited": None, "name": "", "problem": ""} | known
    return page(request, "join.html", status=status, secret=request.match_info["secret"], **known)


async def _welcome(
    request: web.Request, agent: str, status: int = 200, problem: str = "", password: str = ""
) -> web.Response:
    folder, network = request.app[FOLDER], request.app[HOTLINE]().network
    place = await _place(request, agent)
    text = charter.text_of(folder, request[WORDS].language)
    everywhere = network.bind in ("0.0.0.0", "::")
    return page(
        request,
        "welcome.html",
        status=status,
        problem=problem,
        at=place,
        number=STEPS.index(place.step) + 1,
        charter=charter.html_of(text) if place.step == "charter" else "",
        version=charter.version_of(text),
        # On every address: then on the one by which this page was reached, too.
        server=request.url.host if everywhere else network.bind,
        port=network.sip,
        agent=agent,
        password=password,
        echo=dialplan.ECHO,
        codes=CODES,
    )
