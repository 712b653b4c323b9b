"""Agents by phone: *11 available, *12 pause, *10 away, *16 the test of a headset."""

import asyncio

import structlog

from ..records import kinds, people
from ..records.welcome import happened
from .channel import Channel
from .flow import finish
from .line import Line

log = structlog.get_logger(__name__)

KINDS = {state: kind for kind, state in kinds.PRESENCE.items()}
JOURNAL = 3.0  # seconds that the phone waits for the journal


async def declare(channel: Channel, line: Line, state: str) -> None:
    """Write down what the agent behind this phone declares, and say it back.

    :raises KeyError: ``state`` is none of available, paused, away.
    """
    await channel.lease(30)
    await channel.answer()
    known = line.knows(channel.endpoint)
    said = state if known else "failed"
    if known:
        event = people.declared(channel.endpoint, KINDS[state], "phone")
        try:
            async with asyncio.timeout(JOURNAL):
                await line.append(event)
        except TimeoutError:
            log.error("presence not written in time", agent=channel.endpoint, state=state)
            said = "failed"
    await channel.say(said)
    await finish(channel)


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
