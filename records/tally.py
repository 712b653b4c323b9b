"""What became of some calls: counts that can be added up, and what is read from them.

The fate of a call is its outcome; of one that was abandoned with the stage in which the caller
gave up ("abandoned.waiting"); of one that goes on "under-way". docs/figures.md defines all.
"""

from collections import Counter
from dataclasses import dataclass, field

from . import kinds
from .kinds import GAVE_UP
from .spread import Spread

ANSWERED, ABANDONED, CLOSED, UNDER_WAY = "answered", "abandoned", "closed", "under-way"
LIMITED = "limited"
UNCOUNTED = frozenset({CLOSED, LIMITED})  # nobody was to answer these
# Outcomes of an open line, known or not, that are neither answered nor abandoned, in order.
OTHERS = tuple(name for name in kinds.OUTCOMES if name not in (ANSWERED, ABANDONED, *UNCOUNTED))


@dataclass(slots=True)
class Tally:
    """``fates``: fate -> calls. Waits of those who were answered, and of those who were not."""

    fates: Counter[str] = field(default_factory=Counter)
    answered: Spread = field(default_factory=Spread)
    unanswered: Spread = field(default_factory=Spread)
    talks: Spread = field(default_factory=Spread)

    def add(self, fate: str, waited: int | None, n: int = 1) -> None:
        """:param waited: seconds; None while nothing is decided."""
        self.fates[fate] += n
        if waited is not None and fate not in UNCOUNTED:
            (self.answered if fate == ANSWERED else self.unanswered).add(waited, n)

    def merge(self, other: "Tally") -> None:
        self.fates.update(other.fates)
        self.answered.merge(other.answered)
        self.unanswered.merge(other.unanswered)
        self.talks.merge(other.talks)

    def coarse(self) -> "Tally":
        """The same with durations in buckets."""
        spreads = (spread.coarse() for spread in (self.answered, self.unanswered, self.talks))
        return Tally(Counter(self.fates), *spreads)


@dataclass(frozen=True)
class Totals:
    """The figures of some calls; durations are seconds, None where there is nothing to say.

    ``arrived = closed + limited + answered + abandoned + unanswered's values + under_way``.
    ``decided`` is all but ``closed``, ``limited`` and ``under_way``; of them ``in_time`` were
    answered soon enough.
    """

    arrived: int
    closed: int
    limited: int  # blocked, or over a limit of their number
    answered: int
    abandoned: int
    abandoned_in: dict[str, int]  # stage -> calls, every stage
    unanswered: dict[str, int]  # outcome -> calls, of the other outcomes that there were
    under_way: int
    wait_median: int | None
    wait_p90: int | None
    wait_mean: int | None
    decided: int
    in_time: int
    service_level: float | None  # in_time : decided
    talk_total: int
    talk_median: int | None
    talk_mean: int | None

    @property
    def missed(self) -> int:
        """Calls on an open line that ended without a human."""
        return self.abandoned + sum(self.unanswered.values())


def totals(tally: Tally, level: int) -> Totals:
    """:param level: seconds of waiting within which an answer counts as in time."""
    fates = tally.fates
    gave_up = {
        fate.partition(".")[2]: n for fate, n in fates.items() if fate.startswith("abandoned.")
    }
    plain = {ANSWERED, CLOSED, LIMITED, UNDER_WAY}
    others = {fate for fate in fates if fate not in plain and not fate.startswith("abandoned.")}
    known = [fate for fate in OTHERS if fate in others]
    waits = Spread()
    waits.merge(tally.answered)
    waits.merge(tally.unanswered)
    decided, in_time = waits.count, tally.answered.within(level)
    return Totals(
        arrived=fates.total(),
        closed=fates[CLOSED],
        limited=fates[LIMITED],
        answered=fates[ANSWERED],
        abandoned=sum(gave_up.values()),
        abandoned_in=dict.fromkeys(GAVE_UP, 0) | gave_up,
        unanswered={fate: fates[fate] for fate in [*known, *sorted(others.difference(known))]},
        under_way=fates[UNDER_WAY],
        wait_median=waits.quantile(0.5),
        wait_p90=waits.quantile(0.9),
        wait_mean=waits.mean,
        decided=decided,
        in_time=in_time,
        service_level=in_time / decided if decided else None,
        talk_total=tally.talks.total,
        talk_median=tally.talks.quantile(0.5),
        talk_mean=tally.talks.mean,
    )
