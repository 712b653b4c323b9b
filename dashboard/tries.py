"""How often somebody may try to sign in: in memory, bounded, forgotten with a restart."""

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

from .settings import TRIES_KEPT, TRIES_PER_ADDRESS, TRIES_PER_NAME, TRY_SECONDS


class Tries:
    """Counts wrong tries by name and by address over the last TRY_SECONDS."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, list[float]] = OrderedDict()

    def wait(self, name: str, address: str) -> float:
        """Seconds until another try is allowed; 0 now."""
        by_name = self._left(f"n {name}", TRIES_PER_NAME)
        return max(by_name, self._left(f"a {address}", TRIES_PER_ADDRESS))

    def was_wrong(self, name: str, address: str) -> None:
        for key in (f"n {name}", f"a {address}"):
            self._wrong.setdefault(key, []).append(self._clock())
            self._wrong.move_to_end(key)
        while len(self._wrong) > TRIES_KEPT:
            self._wrong.popitem(last=False)

    def was_right(self, name: str, address: str) -> None:
        self._wrong.pop(f"n {name}", None)
        if by_address := self._wrong.get(f"a {address}"):
            by_address.pop()

    def _left(self, key: str, limit: int) -> float:
        now = self._clock()
        recent = [at for at in self._wrong.get(key, ()) if now - at < TRY_SECONDS]
        if not recent:
            self._wrong.pop(key, None)
            return 0
        self._wrong[key] = recent
        return 0 if len(recent) < limit else TRY_SECONDS - (now - recent[-limit])
