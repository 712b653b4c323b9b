"""Waiting for a human: music, a word now and then, and a ring at the first chance.

While a caller waits, Asterisk holds a lease on the call: if this service
freezes, the lease runs out and the dialplan takes the caller into its own
queue. During a ring and a conversation there is none: talking is Asterisk's.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from ..hotline import Queue
from ..records import kinds
from ..records.events import MICRO, now
from .channel import Channel, HungUp
from .flow import SPEAKING, dismiss, finish
from .hunt import Turn
from .line import Line
from .switchboard import Offer

LEASE = 20  # seconds
RENEW = 8.0  # seconds between two renewals
NOBODY = 4.0  # seconds without anybody there before the caller is told so


@dataclass
class Wait:
    """One caller's wait in one queue. Instants are microseconds UTC."""

    queue: Queue
    since: int
    said: int
    alone_since: int = 0

    def over(self, at: int) -> bool:
        return at - self.since >= self.queue.max_wait * MICRO

    def silent(self, at: int) -> bool:
        return at - self.said >= self.queue.announce_every * MICRO

    def patience(self, at: int) -> float:
        """Seconds until something may have to be done."""
        ends = [self.since + self.queue.max_wait * MICRO]
        ends.append(self.said + self.queue.announce_every * MICRO)
        if self.alone_since:
            ends.append(self.alone_since + int(NOBODY * MICRO))
        return min(RENEW, max(0.0, (min(ends) - at) / MICRO))


async def hunt(channel: Channel, line: Line, queue: str) -> None:
    """Wait in ``queue`` until somebody answers, nobody can, or it has been too long."""
    began = now()
    await channel.note(kinds.QUEUED, queue)
    wait = Wait(line.hotline.queues[queue], began, began)
    try:
        async with _gone(channel) as gone:
            turn = line.hunt.join(channel.call, queue, began)
            if not turn.offer.done():
                await _say(channel, line, "wait")
            await _until_answered(channel, line, queue, wait, gone)
    finally:
        line.hunt.leave(channel.call)


async def _until_answered(
    channel: Channel, line: Line, queue: str, wait: Wait, gone: asyncio.Task[None]
) -> None:
    while True:
        turn = line.hunt.join(channel.call, queue, wait.since)
        offer = await _offer(channel, line, wait, turn, gone)
        if offer is not None:
            if await _ring(channel, line, offer):
                return await finish(channel)
            await channel.music(True)
        elif wait.over(now()):
            line.hunt.leave(channel.call)
            return await dismiss(channel, line, "overflow", "too-long")
        elif wait.alone_since:
            line.hunt.leave(channel.call)
            return await dismiss(channel, line, "refused-empty", "nobody")
        else:
            await _say(channel, line, "still")
            wait.said = now()


async def _offer(
    channel: Channel, line: Line, wait: Wait, turn: Turn, gone: asyncio.Task[None]
) -> Offer | None:
    """An offer; None when something is to be said or the wait is over."""
    while not turn.offer.done():
        await channel.lease(LEASE)
        at = now()
        if line.hunt.somebody_there(channel.call):
            wait.alone_since = 0
        elif not wait.alone_since:
            wait.alone_since = at
        either: set[asyncio.Future[Any]] = {turn.offer, gone}
        await asyncio.wait(either, timeout=wait.patience(at), return_when=asyncio.FIRST_COMPLETED)
        at = now()
        if gone.done():
            raise HungUp
        lonely = wait.alone_since and at - wait.alone_since >= NOBODY * MICRO
        if not turn.offer.done() and (wait.over(at) or wait.silent(at) or lonely):
            line.hunt.step_aside(channel.call)
            if not lonely:
                wait.alone_since = 0
            return None
    return turn.offer.result()


async def _ring(channel: Channel, line: Line, offer: Offer) -> bool:
    """Ring; True after a conversation, False when nobody answered."""
    await channel.lease(0)
    dialled = await channel.ring(offer.agents, offer.ring_time)
    line.hunt.ended(channel.call, dialled.status)
    return dialled.answered


async def _say(channel: Channel, line: Line, prompt: str) -> None:
    """A sentence between the music; meanwhile no phone is held for this caller."""
    line.hunt.step_aside(channel.call)
    await channel.lease(SPEAKING)
    if line.has(prompt):
        await channel.say(prompt)
    await channel.music(True)


@asynccontextmanager
async def _gone(channel: Channel) -> AsyncIterator[asyncio.Task[None]]:
    """A task that ends when the caller hangs up."""
    task = asyncio.create_task(channel.gone())
    try:
        yield task
    finally:
        task.cancel()
