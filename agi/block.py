"""An agent blocks whoever has just talked to them, by phone: *17, until the next day."""

import asyncio
import sqlite3
from contextlib import closing

import structlog

from ..records import blocks, clocks, dialplan
from ..records.events import MICRO, now
from ..records.schema import reader
from ..records.writer import JournalFull
from .channel import Channel
from .flow import finish, speak
from .line import Line

log = structlog.get_logger(__name__)

JUST_NOW = 30 * 60 * MICRO  # after the talk, in which the code means that caller
JOURNAL = 3.0  # seconds that the phone waits for the journal


async def block_last(channel: Channel, line: Line) -> None:
    """Block the caller of the agent's last talk for a day, and say so; a coordinator decides on."""
    await channel.lease(30)
    await channel.answer()
    await speak(channel, line, await _block(channel.endpoint, line))
    await finish(channel)


async def _block(agent: str, line: Line) -> str:
    """The prompt that says what was done."""
    if not line.knows(agent):
        return "failed"
    try:
        caller = await asyncio.to_thread(_last, agent, line)
        if not caller:
            return "block-nobody"
        async with asyncio.timeout(JOURNAL):
            until = now() + clocks.DAY
            await line.append(blocks.blocked(caller, until, agent, dialplan.BLOCK))
    except (TimeoutError, JournalFull, sqlite3.Error) as error:
        log.error("a block is not written down", agent=agent, reason=str(error) or "too late")
        return "failed"
    return "block-done"


def _last(agent: str, line: Line) -> str:
    with closing(reader(line.folder.database)) as connection:
        return blocks.last_of(connection, agent, now() - JUST_NOW)
