"""The hours as a list for people: what is in force now and why, the next days, days that differ.

Times are the line's local ones.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

from ..hotline import DAYS, Period
from .events import instant
from .opening import AHEAD, Day, Opening

WEEK = 8  # days that are shown: today and the next seven
YEAR = 400  # days in which those are looked for that differ from the week
WORDS = {"always": "always open", "week": "week", "closed": "closed day", "open": "one-off opening"}


def now_in_force(opening: Opening, at: int) -> list[dict[str, Any]]:
    """What holds for the line, and for each queue that is otherwise than the line."""
    rows = [_now(opening, at, "")]
    for queue in opening.hotline.queues:
        row = _now(opening, at, queue)
        if any(row[key] != rows[0][key] for key in ("state", "until", "why")):
            rows.append(row)
    return rows


def _now(opening: Opening, at: int, queue: str) -> dict[str, Any]:
    switch, state = opening.switch(at, queue), opening.state(at, queue)
    if switch is not None and state != switch.state:
        switch = None  # short of staff, but closed by its hours
    change = opening.next_change(at, queue)
    day = opening.day(instant(at).astimezone(opening.hotline.zone).date(), queue)
    return {
        "what": queue or "line",
        "state": state,
        "until": local(opening, change) if change else f"no change within {AHEAD} days",
        "why": f"switch, by {switch.actor}" if switch else why(day),
        "said": switch.text if switch else "",
    }


def local(opening: Opening, at: int) -> str:
    """An instant by the line's clock: "2026-11-24 14:00"."""
    return f"{instant(at).astimezone(opening.hotline.zone):%Y-%m-%d %H:%M}"


def days(opening: Opening, first: date, count: int = WEEK) -> list[dict[str, Any]]:
    """Days one after the other, by the hours; for each queue that has its own, too."""
    found = (first + timedelta(days=number) for number in range(count))
    return [_row(day, name, _of(opening, day, name)) for day in found for name in places(opening)]


def differing(opening: Opening, first: date) -> Iterator[dict[str, Any]]:
    """The coming days that do not go by the week, with what happens on them.

    A queue with hours of its own stands there when it is otherwise than the line.
    """
    for day in (first + timedelta(days=number) for number in range(YEAR)):
        line: Day | None = None
        for name in places(opening):
            found = _of(opening, day, name)
            if found.why not in ("week", "always") and found != line:
                yield _row(day, name, found)
            line = line or found


def places(opening: Opening) -> Sequence[str]:
    """The line (empty; as its queues without hours of their own have it), and queues with own."""
    queues = opening.hotline.queues
    own = [name for name, queue in queues.items() if queue.hours]
    return own if len(own) == len(queues) else ["", *own]


def _of(opening: Opening, day: date, place: str) -> Day:
    """A day of a place: that of the line is that of any queue without hours of its own."""
    queues = opening.hotline.queues
    return opening.day(day, place or next(name for name in queues if not queues[name].hours))


def _row(day: date, queue: str, found: Day) -> dict[str, Any]:
    return {
        "date": day.isoformat(),
        "day": DAYS[day.weekday()],
        "what": queue or "line",
        "hours": ", ".join(written(found.periods)) or "closed",
        "why": why(found),
    }


def why(day: Day) -> str:
    return f"holiday: {day.name}" if day.why == "holiday" else WORDS[day.why]


def written(periods: Sequence[Period]) -> Iterator[str]:
    """Periods as hotline.toml has them."""
    for begin, end in periods:
        yield f"{begin:%H:%M}-" + (f"{end:%H:%M}" if end else "24:00")
