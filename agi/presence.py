"""Agents by phone: *11 available, *12 pause, *10 away."""

import asyncio

import structlog

from ..records import kinds, people
from .channel import Channel
from .flow import finish, speak
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
    notices = line.notices(channel.endpoint) if known and state == "available" else []
    if known:
        event = people.declared(channel.endpoint, KINDS[state], "phone")
        try:
            async with asyncio.timeout(JOURNAL):
                await line.append(event)
        except TimeoutError:
            log.error("presence not written in time", agent=channel.endpoint, state=state)
            said = "failed"
    await channel.say(said)
    for notice in notices if said == state else ():
        await speak(channel, line, notice)
    await finish(channel)
