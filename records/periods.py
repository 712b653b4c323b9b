"""Days, weeks, months and years of a line, by its own calendar.

A period is made of local dates; its instants (microseconds UTC) begin and end at local
midnights, so a day may have 23 or 25 hours.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from .events import MICRO, instant

KINDS = ("day", "week", "month", "year")
SLOT = 15 * 60 * MICRO  # every zone is a whole number of these away from UTC
DAY = timedelta(days=1)
EARLIEST = date(2000, 1, 3)  # a Monday; older calls are not ours

Hour = tuple[date, int]  # a local date, and the hour that a clock shows


class FiguresError(Exception):
    """There are no figures of that; the text says why. ``early``: it has not begun yet."""

    def __init__(self, text: str, early: bool = False) -> None:
        super().__init__(text)
        self.early = early


@dataclass(frozen=True)
class Period:
    """The local dates from ``first`` on, up to but without ``after``."""

    kind: str
    first: date
    after: date

    @property
    def last(self) -> date:
        return self.after - DAY

    def bounds(self, zone: ZoneInfo) -> tuple[int, int]:
        """From an instant on, up to but without another one."""
        return midnight(self.first, zone), midnight(self.after, zone)

    def before(self) -> "Period":
        return period(self.kind, self.first - DAY)

    def next(self) -> "Period":
        return period(self.kind, self.after)

    def bucket(self, day: date, hour: int) -> str:
        """The part of it that a call belongs to: an hour of a day, a day, a month of a year."""
        if self.kind == "day":
            return f"{day} {hour:02}:00"
        return f"{day:%Y-%m}" if self.kind == "year" else f"{day}"

    def buckets(self) -> list[str]:
        """All of them, in order; on the night of 25 hours an hour holds two."""
        hours = range(24) if self.kind == "day" else (0,)
        days = [self.first + n * DAY for n in range((self.after - self.first).days)]
        return list(dict.fromkeys(self.bucket(day, hour) for day in days for hour in hours))


def period(kind: str, day: date) -> Period:
    """The day, week (from Monday), month or year that holds a local date.

    :raises FiguresError: no such kind, or a date beyond the calendar.
    """
    try:
        if kind == "day":
            return Period(kind, day, day + DAY)
        if kind == "week":
            monday = day - day.weekday() * DAY
            return Period(kind, monday, monday + 7 * DAY)
        if kind == "month":
            first = day.replace(day=1)
            return Period(kind, first, (first + 31 * DAY).replace(day=1))
        if kind == "year":
            return Period(kind, day.replace(month=1, day=1), date(day.year + 1, 1, 1))
    except (ValueError, OverflowError):
        raise FiguresError(f"{day} is beyond the calendar") from None
    raise FiguresError(f"no period {kind!r}; there are: {', '.join(KINDS)}")


def parse(kind: str, text: str, at: int, zone: ZoneInfo) -> Period:
    """The period that a person asks for: of a date like 2026-11-24, or the present one.

    :raises FiguresError: no such kind, no date, or it has not begun at the instant ``at``.
    """
    today = instant(at).astimezone(zone).date()
    try:
        day = date.fromisoformat(text) if text else today
    except ValueError:
        raise FiguresError(f"{text!r} is no date; write it as {today}") from None
    found = period(kind, max(day, EARLIEST))
    if found.first > today:
        text = f"the {kind} of {day} has not begun yet; today is {today}"
        raise FiguresError(text, early=True)
    return found


def same_moment(before: Period, now: Period, at: int, zone: ZoneInfo) -> int:
    """Where a period must be cut to be compared with one that has come as far as ``at``.

    A period that is over is compared with all of the one before it.
    """
    since, until = before.bounds(zone)
    local = instant(at).astimezone(zone)
    if at >= now.bounds(zone)[1]:
        return until
    day = before.first + (local.date() - now.first)
    cut = datetime.combine(day, local.time(), zone)
    return max(since, min(until, int(cut.timestamp() * MICRO)))


def midnight(day: date, zone: ZoneInfo) -> int:
    """The instant at which a local date begins."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * MICRO


def local_hours(slots: set[int], zone: ZoneInfo) -> dict[int, Hour]:
    """Slot (an instant divided by SLOT) -> its local date and hour."""
    found: dict[int, Hour] = {}
    for slot in slots:
        local = datetime.fromtimestamp(slot * SLOT / MICRO, zone)
        found[slot] = local.date(), local.hour
    return found
