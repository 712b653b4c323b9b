"""Ending a service: SIGTERM, SIGINT and SIGHUP end its task group in order."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)  # the last: its terminal is closed


@asynccontextmanager
async def until_told() -> AsyncIterator[None]:
    """Cancel the body on one of the signals, and swallow that cancellation."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    told = False

    def tell() -> None:
        nonlocal told
        told = True
        task.cancel()

    for sign in SIGNALS:
        loop.add_signal_handler(sign, tell)
    try:
        yield
    except asyncio.CancelledError:
        if not told:
            raise
        task.uncancel()
    finally:
        for sign in SIGNALS:
            loop.remove_signal_handler(sign)
