"""What a caller is promised: somebody calls them back, and their place is kept.

The promise is durable before the caller hears it.
"""

import asyncio

import structlog

from ..records import callbacks, dialplan
from ..records.events import now
from .channel import Channel
from .flow import dismiss, speak
from .line import Line, Who

log = structlog.get_logger(__name__)

PATIENCE = 4.0  # seconds of silence after the question
JOURNAL = 3.0  # seconds that the caller waits for the journal
OUTCOME = "callback-promised"


async def promise(channel: Channel, line: Line, who: Who, queue: str, since: int) -> bool:
    """Promise a call-back and end the call; False when that cannot be written down.

    :param since: the arrival whose place is kept, microseconds UTC.
    """
    rules = line.hotline.callbacks
    if rules is None:
        return False
    trunk = channel.endpoint.removeprefix(dialplan.TRUNK)
    where = (queue, trunk, channel.dialled)
    event = callbacks.promise(rules, who.token, channel.call, *where, since, opening(line, queue))
    try:
        async with asyncio.timeout(JOURNAL):
            await line.append(event)
    except TimeoutError:
        log.error("a call-back could not be promised in time", call=channel.call)
        await speak(channel, line, "callback-failed")
        return False
    await dismiss(channel, line, OUTCOME, OUTCOME)
    return True


def opening(line: Line, queue: str) -> int:
    """From when on somebody may be called back: now, or when the queue opens (microseconds UTC)."""
    at = line.at
    if line.opening.is_open(at, queue):
        return now()
    return line.opening.next_change(at, queue) or now()
