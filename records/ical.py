"""Calendars as other programs read them: RFC 5545, one VEVENT for each date.

Instants are written in UTC: right in every zone and on every night when clocks are changed, and
no program needs our rules of summer time. What is cancelled stays with STATUS:CANCELLED, under the
same UID and with a higher SEQUENCE: a program that has it takes it away.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .events import MICRO, instant

OCTETS = 75  # of one line, without its end (section 3.1)
CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
PRODUCT = "-//Decroche//Shifts//EN"
REFRESH = "PT1H"


@dataclass(frozen=True)
class Entry:
    """One date. ``begin``, ``end``, ``changed``, ``added``: microseconds UTC."""

    uid: str
    begin: int
    end: int
    added: int
    changed: int
    summary: str
    description: str = ""
    cancelled: bool = False

    @property
    def sequence(self) -> int:
        """Seconds since it was planned, twice: grows with every change, and needs no counter.
        What is cancelled within a second of its sign-up is later than that.
        """
        return 2 * (max(0, self.changed - self.added) // MICRO) + self.cancelled


def calendar(name: str, entries: Iterable[Entry]) -> bytes:
    """The whole calendar, in the order of ``entries``: the same facts are the same bytes."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:{PRODUCT}",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        f"NAME:{escape(name)}",
        f"X-WR-CALNAME:{escape(name)}",
        f"REFRESH-INTERVAL;VALUE=DURATION:{REFRESH}",
        f"X-PUBLISHED-TTL:{REFRESH}",
        *(line for entry in entries for line in _event(entry)),
        "END:VCALENDAR",
    ]
    return b"".join(fold(line) for line in lines)


def _event(entry: Entry) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{escape(entry.uid)}"
    yield f"DTSTAMP:{utc(entry.changed)}"
    yield f"LAST-MODIFIED:{utc(entry.changed)}"
    yield f"CREATED:{utc(entry.added)}"
    yield f"SEQUENCE:{entry.sequence}"
    yield f"DTSTART:{utc(entry.begin)}"
    yield f"DTEND:{utc(entry.end)}"
    yield f"SUMMARY:{escape(entry.summary)}"
    if entry.description:
        yield f"DESCRIPTION:{escape(entry.description)}"
    yield f"STATUS:{'CANCELLED' if entry.cancelled else 'CONFIRMED'}"
    yield "END:VEVENT"


def utc(at: int) -> str:
    """Form 2 of section 3.3.5: 20261124T080000Z."""
    return f"{instant(at):%Y%m%dT%H%M%SZ}"


def escape(text: str) -> str:
    """A TEXT value (section 3.3.11); what no line may hold is left out."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = CONTROLS.sub("", text).replace("\\", "\\\\")
    return text.replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


def fold(line: str) -> bytes:
    """A content line with its end, folded so that no character is torn (section 3.1)."""
    parts: list[bytes] = []
    part = b""
    for char in line:
        octets = char.encode("utf-8", "replace")
        if len(part) + len(octets) > OCTETS - bool(parts):  # the blank in front counts, too
            parts.append(part)
            part = b""
        part += octets
    return b"\r\n ".join([*parts, part]) + b"\r\n"
