"""A week of shifts as the page shows it: values, made of a rota, with nothing of HTML."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from babel.dates import format_date, format_skeleton

from ..hotline import Hotline
from ..records.events import instant
from ..records.rota import DAY, Occurrence, Rota
from . import clock

WEEK = 7 * DAY


@dataclass(frozen=True)
class Entry:
    """A shift on a date. ``people``: aliases; ``weekly``: I come every week."""

    one: Occurrence
    hours: str
    queues: str
    people: tuple[str, ...]
    mine: bool
    weekly: bool
    past: bool
    now: bool

    @property
    def id(self) -> str:
        return f"shift-{self.one.shift.id}-{self.one.date}"

    @property
    def path(self) -> str:
        return f"/shifts/{self.one.shift.id}/{self.one.date}"

    @property
    def state(self) -> str:
        """past, cancelled, full, open."""
        if self.past:
            return "past"
        if self.one.cancelled:
            return "cancelled"
        return "open" if self.one.places else "full"


@dataclass(frozen=True)
class Day:
    """A local date and its shifts."""

    date: date
    title: str
    today: bool
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Week:
    """Monday to Sunday."""

    begin: date
    title: str
    days: tuple[Day, ...]
    planned: bool  # whether there is any shift at all

    @property
    def before(self) -> date:
        return self.begin - WEEK

    @property
    def after(self) -> date:
        return self.begin + WEEK

    @property
    def empty(self) -> bool:
        return not any(day.entries for day in self.days)


def monday(day: date) -> date:
    return day - day.weekday() * DAY


def week_of(
    rota: Rota,
    begin: date,
    labels: Mapping[str, str],
    me: str,
    hotline: Hotline,
    language: str,
    at: int,
) -> Week:
    """The week from a Monday on. ``me``: the agent who looks, or empty; ``labels``: aliases."""
    today = instant(at).astimezone(hotline.zone).date()
    found = rota.between(begin, begin + WEEK, hotline.zone)
    days = []
    for number in range(7):
        day = begin + number * DAY
        here = [one for one in found if one.date == day]
        entries = tuple(_entry(rota, one, labels, me, hotline, language, at) for one in here)
        title = format_date(day, "EEEE d MMMM", locale=language)
        days.append(Day(day, title, day == today, entries))
    planned = any(shift.removed is None for shift in rota.shifts.values())
    return Week(begin, _title(begin, language), tuple(days), planned)


def _title(begin: date, language: str) -> str:
    """ "23 – 29 novembre 2026", "30 novembre – 6 décembre 2026"."""
    end = begin + 6 * DAY
    if begin.year != end.year:
        first = format_date(begin, "long", locale=language)
    elif begin.month == end.month and language == "fr":
        first = str(begin.day)
    else:
        first = format_skeleton("MMMMd", begin, locale=language)
    return f"{first} – {format_date(end, 'long', locale=language)}"


def _entry(
    rota: Rota,
    one: Occurrence,
    labels: Mapping[str, str],
    me: str,
    hotline: Hotline,
    language: str,
    at: int,
) -> Entry:
    signed = rota.signups.get(one.shift.id, ())
    known = {name: queue.label for name, queue in hotline.queues.items()}
    return Entry(
        one=one,
        hours=hours(one, hotline, language),
        queues=", ".join(known.get(name, name) for name in one.shift.queues),
        people=tuple(labels.get(name, name) for name in one.people),
        mine=me in one.people,
        weekly=any(s.agent == me and s.last is None and s.covers(one.date) for s in signed),
        past=one.end <= at,
        now=one.begin <= at < one.end,
    )


def hours(one: Occurrence, hotline: Hotline, language: str) -> str:
    """ "9 h – 12 h", by local clocks."""
    begin, end = (instant(at).astimezone(hotline.zone) for at in (one.begin, one.end))
    return f"{clock.hour(begin, language)} – {clock.hour(end, language)}"
