"""*15 and a number: an agent records a sentence of the line by phone.

What is heard now, a tone, the new one until #, played back as callers will hear it; 1 keeps it,
2 begins again, and whoever hangs up leaves all as it was. Until then the take lies in a folder of
its own.
"""

import asyncio
import sqlite3
from pathlib import Path
from typing import Protocol

import structlog

from ..hotline import prompt_numbers
from ..records import kinds, recordings
from ..records.recordings import NoStudio, SoundError, Take
from ..records.writer import JournalFull
from .channel import Channel
from .flow import MARGIN, ask, finish, speak
from .line import Line

log = structlog.get_logger(__name__)

LONGEST = 120  # seconds
SILENCE = 8  # seconds that end a take whose # was forgotten
TAKES = 10  # until the line gives up
KEEP, AGAIN = "1", "2"
QUESTIONS, PATIENCE = 3, 8.0  # times that it is asked what to do, and seconds for an answer
WORK = 30  # seconds that making a sound may take at most
JOURNAL = 3.0  # seconds that the phone waits for the journal


class Studio(Protocol):
    """Makes and keeps sounds (asterisk/takes.py); every method may take a moment."""

    def make(self, name: str, raw: Path) -> Take:
        """Make a sentence of a recording, beside it.

        :raises SoundError: nothing can be heard. :raises NoStudio: it cannot be done here.
        """
        ...

    def keep(self, name: str, made: Take, by: str) -> None:
        """Put it in force for the next caller. :raises SoundError, OSError: it is not kept."""
        ...


async def record(channel: Channel, line: Line, studio: Studio | None, name: str) -> None:
    """An agent's phone records the sentence ``name``."""
    await channel.lease(30)
    await channel.answer()
    if studio is None or name not in prompt_numbers() or not line.knows(channel.endpoint):
        await speak(channel, line, "failed")
        return await finish(channel)
    await speak(channel, line, "record-now")
    await channel.lease(line.seconds(name) + MARGIN)
    await channel.say(name)
    take = await asyncio.to_thread(recordings.take_folder, line.prompts)
    try:
        await _takes(channel, line, studio, name, take / f"{name}.wav16")
    finally:
        await asyncio.to_thread(recordings.drop, take)
    await finish(channel)


async def _takes(channel: Channel, line: Line, studio: Studio, name: str, raw: Path) -> None:
    for _ in range(TAKES):
        await speak(channel, line, "record-speak")
        await channel.lease(LONGEST + MARGIN)
        await channel.record(raw, LONGEST, SILENCE)
        await channel.lease(WORK)
        try:
            made = await asyncio.to_thread(studio.make, name, raw)
        except NoStudio as error:
            log.error("no recording can be made", prompt=name, reason=str(error))
            await speak(channel, line, "failed")
            return
        except SoundError as error:
            log.warning("a take is of no use", prompt=name, reason=str(error))
            await speak(channel, line, "record-poor")
            continue
        key = await _decide(channel, line, made)
        if key == KEEP:
            return await _keep(channel, line, studio, name, made)
        if key != AGAIN:
            return


async def _decide(channel: Channel, line: Line, made: Take) -> str:
    """Play it back and ask; empty when nobody answers."""
    await channel.lease(int(made.seconds) + 1 + MARGIN)
    key = await channel.play(made.sound, KEEP + AGAIN)
    for _ in range(QUESTIONS):
        if key in (KEEP, AGAIN):
            return key
        key = await ask(channel, line, "record-choice", PATIENCE)
    return key


async def _keep(channel: Channel, line: Line, studio: Studio, name: str, made: Take) -> None:
    """Keep it, write down who did, and say so."""
    await channel.lease(WORK)
    try:
        await asyncio.to_thread(studio.keep, name, made, channel.endpoint)
    except (SoundError, OSError) as error:
        log.error("a recording could not be kept", prompt=name, reason=str(error))
        await speak(channel, line, "failed")
        return
    event = recordings.changed(kinds.PROMPT_RECORDED, name, channel.endpoint, round(made.seconds))
    try:
        async with asyncio.timeout(JOURNAL):
            await line.append(event)
    except (TimeoutError, JournalFull, sqlite3.Error) as error:
        log.error("who recorded is not written down", prompt=name, reason=str(error))
    await speak(channel, line, "record-kept")
