"""The switch on the board: close the line, say that it is short of staff, open it again."""

import asyncio
from contextlib import suppress

import structlog
from aiohttp import web

from ..records import kinds, switch
from ..records.events import now
from ..records.opening import AUTO
from ..records.switch import SwitchError
from . import board_page
from .board_page import Typed
from .keys import ACCOUNT, FOLDER, HOTLINE, SPEECH
from .signin import field

log = structlog.get_logger(__name__)

SPEAKING = 15.0  # seconds that the sentence may take to be made; then the usual one is said


async def throw(request: web.Request) -> web.StreamResponse:
    """Throw it, and show the board: with what is wrong, if anything is."""
    account = request[ACCOUNT]
    assert account is not None  # the route has a role
    form = await request.post()
    state, text = field(form, "state"), " ".join(field(form, "say").split())
    if state not in kinds.SWITCH.values():
        raise web.HTTPBadRequest
    clears = bool(field(form, "clears")) and state == "closed"
    typed = Typed(field(form, "until"), field(form, "queue"), text, clears)
    try:
        await _throw(request, state, typed, account.label)
    except SwitchError as error:
        return await board_page.render(request, f"switch.problem.{error.about}", typed, 409)
    raise web.HTTPSeeOther("/")


async def _throw(request: web.Request, state: str, typed: Typed, actor: str) -> None:
    hotline, path = request.app[HOTLINE](), request.app[FOLDER].database
    if state == AUTO:
        await asyncio.to_thread(switch.throw, path, hotline, AUTO, actor)
        return
    until = switch.moment(typed.until, hotline, now())
    switch.check(hotline, state, typed.queue, until, typed.say)
    sound = await _speak(request, typed.say) if typed.say and state != "open" else ""
    await asyncio.to_thread(
        switch.throw,
        path,
        hotline,
        state,
        actor,
        queue=typed.queue,
        until=until,
        text=typed.say,
        sound=sound,
        clears=typed.clears,
    )


async def _speak(request: web.Request, text: str) -> str:
    """The sentence, so that it is there when the first caller is to hear it."""
    with suppress(TimeoutError):
        async with asyncio.timeout(SPEAKING):
            return await asyncio.to_thread(request.app[SPEECH], text)
    log.warning("what is said into the switch could not be spoken in time")
    return ""
