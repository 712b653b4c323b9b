"""Agents by phone: *11 available, *12 pause, *10 away, *14 free for a while, *16 the headset."""

import asyncio

import structlog

from ..records import kinds, people
from ..records.dialplan import FREE, FREE_KEYS
from ..records.events import now
from ..records.presence import KINDS, after
from ..records.welcome import happened
from .channel import Channel
from .flow import ask, finish, speak
from .line import Line

log = structlog.get_logger(__name__)

JOURNAL = 3.0  # seconds that the phone waits for the journal
PATIENCE = 6.0  # seconds for the key that says for how long
ASKED = 2  # times


async def declare(channel: Channel, line: Line, state: str) -> None:
    """Write down what the agent behind this phone declares, and say it back.

    :param state: available, paused, away; free-20: available for 20 minutes; free: ask how many.
    :raises KeyError: ``state`` is none of them.
    """
    await channel.lease(30)
    await channel.answer()
    said, notices = "failed", list[str]()
    if line.knows(channel.endpoint) and (state := await _full(channel, line, state)):
        if state not in ("paused", "away"):
            notices = line.notices(channel.endpoint)
        said = state if await _write(channel, line, state) else said
    await channel.say(said)
    for notice in notices if said == state else ():
        await speak(channel, line, notice)
    await finish(channel)


async def _full(channel: Channel, line: Line, state: str) -> str:
    """The state with its minutes; empty when no key said how many."""
    for _ in range(ASKED if state == FREE else 0):
        if minutes := FREE_KEYS.get(await ask(channel, line, FREE, PATIENCE)):
            return f"{FREE}-{minutes}"
    return "" if state == FREE else state


async def _write(channel: Channel, line: Line, state: str) -> bool:
    """Whether the declaration is in the journal, soon enough to say so."""
    word, _, minutes = state.partition("-")
    kind = KINDS["available" if word == FREE else state]
    until = after(int(minutes), now()) if word == FREE else None
    try:
        async with asyncio.timeout(JOURNAL):
            await line.append(people.declared(channel.endpoint, kind, "phone", until))
    except TimeoutError:
        log.error("presence not written in time", agent=channel.endpoint, state=state)
        return False
    return True


async def note_echo(channel: Channel, line: Line) -> None:
    """Write down that the agent behind this phone tries the headset; the dialplan plays the echo.

    It does so whatever becomes of this: whoever tests a headset must hear something.
    """
    if line.knows(channel.endpoint):
        try:
            async with asyncio.timeout(JOURNAL):
                await line.append(happened(kinds.ECHOED, channel.endpoint, by="phone"))
        except TimeoutError:
            log.error("an echo call is not written down", agent=channel.endpoint)
