"""Whether the line or one of its queues is open, closed, or short of staff, and why.

Who says so, the first that has a word:

1. the switch (records/switch.py): of a queue's own and the line's, the newest that is in force;
   one that says "short of staff" opens nothing, but holds while the hours have it open;
2. a day of ``open``; 3. a day of ``closed``: of the queue's own hours, then of the line's;
4. a public holiday; 5. the week: of the queue's own hours, else the line's; without any, open.

The line is open when one of its queues is. Days and periods are meant by the line's wall clock: a
period in an hour that a night in March leaves out does not come, one in the hour that a night in
October has twice comes twice. Instants are microseconds UTC.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from ..hotline import Hotline, Hours, Period, periods, public_holidays, within
from .events import MICRO, instant

OPEN, SHORT, CLOSED = "open", "short", "closed"  # what a state may be
AUTO = "auto"  # of a switch: as the hours say
AHEAD = 62  # days that are looked through for the next change
AGAIN = 3600 * MICRO  # for how long "no change in sight" is believed


@dataclass(frozen=True)
class Switch:
    """What somebody has said by hand, from ``since`` until ``until``.

    ``text``: what callers hear instead of the usual sentence, ``sound`` its name among the prompts
    (empty: none). ``clears``: who waits is told, too. ``void``, of the line's: what was said of
    queues before that instant is over.
    """

    state: str
    since: int
    until: int
    text: str = ""
    sound: str = ""
    actor: str = ""
    clears: bool = False
    void: int = 0

    def lasts(self, at: int) -> bool:
        return self.since <= at < self.until


Switches = Mapping[str, Switch]  # by queue; empty: the line


@dataclass(frozen=True)
class Day:
    """What the hours say of a local date. ``why``: always, week, holiday, closed, open.

    ``name``: of the holiday.
    """

    periods: tuple[Period, ...]
    why: str
    name: str = ""


@dataclass(frozen=True)
class Known:
    """What was found out of a queue: it is so from ``since`` until ``until``."""

    since: int
    until: int
    state: str
    change: int | None


@dataclass(frozen=True)
class Opening:
    """The hours of a line, and its switches; without one of these it goes by its hours."""

    hotline: Hotline
    switches: Switches = field(default_factory=dict)
    _known: dict[str, Known] = field(default_factory=dict, compare=False, repr=False)

    def state(self, at: int, queue: str = "") -> str:
        """Of a queue; without one of the line."""
        known = self._known.get(queue)
        if known is not None and known.since <= at < known.until:
            return known.state
        return self._decide(at, queue)

    def is_open(self, at: int, queue: str = "") -> bool:
        """Whether callers are taken, be it short of staff."""
        return self.state(at, queue) != CLOSED

    def may_call(self, at: int, queue: str) -> bool:
        """Whether promised call-backs of a queue are kept: it is open, and nobody is disturbed."""
        rules = self.hotline.callbacks
        if rules is None or not self.is_open(at, queue):
            return False
        return not rules.is_quiet(self._local(at))

    def next_change(self, at: int, queue: str = "") -> int | None:
        """The next instant at which :meth:`state` is another; None if not within AHEAD days."""
        known = self._known.get(queue)
        if known is None or not known.since <= at < known.until:
            change = self._look_for(at, queue)
            until = at + AGAIN if change is None else change
            known = self._known[queue] = Known(at, until, self._decide(at, queue), change)
        return known.change

    def look(self, at: int) -> None:
        """Find out now what calls will ask for; until the next change that costs nothing more."""
        for queue in ("", *self.hotline.queues):
            self.next_change(at, queue)

    def switch(self, at: int, queue: str = "") -> Switch | None:
        """The switch that decides about a queue (or the line), if one does."""
        own, line = self.switches.get(queue), self.switches.get("")
        if own is not None and line is not None and own.since < line.void:
            own = None
        if queue and own is not None and own.state == AUTO:
            own = None  # as the line says
        found = [one for one in (own, line) if one is not None and one.lasts(at)]
        newest = max(found, key=lambda one: one.since, default=None)
        return None if newest is None or newest.state == AUTO else newest

    def in_force(self, at: int) -> dict[str, Switch]:
        """Every switch that decides about something: by queue; empty: the line."""
        found = {name: self.switch(at, name) for name in ("", *self.hotline.queues)}
        line = found[""]
        return {
            name: one
            for name, one in found.items()
            if one is not None and (one is not line or not name)
        }

    def day(self, date_: date, queue: str = "") -> Day:
        """What the hours say of a local date, whatever the switch; of the line: of all queues."""
        if queue:
            return self._day(date_, self._tables(queue))
        days = [self._day(date_, self._tables(name)) for name in self._differing]
        why = self._day(date_, self._tables(self.hotline.menu.default))
        return Day(tuple(merged(one for day in days for one in day.periods)), why.why, why.name)

    def open_queue(self, at: int, wanted: str) -> str:
        """A queue for who did not choose: the wanted one, else the first that is open."""
        found = (name for name in (wanted, *self.hotline.queues) if self.is_open(at, name))
        return next(found, wanted)

    def _decide(self, at: int, queue: str) -> str:
        if queue:
            return self._of(queue, at)
        states = [self._of(name, at) for name in self._differing]
        return OPEN if OPEN in states else SHORT if SHORT in states else CLOSED

    def _of(self, queue: str, at: int) -> str:
        switch = self.switch(at, queue)
        if switch is not None and switch.state != SHORT:
            return switch.state
        local = self._local(at)
        day = self._day(local.date(), self._tables(queue))
        if not within(local, day.periods):
            return CLOSED
        return SHORT if switch is not None else OPEN

    @cached_property
    def _differing(self) -> list[str]:
        """One queue of all that have nothing of their own, and those that have."""
        queues = self.hotline.queues
        own = [name for name, queue in queues.items() if queue.hours or name in self.switches]
        return own + [name for name in queues if name not in own][:1]

    @cached_property
    def _zone(self) -> ZoneInfo:
        return self.hotline.zone

    def _local(self, at: int) -> datetime:
        return instant(at).astimezone(self._zone)

    def _tables(self, queue: str) -> list[Hours]:
        """Whose hours count, the first before the second; a queue that is gone has the line's."""
        found = self.hotline.queues.get(queue)
        both = (found.hours if found else None, self.hotline.hours)
        return [hours for hours in both if hours is not None]

    def _day(self, date_: date, tables: list[Hours]) -> Day:
        if not tables:
            return Day(((time(), None),), "always")
        for hours in tables:
            if found := hours.opened(date_):
                return Day(tuple(found), "open")
            if date_ in hours.closed:
                return Day((), "closed")
        region = next((hours.holidays for hours in tables if hours.holidays is not None), None)
        if region is not None:
            named = public_holidays(region, date_.year, self.hotline.line.language)
            if date_ in named:
                return Day(tuple(on_holidays(tables)), "holiday", named[date_])
        return Day(tuple(tables[0].week(date_)), "week")

    def _look_for(self, at: int, queue: str) -> int | None:
        state = self._decide(at, queue)
        far = at + AHEAD * 86_400 * MICRO
        ends = {end for one in self.switches.values() for end in (one.since, one.until)}
        for edge in heapq.merge(sorted(ends), self._edges(at)):
            if at < edge < far and self._decide(edge, queue) != state:
                return edge
        return None

    def _edges(self, at: int) -> Iterator[int]:
        """Every instant of the coming days at which the hours of a queue may change, in order."""
        first = self._local(at).date()
        for ahead in range(AHEAD):
            day = first + timedelta(days=ahead)
            clock = {time()} | {
                edge
                for queue in self._differing
                for period in self._day(day, self._tables(queue)).periods
                for edge in period
                if edge is not None
            }
            yield from sorted({one for edge in clock for one in self._instants(day, edge)})

    def _instants(self, day: date, edge: time) -> Iterator[int]:
        """When the wall clock of a day reaches ``edge``: once, twice, or by leaping over it."""
        for fold in (0, 1):
            local = datetime.combine(day, edge, self._zone).replace(fold=fold)
            yield as_instant(local)
        # In such a night the clock leaves or enters a period by its leap, too.
        midnights = (datetime.combine(day + timedelta(days=n), time(), self._zone) for n in (0, 1))
        if (leap := self._leap(*map(as_instant, midnights))) is not None:
            yield leap

    def _leap(self, since: int, until: int) -> int | None:
        """When the zone's clock is changed between two instants, to the second."""
        before = self._local(since).utcoffset()
        if before == self._local(until).utcoffset():
            return None
        since, until = since // MICRO, until // MICRO
        while until - since > 1:
            middle = (since + until) // 2
            if self._local(middle * MICRO).utcoffset() == before:
                since = middle
            else:
                until = middle
        return until * MICRO


def on_holidays(tables: Iterable[Hours]) -> list[Period]:
    """The periods of a public holiday, by the first that says something of them."""
    texts = next((hours.on_holidays for hours in tables if hours.on_holidays is not None), [])
    return periods(texts)


def merged(found: Iterable[Period]) -> Iterator[Period]:
    """Periods that overlap or touch as one, in order."""
    begin: time | None = None
    end: time | None = None
    for one, last in sorted(found, key=lambda period: period[0]):
        if begin is not None and (end is None or one <= end):
            end = None if end is None or last is None else max(end, last)
            continue
        if begin is not None:
            yield begin, end
        begin, end = one, last
    if begin is not None:
        yield begin, end


def as_instant(local: datetime) -> int:
    """An aware moment as microseconds UTC."""
    since = local.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return since // timedelta(microseconds=1)
