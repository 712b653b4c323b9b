"""Ending in order: what SIGTERM, SIGINT and SIGHUP do to a service, and to a long command."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

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


@contextmanager
def as_interrupt() -> Iterator[None]:
    """While the body runs, any of the signals is a KeyboardInterrupt: it cleans up, and ends."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = {sign: signal.signal(sign, interrupt) for sign in SIGNALS}
    try:
        yield
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)
