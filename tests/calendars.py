"""A reader of calendars of our own, by RFC 5545: so that the writer is not its own judge."""

import re
from datetime import UTC, datetime
from typing import Any

LINE = re.compile(r"([A-Z0-9-]+)((?:;[A-Z0-9-]+=[^:;]+)*):(.*)", re.DOTALL)
INSTANTS = ("DTSTAMP", "LAST-MODIFIED", "CREATED", "DTSTART", "DTEND")
TEXTS = ("UID", "SUMMARY", "DESCRIPTION", "NAME", "X-WR-CALNAME")
NEEDED = {"UID", "DTSTAMP", "DTSTART", "DTEND", "SEQUENCE", "STATUS", "SUMMARY"}


def unfold(data: bytes) -> list[str]:
    """Content lines (section 3.1). Every line ends in CRLF and has at most 75 octets."""
    assert data.endswith(b"\r\n")
    raw = data[:-2].split(b"\r\n")
    for line in raw:
        assert len(line) <= 75, line
        assert b"\n" not in line and b"\r" not in line, line
        line.decode("utf-8")  # no character is torn
    lines: list[bytes] = []
    for line in raw:
        if line.startswith((b" ", b"\t")):
            lines[-1] += line[1:]
        else:
            lines.append(line)
    return [line.decode("utf-8") for line in lines]


def unescape(text: str) -> str:
    """A TEXT value (section 3.3.11)."""
    assert not re.search(r"(?<!\\)(?:\\\\)*[;,]", text), f"not escaped: {text}"
    assert not re.search(r"[\x00-\x1f\x7f]", text), f"a control character: {text!r}"
    known = {"n": "\n", "N": "\n"}
    return re.sub(r"\\(.)", lambda found: known.get(found[1], found[1]), text)


def parse(data: bytes) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """The calendar's own properties, and its events."""
    head: dict[str, str] = {}
    events: list[dict[str, Any]] = []
    within: list[str] = []
    for line in unfold(data):
        found = LINE.fullmatch(line)
        assert found, f"no content line: {line}"
        name, value = found[1], found[3]
        if name == "BEGIN":
            within.append(value)
            if value == "VEVENT":
                events.append({})
        elif name == "END":
            assert within.pop() == value
        elif within == ["VCALENDAR", "VEVENT"]:
            assert name not in events[-1], f"twice: {name}"
            events[-1][name] = _value(name, value)
        else:
            assert within == ["VCALENDAR"]
            head[name] = unescape(value) if name in TEXTS else value
    assert within == []
    assert (head["VERSION"], bool(head["PRODID"])) == ("2.0", True)
    for event in events:
        assert NEEDED <= event.keys()
        assert event["DTSTART"] < event["DTEND"]
        assert event["STATUS"] in ("CONFIRMED", "CANCELLED")
    uids = [event["UID"] for event in events]
    assert len(uids) == len(set(uids))
    return head, events


def _value(name: str, value: str) -> object:
    if name in INSTANTS:
        return datetime.strptime(value, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    if name == "SEQUENCE":
        return int(value)
    return unescape(value) if name in TEXTS else value
