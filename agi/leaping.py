"""An event loop in which no time passes: the clock leaps to whatever comes next."""

import asyncio
import selectors
from collections.abc import Mapping
from typing import Any

Ready = list[tuple[selectors.SelectorKey, int]]


class _Leaping(selectors.BaseSelector):
    """A selector that does not sleep; ``at`` counts the seconds that it would have slept."""

    def __init__(self) -> None:
        self._real = selectors.DefaultSelector()
        self.at = 0.0

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()

    def select(self, timeout: float | None = None) -> Ready:
        if timeout is None:  # nothing is due: only a thread can go on
            return self._real.select()
        found = self._real.select(0)
        if not found:
            self.at += max(0.0, timeout)
        return found


class LeapingLoop(asyncio.SelectorEventLoop):
    """``time()`` begins at 0 and leaps; for coroutines that wait for time alone."""

    def __init__(self) -> None:
        self._leaping = _Leaping()
        super().__init__(self._leaping)

    def time(self) -> float:
        return self._leaping.at
