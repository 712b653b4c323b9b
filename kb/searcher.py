"""The library for an event loop: every question is answered on a small pool of threads."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from .library import Entry, Library, Topic
from .readers import Readers
from .render import Renderer
from .search import LIMIT, Results, search
from .sheets import Sheet

THREADS = 2
PATIENCE = 5.0  # seconds; a search takes milliseconds, so more than this is a sick disk

T = TypeVar("T")


class Searcher:
    """Asks without holding the loop. Of several searches by one person the last one counts:
    that is the caller's to keep. Every method raises TimeoutError after PATIENCE."""

    def __init__(self, db_path: Path, sheet_url: str = "/sheets/") -> None:
        self._readers = Readers(db_path)
        self._library = Library(self._readers)
        self._renderer = Renderer(sheet_url)
        self._pool = ThreadPoolExecutor(THREADS, "kb")

    async def search(self, text: str, limit: int = LIMIT) -> Results:
        """Search for what somebody has typed so far."""

        def ask() -> Results:
            return search(self._readers.connection(), text, limit, _step_aside)

        return await self._off_loop(ask)

    async def page(self, slug: str) -> tuple[Sheet, str] | None:
        """Return a sheet and its body as safe HTML, or None."""

        def read() -> tuple[Sheet, str] | None:
            sheet = self._library.get(slug)
            return None if sheet is None else (sheet, self._renderer.html(sheet.body_markdown))

        return await self._off_loop(read)

    async def list_sheets(self, topic: str | None = None) -> list[Entry]:
        """List sheets by title, those of one topic or all."""
        return await self._off_loop(lambda: self._library.list_sheets(topic))

    async def topics(self) -> list[Topic]:
        """Count the sheets of each topic."""
        return await self._off_loop(self._library.topics)

    async def aclose(self) -> None:
        """Let running questions end, then close the database."""
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)
        self._readers.close()

    async def _off_loop(self, ask: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(PATIENCE):
            return await loop.run_in_executor(self._pool, ask)


def _step_aside() -> None:
    """Sleep for the shortest while: an event loop that waits for this processor runs now.

    A lower priority (nice) would do the opposite: a thread that waits for a processor while it
    holds the interpreter's lock stops the loop (measured: up to 570 ms on a busy machine).
    """
    time.sleep(50e-6)
