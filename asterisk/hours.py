"""The hours as the dialplan can tell them without us: the week, and the days that differ from it.

GotoIfTime() knows no years, so each of those days is written out, from the year of ``apply`` on
for YEARS years; the nightly work writes them anew when a year is over.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from ..hotline import DAYS, Hotline, Hours, Period
from ..records.opening import Opening

YEARS = 3
Clock = tuple[int, int]  # 1HHMM of the local wall clock; the second is not included


@dataclass(frozen=True)
class QueueHours:
    """``week``: (day, period) for GotoIfTime(); None: always. ``otherwise``: where to look on."""

    queue: str
    otherwise: str
    days: list[tuple[str, list[Clock]]]
    week: list[tuple[str, str]] | None


def this_year() -> int:
    return datetime.now(UTC).year


def year_mark(year: int) -> str:
    """How the dialplan says for which years it is written."""
    return f"Days that differ from the week: {year} to {year + YEARS - 1}."


def openings(hotline: Hotline, year: int) -> list[QueueHours]:
    """Every queue, the menu's default one first, in the order in which they are tried."""
    opening = Opening(hotline)
    default = hotline.menu.default
    names = [default, *(name for name in hotline.queues if name != default)]
    found = []
    for name, after in zip(names, [*names[1:], ""], strict=True):
        hours = hotline.queues[name].hours or hotline.hours
        week = None if hours is None else list(_week(hours))
        otherwise = f"hours-{after}" if after else "closed"
        found.append(QueueHours(name, otherwise, list(_days(opening, name, year)), week))
    return found


def _days(opening: Opening, queue: str, year: int) -> Iterator[tuple[str, list[Clock]]]:
    """The days on which a queue does not go by its week."""
    day = date(year, 1, 1)
    while day.year < year + YEARS:
        found = opening.day(day, queue)
        if found.why not in ("week", "always"):
            yield day.isoformat(), [_clock(period) for period in found.periods]
        day += timedelta(days=1)


def _clock(period: Period) -> Clock:
    begin, end = period
    return _number(begin), 12400 if end is None else _number(end)


def _number(at: time) -> int:
    return 10000 + at.hour * 100 + at.minute


def _week(hours: Hours) -> Iterator[tuple[str, str]]:
    """(day, period) as GotoIfTime() wants them; its end minute is included."""
    monday = date(2026, 1, 5)
    for number, name in enumerate(DAYS):
        for begin, end in hours.week(monday + timedelta(days=number)):
            last = (end.hour * 60 + end.minute if end else 24 * 60) - 1
            yield name[:3], f"{begin:%H:%M}-{last // 60:02}:{last % 60:02}"
