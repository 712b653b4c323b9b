"""How long something took, many times: whole seconds, rounded up, and how often each.

Two can be added up, and one can be made coarse enough to be kept for good: then a median is
known to within a bucket's width, and counts up to an edge (every limit that hotline.toml
allows is one) and sums stay exact.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

# Up to so many seconds, buckets are so wide; each is named by its upper, included edge.
WIDTHS = ((60, 1), (600, 5), (3600, 30))
WIDEST = 300


def bucket(seconds: int) -> int:
    """The upper edge of the bucket that holds a duration."""
    width = next((width for edge, width in WIDTHS if seconds <= edge), WIDEST)
    return -(-seconds // width) * width


@dataclass(slots=True)
class Spread:
    """``times``: seconds -> how often; ``total``: the seconds of all of them together."""

    times: Counter[int] = field(default_factory=Counter)
    total: int = 0

    def add(self, seconds: int, n: int = 1) -> None:
        self.times[seconds] += n
        self.total += seconds * n

    def extend(self, seconds: Sequence[int]) -> None:
        self.times.update(seconds)
        self.total += sum(seconds)

    def merge(self, other: "Spread") -> None:
        self.times.update(other.times)
        self.total += other.total

    def coarse(self) -> "Spread":
        """The same in buckets; the total stays what it was."""
        found = Spread(total=self.total)
        for seconds, n in self.times.items():
            found.times[bucket(seconds)] += n
        return found

    @property
    def count(self) -> int:
        return self.times.total()

    def within(self, seconds: int) -> int:
        """How many took at most so long."""
        return sum(n for took, n in self.times.items() if took <= seconds)

    def quantile(self, share: float) -> int | None:
        """The duration that ``share`` of them stay below; of two in the middle the longer one."""
        place = min(self.count - 1, int(self.count * share))
        for seconds in sorted(self.times):
            place -= self.times[seconds]
            if place < 0:
                return seconds
        return None

    @property
    def mean(self) -> int | None:
        return round(self.total / self.count) if self.times else None
