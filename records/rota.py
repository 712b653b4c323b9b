"""Weekly shifts and who has signed up for them: values, without a database or a clock.

A shift is local wall time: 9 o'clock is 9 o'clock, summer and winter. On the nights when clocks are
changed it lasts an hour more or less, and one that lies wholly in the hour that is left out does
not take place. Dates are local, instants microseconds UTC.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from .events import MICRO, instant

DAY = timedelta(days=1)
HOURS = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)-(?:([01]?\d|2[0-3]):([0-5]\d)|(24:00))")


def read_hours(text: str) -> tuple[time, time]:
    """ "09:00-12:00"; an end that is not after the start is on the next day.

    :raises ValueError: it is no such text, or no time passes.
    """
    found = HOURS.fullmatch(text.strip())
    if not found:
        raise ValueError(f"{text!r} are no hours; write 09:00-12:00")
    starts = time(int(found[1]), int(found[2]))
    ends = time() if found[5] else time(int(found[3]), int(found[4]))
    if starts == ends:
        raise ValueError(f"{text!r}: no time passes")
    return starts, ends


@dataclass(frozen=True, slots=True)
class Shift:
    """Every week on ``day`` (0: Monday). ``removed``: from this date on there is none."""

    id: int
    day: int
    starts: time
    ends: time
    queues: tuple[str, ...]
    wanted: int
    first: date
    last: date | None = None
    removed: date | None = None
    added: int = 0
    changed: int = 0

    def planned(self, day: date) -> bool:
        """Whether it was meant to take place on a date, removed since or not."""
        return (
            day.weekday() == self.day
            and self.first <= day
            and (self.last is None or day <= self.last)
        )

    def period(self, day: date, zone: ZoneInfo) -> tuple[int, int] | None:
        """Begin and end of the shift of a date; None when no such time comes that night."""
        over = day if self.ends > self.starts else day + DAY
        begin, end = _instant(day, self.starts, zone), _instant(over, self.ends, zone)
        return (begin, end) if begin < end else None

    @property
    def hours(self) -> str:
        return f"{self.starts:%H:%M}-{self.ends:%H:%M}"


def _instant(day: date, clock: time, zone: ZoneInfo) -> int:
    return int(datetime.combine(day, clock, zone).timestamp()) * MICRO


@dataclass(frozen=True, slots=True)
class SignUp:
    """Somebody comes from ``first`` to ``last`` (None: every week)."""

    shift: int
    agent: str
    first: date
    last: date | None
    changed: int = 0

    def covers(self, day: date) -> bool:
        return self.first <= day and (self.last is None or day <= self.last)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A shift on one date. ``changed``: when anything about it last changed."""

    shift: Shift
    date: date
    begin: int
    end: int
    people: tuple[str, ...]
    cancelled: bool
    changed: int

    @property
    def places(self) -> int:
        """How many people are still wanted."""
        return max(0, self.shift.wanted - len(self.people))


@dataclass(frozen=True)
class Rota:
    """All shifts, sign-ups, and what is not to be: ``off`` are shifts that do not take place on a
    date, ``skips`` people who do not come; each with the instant when that was said.
    """

    shifts: Mapping[int, Shift] = field(default_factory=dict)
    signups: Mapping[int, tuple[SignUp, ...]] = field(default_factory=dict)
    off: Mapping[tuple[int, date], int] = field(default_factory=dict)
    skips: Mapping[tuple[int, str, date], int] = field(default_factory=dict)

    @cached_property
    def _skipped(self) -> dict[tuple[int, date], int]:
        """When somebody last said that they do not come, by shift and date."""
        found: dict[tuple[int, date], int] = {}
        for (id, _, day), at in self.skips.items():
            found[id, day] = max(at, found.get((id, day), 0))
        return found

    def is_on(self, shift: Shift, day: date) -> bool:
        """Whether a shift takes place on a date."""
        return (
            shift.planned(day)
            and (shift.removed is None or day < shift.removed)
            and (shift.id, day) not in self.off
        )

    def people(self, shift: Shift, day: date) -> tuple[str, ...]:
        """Who comes, in the order of signing up."""
        found = [
            one
            for one in self.signups.get(shift.id, ())
            if one.covers(day) and (shift.id, one.agent, day) not in self.skips
        ]
        found.sort(key=lambda one: (one.changed, one.agent))
        return tuple(dict.fromkeys(one.agent for one in found))

    def occurrence(self, shift: Shift, day: date, zone: ZoneInfo) -> Occurrence | None:
        """A shift on a date, cancelled or not; None when it was never meant for it."""
        period = shift.period(day, zone) if shift.planned(day) else None
        if period is None:
            return None
        people = self.people(shift, day)
        changes = [shift.changed, self.off.get((shift.id, day), 0)]
        changes += [one.changed for one in self.signups.get(shift.id, ()) if one.covers(day)]
        changes.append(self._skipped.get((shift.id, day), 0))
        cancelled = not self.is_on(shift, day)
        return Occurrence(shift, day, *period, people, cancelled, max(changes))

    def between(self, since: date, until: date, zone: ZoneInfo) -> list[Occurrence]:
        """Shifts of the dates from ``since`` to before ``until``, by their begin. Those that are
        cancelled are there, those that were removed are not.
        """
        found = [
            one
            for shift in self.shifts.values()
            for day in _dates(shift.day, since, until)
            if shift.removed is None or day < shift.removed
            if (one := self.occurrence(shift, day, zone))
        ]
        return sorted(found, key=lambda one: (one.begin, one.end, one.shift.id))

    def of(self, agent: str, since: date, until: date, zone: ZoneInfo) -> list[Occurrence]:
        """What an agent has signed up for, and what of it was cancelled since.

        ``people`` is the agent alone, ``changed`` does not depend on others.
        """
        found = []
        for shift in self.shifts.values():
            mine = [one for one in self.signups.get(shift.id, ()) if one.agent == agent]
            for day in _dates(shift.day, since, until) if mine else ():
                signed = [one.changed for one in mine if one.covers(day)]
                period = shift.period(day, zone)
                if not signed or period is None or not shift.planned(day):
                    continue
                skipped = self.skips.get((shift.id, agent, day), 0)
                off = self.off.get((shift.id, day), 0)
                changed = max(shift.changed, off, skipped, *signed)
                cancelled = bool(skipped) or not self.is_on(shift, day)
                found.append(Occurrence(shift, day, *period, (agent,), cancelled, changed))
        return sorted(found, key=lambda one: (one.begin, one.end, one.shift.id))

    def expected(self, at: int, zone: ZoneInfo) -> dict[str, int]:
        """Who has a shift at this moment, and since when."""
        today = instant(at).astimezone(zone).date()
        found: dict[str, int] = {}
        for one in self.between(today - DAY, today + DAY, zone):
            if not one.cancelled and one.begin <= at < one.end:
                for agent in one.people:
                    found[agent] = min(one.begin, found.get(agent, one.begin))
        return found

    def coming(self, agent: str, at: int, zone: ZoneInfo) -> Occurrence | None:
        """An agent's shift that is under way, or else the next one within two weeks."""
        today = instant(at).astimezone(zone).date()
        mine = self.of(agent, today - DAY, today + 14 * DAY, zone)
        return next((one for one in mine if one.end > at and not one.cancelled), None)


def _dates(day: int, since: date, until: date) -> Iterator[date]:
    """The dates of a weekday from ``since`` to before ``until``."""
    found = since + (day - since.weekday()) % 7 * DAY
    while found < until:
        yield found
        found += 7 * DAY


def make(
    shifts: Iterable[Shift],
    signups: Iterable[SignUp],
    off: Mapping[tuple[int, date], int],
    skips: Mapping[tuple[int, str, date], int],
) -> Rota:
    """A rota, its sign-ups by shift."""
    by_shift: dict[int, list[SignUp]] = {}
    for one in signups:
        by_shift.setdefault(one.shift, []).append(one)
    grouped = {id: tuple(found) for id, found in by_shift.items()}
    return Rota({shift.id: shift for shift in shifts}, grouped, off, skips)
