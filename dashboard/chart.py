"""Today's chart as numbers: where each bar stands in a picture of WIDTH by HEIGHT units."""

from dataclasses import dataclass
from datetime import datetime

from ..hotline import Hotline
from ..records.opening import Opening
from .settings import DAY_HOURS, SLOT_MINUTES
from .state import Slot

WIDTH, HEIGHT = 344, 112
GAP = 0.24  # of a bar's place
LABELS = 5  # hours written below, at most


@dataclass(frozen=True)
class Bar:
    """One half-hour. Vertical units count downwards, as SVG's do."""

    hour: float
    x: float
    answered: int
    unanswered: int
    answered_y: float
    answered_height: float
    unanswered_y: float
    unanswered_height: float

    @property
    def clock(self) -> tuple[int, int]:
        """Hour and minute at which it begins."""
        return int(self.hour), round(self.hour % 1 * 60)


@dataclass(frozen=True)
class Chart:
    bars: tuple[Bar, ...]
    bar_width: float
    labels: tuple[tuple[float, int], ...]  # (x, hour)


def chart(slots: tuple[Slot, ...], hotline: Hotline, local: datetime) -> Chart:
    """The bars of a local day, from its opening to its closing, or as far as there are calls."""
    busy = [slot for slot in slots if slot.answered or slot.unanswered]
    first, last = _span(busy, hotline, local)
    step = SLOT_MINUTES / 60
    place = WIDTH / max(1, (last - first) / step)
    top = max((slot.answered + slot.unanswered for slot in busy), default=0)
    bars = tuple(
        _bar(slot, (slot.hour - first) / step * place, HEIGHT / max(top, 4)) for slot in busy
    )
    every = max(1, -(-(last - first) // LABELS))
    labels = tuple((_x(hour - first, step, place), hour) for hour in range(first, last, every))
    return Chart(bars, round(place * (1 - GAP), 1), labels)


def _span(busy: list[Slot], hotline: Hotline, local: datetime) -> tuple[int, int]:
    first, last = DAY_HOURS
    day = Opening(hotline).day(local.date())
    if (periods := day.periods) and day.why != "always":
        end = periods[-1][1]
        first, last = periods[0][0].hour, (end.hour + bool(end.minute)) if end else 24
    if busy:
        first = min(first, int(busy[0].hour))
        last = max(last, int(busy[-1].hour + SLOT_MINUTES / 60 + 0.99))
    return first, min(24, max(last, first + 1))


def _bar(slot: Slot, x: float, unit: float) -> Bar:
    answered = round(slot.answered * unit, 1)
    unanswered = round(slot.unanswered * unit, 1)
    gap = 2 if answered and unanswered else 0
    return Bar(
        hour=slot.hour,
        x=round(x, 1),
        answered=slot.answered,
        unanswered=slot.unanswered,
        answered_y=round(HEIGHT - answered, 1),
        answered_height=answered,
        unanswered_y=round(HEIGHT - answered - unanswered, 1),
        unanswered_height=max(1.0, round(unanswered - gap, 1)) if unanswered else 0,
    )


def _x(hours: float, step: float, place: float) -> float:
    return round(hours / step * place, 1)
