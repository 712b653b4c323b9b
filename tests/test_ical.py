"""Calendars: lines, escapes and instants, read back by another reader than the writer."""

from datetime import UTC, date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decroche import hotline
from decroche.dashboard.calendar import written
from decroche.records.events import MICRO
from decroche.records.feeds import Feed
from decroche.records.ical import Entry, calendar, escape, fold
from decroche.records.rota import Shift, SignUp, make

from .calendars import parse, unfold

LINE = """[line]
name = "Entraide"
[menu]
default = "q"
[queues.q]
label = "Q"
"""
AT = int(datetime(2026, 10, 25, 0, 0, tzinfo=UTC).timestamp()) * MICRO


def entry(summary: str = "Permanence", **more: object) -> Entry:
    values: dict[str, object] = {"uid": "1@x", "begin": AT, "end": AT + 3600 * MICRO, "added": AT}
    return Entry(summary=summary, **{"changed": AT, **values, **more})  # type: ignore[arg-type]


@given(st.text(max_size=300), st.text(max_size=300))
def test_whatever_is_written_is_read(name: str, summary: str) -> None:
    head, (event,) = parse(calendar(name, [entry(summary)]))
    kept = "".join(c for c in summary.replace("\r\n", "\n").replace("\r", "\n") if is_kept(c))
    assert event["SUMMARY"] == kept.encode("utf-8", "replace").decode()
    assert head["NAME"] == head["X-WR-CALNAME"]


def is_kept(char: str) -> bool:
    return char == "\n" or not (char < " " or "\x7f" <= char <= "\x9f")


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=400))
def test_a_folded_line_is_the_same_line(text: str) -> None:
    assert unfold(fold(text if text[0] not in " \t" else f"x{text}"))[0].endswith(text)


@pytest.mark.parametrize("length", [74, 75, 76, 149, 150, 151])
def test_it_folds_where_it_must(length: int) -> None:
    folded = fold("x" * length)
    assert folded.count(b"\r\n ") == max(0, (length - 2) // 74)
    assert unfold(folded) == ["x" * length]


def test_it_escapes_what_would_be_structure() -> None:
    assert escape("a;b,c\\d\r\ne\x00") == "a\\;b\\,c\\\\d\\ne"
    hostile = "x\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:other"
    _, events = parse(calendar(hostile, [entry(hostile)]))
    assert len(events) == 1


def test_it_says_when_in_utc_and_how_often_it_was_changed() -> None:
    one = entry(changed=AT + 90 * MICRO, cancelled=True)
    _, (event,) = parse(calendar("x", [one]))
    assert event["DTSTART"] == datetime(2026, 10, 25, 0, 0, tzinfo=UTC)
    assert event["LAST-MODIFIED"] == datetime(2026, 10, 25, 0, 1, 30, tzinfo=UTC)
    assert (event["SEQUENCE"], event["STATUS"]) == (181, "CANCELLED")


def test_an_empty_calendar_is_one() -> None:
    assert parse(calendar("x", []))[1] == []


@pytest.mark.parametrize(
    ("day", "begin", "end"),
    [
        # Clocks go on at 2 in the night to the 29th: from 22 to 6 o'clock is seven hours.
        ("2026-03-28", "2026-03-28T21:00", "2026-03-29T04:00"),
        ("2026-04-04", "2026-04-04T20:00", "2026-04-05T04:00"),
        # ... and back in the night to the 25th: nine hours.
        ("2026-10-24", "2026-10-24T20:00", "2026-10-25T05:00"),
        ("2026-10-31", "2026-10-31T21:00", "2026-11-01T05:00"),
    ],
)
def test_a_night_shift_is_right_when_clocks_are_changed(day: str, begin: str, end: str) -> None:
    line = hotline.parse(LINE)
    night = Shift(1, 5, time(22), time(6), (), 2, date(2026, 1, 1))
    rota = make([night], [SignUp(1, "ana", date(2026, 1, 1), None)], {}, {})
    at = int(datetime.fromisoformat(f"{day}T00:00+00:00").timestamp()) * MICRO
    for feed in (Feed("ana"), Feed(None)):
        _, events = parse(written(feed, rota, {"ana": "Ana"}, line, at))
        (one,) = [event for event in events if f"-{day.replace('-', '')}-" in event["UID"]]
        told = tuple(f"{one[name]:%Y-%m-%dT%H:%M}" for name in ("DTSTART", "DTEND"))
        assert told == (begin, end)
