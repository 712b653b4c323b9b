"""When people call the demonstration: calm stretches, and now and then many at once.

Pure: chances come from a :class:`random.Random`, seconds go out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

OPENING = (0.0, 1.5, 1.5, 2.0, 3.0, 3.0, 4.0)  # seconds between the first callers
CALM = (8.0, 14.0)
FLOOD = (0.7, 2.0)

MOST_CALLERS = 13  # on the line at once
MOST_WAITING = 7
REGULARS = 0.2  # the share of calls by people who have called before
WITHHELD = 0.1
SILENT = 0.15  # the share of those who press nothing

# Numbers that ARCEP keeps free for fiction (decision 2018-0881): mobile and fixed lines.
FICTION = ("063998", "063998", "019900", "026191", "035301", "046571", "053649")


@dataclass(frozen=True)
class Caller:
    """Who calls: a number of ten digits, empty when withheld, and the key they will press."""

    number: str
    key: str


def pauses(chance: Random) -> Iterator[float]:
    """Seconds to wait before each call, for ever."""
    yield from OPENING
    while True:
        for _ in range(chance.randint(3, 6)):
            yield chance.uniform(*CALM)
        for _ in range(chance.randint(3, 6)):
            yield chance.uniform(*FLOOD)


def may_call(callers: int, talking: int) -> bool:
    """Whether one more caller keeps the street within its bounds."""
    return callers < MOST_CALLERS and callers - talking < MOST_WAITING


class Crowd:
    """The people of the street; some call again."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._regulars = [self._number() for _ in range(12)]

    def next_caller(self, keys: Sequence[str]) -> Caller:
        """Somebody who calls a line whose menu offers ``keys``; the first is the most wanted."""
        key = ""
        if keys and self._chance.random() >= SILENT:
            weights = [len(keys) + 1 - at for at in range(len(keys))]
            key = self._chance.choices(keys, weights)[0]
        if self._chance.random() < WITHHELD:
            return Caller("", key)
        again = self._chance.random() < REGULARS
        return Caller(self._chance.choice(self._regulars) if again else self._number(), key)

    def _number(self) -> str:
        return f"{self._chance.choice(FICTION)}{self._chance.randrange(10_000):04}"
