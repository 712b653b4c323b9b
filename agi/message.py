"""Voicemail: a caller whom nobody can answer leaves a message; agents hear it by phone.

Asterisk records; the event follows when the file is there. If it cannot be written, the file is
found again (records/messages.py): nothing is lost.
"""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import structlog

from ..records import kinds, messages
from ..records.changes import Row
from ..records.events import now
from ..records.schema import reader
from ..records.writer import JournalFull
from .channel import Channel
from .flow import MARGIN, dismiss, finish, speak
from .line import Line

log = structlog.get_logger(__name__)

JOURNAL = 3.0  # seconds that the caller waits for the journal
LOOKS = 20  # looks at a file that Asterisk may still write
PAUSE = 0.1  # seconds between two
AGAIN, NEXT = "1", "2"  # keys of whoever listens by phone
PATIENCE = 8.0  # seconds for a key


async def turn_away(channel: Channel, line: Line, queue: str, outcome: str, prompt: str) -> None:
    """An honest sentence; with voicemail the caller may leave a message, and the call ends."""
    rules = line.hotline.voicemail
    closed = outcome == "closed"
    if rules is None or not (rules.closed if closed else rules.unanswered):
        return await dismiss(channel, line, outcome, prompt)
    await channel.note(kinds.DISMISSED, outcome)
    await channel.answer()
    await channel.music(False)
    if closed and prompt != "closed":  # why was said, or is said now, in other words
        await speak(channel, line, prompt)
        await speak(channel, line, "voicemail-later")
    else:
        await speak(channel, line, "voicemail-closed" if closed else "voicemail-nobody")
    await channel.lease(rules.longest + MARGIN)
    file = messages.file_of(line.folder, channel.call)
    try:
        await channel.record(file, rules.longest, rules.silence)
    finally:
        await _note(channel, line, queue, file)
    await speak(channel, line, "voicemail-noted")
    await finish(channel)


async def _note(channel: Channel, line: Line, queue: str, file: Path) -> None:
    """Write down what was recorded; the caller may be gone."""
    length = await _length(file)
    if length < messages.SHORTEST:
        await asyncio.to_thread(file.unlink, missing_ok=True)
        return
    try:
        async with asyncio.timeout(JOURNAL):
            await line.append(messages.left(channel.call, queue, length, now()))
    except (TimeoutError, JournalFull, sqlite3.Error) as error:  # found again a minute later
        log.error("a message is not written down yet", reason=str(error) or "no answer in time")


async def _length(file: Path) -> int:
    """Seconds of a recording, once nobody writes it any more."""
    before = -1
    for _ in range(LOOKS):
        length = await asyncio.to_thread(messages.seconds, file)
        size = file.stat().st_size if file.exists() else 0
        if size == before:
            return length
        before = size
        await asyncio.sleep(PAUSE)
    return length


async def listen(channel: Channel, line: Line) -> None:
    """An agent hears, one after the other, the messages that nobody has heard."""
    await channel.lease(30)
    await channel.answer()
    if not line.knows(channel.endpoint):
        await speak(channel, line, "failed")
        return await finish(channel)
    waiting = await asyncio.to_thread(_unheard, line)
    for row in waiting:
        await _hear(channel, line, row)
    await speak(channel, line, "voicemail-done" if waiting else "voicemail-none")
    await finish(channel)


def _unheard(line: Line) -> list[Row]:
    with closing(reader(line.folder.database)) as connection:
        return messages.unheard(connection)


async def _hear(channel: Channel, line: Line, row: Row) -> None:
    """One message, as often as they wish; that they listen is written down before."""
    call, file = row["call"], messages.file_of(line.folder, row["call"])
    async with asyncio.timeout(JOURNAL):
        await line.append(messages.heard(call, channel.endpoint, "phone"))
    while True:
        await channel.lease(row["seconds"] + 1 + MARGIN)
        key = await channel.play(file, AGAIN + NEXT)
        if not key:
            await channel.lease(line.seconds("voicemail-next") + int(PATIENCE) + MARGIN)
            key = await channel.ask("voicemail-next", PATIENCE)
        if key != AGAIN:
            return
