"""Staying connected to AMI: open, use, and open again after a short, uneven pause."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import structlog

from .session import AmiError, Session

log = structlog.get_logger(__name__)

PAUSE = (0.2, 1.0)  # seconds between two tries, drawn anew each time: no storm


async def stay_connected(
    port: int,
    username: str,
    secret: str,
    use: Callable[[Session], Awaitable[None]],
    lost: Callable[[str], Awaitable[None]],
) -> None:
    """Run ``use(session)`` for as long as the connection lasts, for ever.

    ``use`` returns when the session is lost. ``lost(reason)`` is called once
    each time that a connection is gone or cannot be made for the first time.
    """
    told = False
    while True:
        try:
            async with await Session.open(port, username, secret) as session:
                told = False
                await use(session)
            reason = "the connection was closed"
        except (AmiError, LookupError, ValueError) as error:
            reason = str(error) or type(error).__name__  # an answer that makes no sense, too
        if not told:
            told = True
            log.warning("no connection to Asterisk; trying again", reason=reason)
            await lost(reason)
        await asyncio.sleep(random.uniform(*PAUSE))
