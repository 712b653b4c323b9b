"""``decroche up`` keeps its Asterisk running: what has ended is started again."""

import asyncio

import structlog

from .pbx import Pbx, StartError, Status

log = structlog.get_logger(__name__)

LOOK = 0.5  # seconds between two looks
PAUSES = (0.0, 1.0, 5.0, 30.0)  # seconds before the first, second ... try at starting again


async def keep_running(pbx: Pbx) -> None:
    """Start Asterisk again whenever it has ended, until cancelled."""
    tries = 0
    while True:
        if await asyncio.to_thread(pbx.pid) is not None:
            tries = 0
            await asyncio.sleep(LOOK)
            continue
        await asyncio.sleep(PAUSES[min(tries, len(PAUSES) - 1)])
        tries += 1
        try:
            status = await _wholly(pbx)
        except StartError as error:
            log.error("Asterisk does not start", tries=tries, reason=str(error))
        else:
            log.warning("Asterisk had ended and runs again", pid=status.pid)


async def _wholly(pbx: Pbx) -> Status:
    """Start; a cancellation waits for the end of it, so that no Asterisk starts behind a stop."""
    starting = asyncio.ensure_future(asyncio.to_thread(pbx.start))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await asyncio.gather(starting, return_exceptions=True)
        raise
