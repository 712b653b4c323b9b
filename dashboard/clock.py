"""Instants and durations as people read them. Instants are microseconds UTC."""

import re
from collections.abc import Callable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, get_day_names

from ..records.events import MICRO, instant

NARROW = "\u202f"  # narrow no-break space, as French puts before ; : ! ?
HARD = "\u00a0"
SINCE = re.compile(r'(<time [^>]*data-since="(\d+)"[^>]*>)(</time>)')


def duration(seconds: int) -> str:
    """ "8 s", "3 min 12", "1 h 52"; static/clock.js says the same."""
    seconds = max(0, seconds)
    if seconds < 60:
        return f"{seconds}{HARD}s"
    if seconds < 3600:
        return f"{seconds // 60}{HARD}min{HARD}{seconds % 60:02}"
    return f"{seconds // 3600}{HARD}h{HARD}{seconds % 3600 // 60:02}"


def age(seconds: int, days: Callable[[int], str]) -> str:
    """A duration that may be long: from two days on in whole days, as ``days`` says them."""
    return days(seconds // 86400) if seconds >= 2 * 86400 else duration(seconds)


def moment(at: int, zone: ZoneInfo, language: str) -> str:
    """An instant in full, for who asks exactly: "mardi 24 novembre 2026 14:02:03"."""
    return format_datetime(instant(at).astimezone(zone), "EEEE d MMMM y HH:mm:ss", locale=language)


def shortly(at: int, now: int, zone: ZoneInfo, language: str) -> str:
    """When, as short as it is clear: "14:30" today, else "mercredi 2 décembre"."""
    local, today = instant(at).astimezone(zone), instant(now).astimezone(zone).date()
    if local.date() == today:
        return f"{local:%H:%M}"
    return format_date(local.date(), "EEEE d MMMM", locale=language).replace(" ", HARD)


def filled(html: str, now: int) -> str:
    """Write the durations into ``<time data-since="MILLISECONDS"></time>``.

    Fragments leave them empty, so that a fragment changes only when its facts change:
    the page's own clock, or this for the first paint, fills them.
    """

    def fill(found: re.Match[str]) -> str:
        return f"{found[1]}{duration(now // MICRO - int(found[2]) // 1000)}{found[3]}"

    return SINCE.sub(fill, html)


def hour(at: datetime, language: str) -> str:
    """ "18 h", "18 h 30"; "18:00" in English."""
    if language != "fr":
        return f"{at:%H:%M}"
    return f"{at.hour}{HARD}h" + (f"{HARD}{at.minute:02}" if at.minute else "")


def iso(at: int) -> str:
    """An instant for ``<time datetime>``: "2026-11-23T09:00:00+00:00"."""
    return instant(at).isoformat(timespec="seconds")


def exact(at: int, zone: ZoneInfo) -> str:
    """The wall clock of an instant: "14:02:03"."""
    return f"{instant(at).astimezone(zone):%H:%M:%S}"


def day_name(day: date, language: str) -> str:
    return str(get_day_names("wide", locale=language)[day.weekday()])


def long_date(day: date, language: str) -> str:
    return format_date(day, format="long", locale=language).replace(" ", HARD, 1)


def midnight(now: int, zone: ZoneInfo) -> int:
    """The instant at which the present local day began."""
    local = instant(now).astimezone(zone)
    begin = datetime(local.year, local.month, local.day, tzinfo=zone)
    return int(begin.timestamp()) * MICRO
