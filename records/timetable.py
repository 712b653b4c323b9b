"""Changes of [hours] in hotline.toml: the week, public holidays, days that differ.

Each is a change for :func:`records.editing.edit`. A queue that gets hours of its own begins with
those of the line, so that nothing changes but what was asked for.
"""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import tomlkit

from ..hotline import DAYS, HotlineError
from .editing import Document, table

Change = Callable[[Document], None]
SETS = {
    "weekdays": DAYS[:5],
    "weekend": DAYS[5:],
    "everyday": DAYS,
    "holidays": ("on_holidays",),
}
CLOSED = "closed"  # what is written for no period at all


def week(queue: str, day: str, periods: Sequence[str]) -> Change:
    """Set the periods of a day: its name, one of SETS, or a range like "monday-friday".

    :raises HotlineError: there is no such day, or nothing is said of it.
    """
    keys, texts = _keys(day), _periods(periods)

    def change(document: Document) -> None:
        hours = _own(document, queue)
        for key in keys:
            _put(hours, key, _array(texts))

    return change


def region(queue: str, name: str) -> Change:
    """Keep the public holidays of a region; "none": of no region.

    :raises HotlineError: "none" for a queue, while the line keeps some: those hold for it, too.
    """

    def change(document: Document) -> None:
        own, line = _there(document, queue) or {}, document.get("hours", {})
        if name == "none" and "holidays" in line and "holidays" not in own:
            told = f"hours set holidays 09:00-18:00 --queue {queue}"
            raise HotlineError(f"the line's public holidays hold for {queue}, too; type: {told}")
        hours = _own(document, queue)
        if name == "none":
            hours.pop("holidays", None)
        else:
            _put(hours, "holidays", tomlkit.item(name))

    return change


def exception(queue: str, day: date, periods: Sequence[str]) -> Change:
    """One date: open in these periods only, or closed.

    :raises HotlineError: nothing is said of it.
    """
    texts = _periods(periods)

    def change(document: Document) -> None:
        hours = _own(document, queue)
        _forget(hours, day)
        if texts:
            _put(hours, "open", _array(sorted([*hours.get("open", ()), *_dated(day, texts)])))
        else:
            _put(hours, "closed", _array(sorted([*hours.get("closed", ()), day])))

    return change


def usual(queue: str, day: date) -> Change:
    """A date goes by the week, or by its holiday, again."""

    def change(document: Document) -> None:
        if (hours := _there(document, queue)) is not None:
            _forget(hours, day)

    return change


def as_the_line(queue: str) -> Change:
    """A queue has the line's hours again."""

    def change(document: Document) -> None:
        _known(document, queue)
        document["queues"][queue].pop("hours", None)

    return change


def _keys(day: str) -> tuple[str, ...]:
    first, _, last = day.lower().partition("-")
    if day.lower() in SETS:
        return SETS[day.lower()]
    if first in DAYS and (not last or last in DAYS):
        begin, end = DAYS.index(first), DAYS.index(last or first)
        if begin <= end:
            return DAYS[begin : end + 1]
    names = ", ".join((*DAYS, *SETS))
    raise HotlineError(f"{day!r} is no day; expected monday-friday, or one of: {names}")


def _periods(texts: Sequence[str]) -> list[str]:
    if list(texts) == [CLOSED]:
        return []
    if not texts:
        raise HotlineError('write when it is open, as 09:00-12:00 14:00-18:00, or "closed"')
    return list(texts)


def _dated(day: date, periods: Sequence[str]) -> list[str]:
    return [f"{day.isoformat()} {period}" for period in periods]


def _forget(hours: Any, day: date) -> None:
    """Take a date out of ``open`` and ``closed``."""
    for key, mark in (("open", day.isoformat()), ("closed", day)):
        kept = [one for one in hours.get(key, ()) if one != mark and str(one)[:10] != mark]
        if kept:
            _put(hours, key, _array(kept))
        else:
            hours.pop(key, None)


def _put(hours: Any, key: str, value: Any) -> None:
    """Set a key; a new one behind those that are there, before what is written below them."""
    last = next(iter(list(hours)[::-1]), None)
    if key in hours or last is None or not isinstance(hours, tomlkit.items.Table):
        hours[key] = value
    else:
        hours.value._insert_after(last, key, value)


def _there(document: Document, queue: str) -> Any:
    """The table of the line or the queue, if there is one."""
    if not queue:
        return document.get("hours")
    _known(document, queue)
    return document["queues"][queue].get("hours")


def _own(document: Document, queue: str) -> Any:
    """The same; made when it is not there, with the week that was in force until now."""
    found = _there(document, queue)
    if found is not None:
        return found
    line = document.get("hours")
    always = ["00:00-24:00"]
    week = {key: always if line is None else line.get(key, ()) for key in DAYS}
    made = table(document, "queues", queue, "hours") if queue else table(document, "hours")
    for key, periods in week.items():
        if periods:
            made[key] = _array(periods)
    return made


def _known(document: Document, queue: str) -> None:
    queues = document["queues"]
    if queue not in queues:
        names = ", ".join(queues)
        raise HotlineError(f"no queue {queue!r}; there are: {names}")


def _array(values: Any) -> tomlkit.items.Array:
    found = tomlkit.array()
    found.extend(values)
    return found
