"""Open, closed or short of staff: hours in local time, holidays, single days, the switch.

The next change is the next instant at which the decision is another one: both nights of Paris in
which the clock is changed. Any hours that hypothesis thinks of: test_opening_any.py.
"""

import subprocess
import sys
from datetime import UTC, date, datetime, time

import pytest

from decroche.hotline import parse
from decroche.records.events import instant
from decroche.records.opening import (
    AUTO,
    CLOSED,
    OPEN,
    SHORT,
    Opening,
    Switch,
    as_instant,
)
from decroche.records.switched import FOR_GOOD

LINE = """[line]
name = "Entraide"
[menu]
default = "demarches"
[queues.demarches]
label = "Démarches"
[queues.visio]
label = "Visio"
"""


def at(text: str) -> int:
    """An instant, written in UTC."""
    return as_instant(datetime.fromisoformat(text).replace(tzinfo=UTC))


def opening(hours: str = "", **switches: Switch) -> Opening:
    """A line with these hours; ``line`` is the line's switch."""
    thrown = {"" if name == "line" else name: one for name, one in switches.items()}
    return Opening(parse(LINE + (f"[hours]\n{hours}" if hours else "")), thrown)


def switch(state: str, since: str, until: str = "2030-01-01") -> Switch:
    return Switch(state, at(since), at(until))


# The week.


def test_a_line_without_hours_is_always_open() -> None:
    line = opening()
    assert line.state(at("2026-11-22T03:00")) == OPEN
    assert line.next_change(at("2026-11-22T03:00")) is None


@pytest.mark.parametrize(
    ("moment", "state"),
    [
        ("2026-11-23T07:59:59", CLOSED),  # a Monday in winter: Paris is one hour ahead
        ("2026-11-23T08:00:00", OPEN),
        ("2026-11-23T10:59:59", OPEN),
        ("2026-11-23T11:00:00", CLOSED),
        ("2026-11-23T13:00:00", OPEN),
        ("2026-11-23T22:59:59", OPEN),  # until 24:00
        ("2026-11-23T23:00:00", CLOSED),
        ("2026-07-20T06:59:59", CLOSED),  # a Monday in summer: two hours ahead
        ("2026-07-20T07:00:00", OPEN),
        ("2026-11-24T10:00:00", CLOSED),  # a Tuesday
        ("2026-12-28T10:00:00", CLOSED),  # a Monday that is closed
    ],
)
def test_hours_are_local(moment: str, state: str) -> None:
    line = opening('monday = ["14:00-24:00", "09:00-12:00"]\nclosed = [2026-12-28]')
    assert line.state(at(moment)) == state


def test_a_night_that_goes_on_after_midnight_has_no_gap() -> None:
    line = opening('monday = ["20:00-24:00"]\ntuesday = ["00:00-02:00"]')
    assert line.is_open(at("2026-11-23T22:59:59.999999"))
    assert line.is_open(at("2026-11-23T23:00:00"))
    assert line.next_change(at("2026-11-23T22:30:00")) == at("2026-11-24T01:00:00")


# The two nights of Paris: 2026-03-29 leaves out 02:00 to 03:00, 2026-10-25 has it twice; both at
# 01:00 UTC.


def changes(line: Opening, first: str, last: str) -> list[str]:
    """Every change between two instants, as UTC times."""
    found, here = [], at(first)
    while (change := line.next_change(here)) is not None and change < at(last):
        found.append(f"{instant(change):%H:%M}")
        here = change
    return found


@pytest.mark.parametrize(
    ("periods", "expected"),
    [
        ('"01:30-02:30", "03:30-04:00"', ["00:30", "01:00", "01:30", "02:00"]),
        ('"02:00-03:00"', []),  # the whole period is left out
        ('"02:15-02:45"', []),
        ('"02:30-03:15"', ["01:00", "01:15"]),  # it begins when the clock leaps over its begin
        ('"01:00-04:00"', ["00:00", "02:00"]),
        ('"00:00-24:00"', ["23:00", "22:00"]),  # a day of 23 hours
    ],
)
def test_the_night_in_which_an_hour_is_missing(periods: str, expected: list[str]) -> None:
    line = opening(f"sunday = [{periods}]")
    assert changes(line, "2026-03-28T20:00", "2026-03-29T22:30") == expected


@pytest.mark.parametrize(
    ("periods", "expected"),
    [
        ('"02:15-02:45"', ["00:15", "00:45", "01:15", "01:45"]),  # it comes twice
        ('"01:30-02:30"', ["23:30", "00:30", "01:00", "01:30"]),  # the clock leaps back into it
        ('"02:30-03:30"', ["00:30", "01:00", "01:30", "02:30"]),
        ('"02:00-03:00"', ["00:00", "02:00"]),
        ('"01:00-02:00"', ["23:00", "00:00"]),  # 02:00 is not in it, neither time
        ('"01:00-04:00"', ["23:00", "03:00"]),
        ('"00:00-24:00"', ["22:00", "23:00"]),  # a day of 25 hours
    ],
)
def test_the_night_in_which_an_hour_comes_twice(periods: str, expected: list[str]) -> None:
    line = opening(f"sunday = [{periods}]")
    assert changes(line, "2026-10-24T20:00", "2026-10-25T23:30") == expected


def test_a_line_that_never_opens_has_no_next_change() -> None:
    assert opening("monday = []").next_change(at("2026-11-23T10:00")) is None


# Days that differ.


DIFFERENT = """
monday = ["09:00-18:00"]
tuesday = ["09:00-18:00"]
wednesday = ["09:00-18:00"]
thursday = ["09:00-18:00"]
friday = ["09:00-18:00"]
holidays = "FR"
on_holidays = ["10:00-12:00"]
closed = [2026-12-31, 2026-12-24]
open = ["2026-12-24 09:00-12:00", "2026-12-24 14:00-16:00", "2026-12-26 09:00-12:00"]
"""


@pytest.mark.parametrize(
    ("day", "why", "periods"),
    [
        ("2026-12-23", "week", ["09:00-18:00"]),
        ("2026-12-24", "open", ["09:00-12:00", "14:00-16:00"]),  # wins over closed
        ("2026-12-25", "holiday", ["10:00-12:00"]),
        ("2026-12-26", "open", ["09:00-12:00"]),  # a Saturday
        ("2026-12-31", "closed", []),
        ("2027-01-01", "holiday", ["10:00-12:00"]),
        ("2027-03-29", "holiday", ["10:00-12:00"]),  # Easter Monday
        ("2027-04-05", "week", ["09:00-18:00"]),
    ],
)
def test_who_decides_about_a_day(day: str, why: str, periods: list[str]) -> None:
    found = opening(DIFFERENT).day(date.fromisoformat(day))
    assert (found.why, [f"{b:%H:%M}-{e:%H:%M}" for b, e in found.periods if e]) == (why, periods)
    assert found.name == ({"2026-12-25": "Noël"}.get(day, found.name))


def test_public_holidays_are_closed_unless_said_otherwise() -> None:
    line = opening('friday = ["09:00-18:00"]\nholidays = "FR"')
    assert not line.is_open(at("2026-12-25T09:30"))
    assert line.is_open(at("2026-12-18T09:30"))


def test_the_library_of_holidays_is_read_only_when_a_line_keeps_some() -> None:
    """It takes a tenth of a second: no command pays that for nothing."""
    code = """import sys
from decroche.cli import main
from decroche.hotline import parse
text = sys.stdin.read()
parse(text)
assert "holidays" not in sys.modules
parse(text + '[hours]\\nholidays = "FR"')
assert "holidays" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], input=LINE, text=True, check=True, timeout=60)


# Queues.


OWN = (
    DIFFERENT
    + """
[queues.visio.hours]
monday = ["14:00-17:00"]
saturday = ["09:00-12:00"]
closed = [2026-12-26]
"""
)


def test_a_queue_has_its_own_week_and_the_lines_days_unless_it_has_its_own() -> None:
    line = opening(OWN)
    monday, saturday = date(2026, 11, 23), date(2026, 11, 28)
    assert line.day(monday, "visio").periods == ((time(14), time(17)),)
    assert line.day(monday, "demarches").periods == ((time(9), time(18)),)
    assert line.day(saturday, "visio").periods == ((time(9), time(12)),)
    assert line.day(date(2026, 12, 25), "visio").periods == ((time(10), time(12)),)
    assert line.day(date(2026, 12, 24), "visio").why == "open"  # the line's
    assert line.day(date(2026, 12, 26), "visio").why == "closed"  # its own
    assert line.day(date(2026, 12, 26), "demarches").why == "open"


def test_the_line_is_open_when_one_of_its_queues_is() -> None:
    line = opening(OWN)
    saturday = at("2026-11-28T09:00")
    assert (line.state(saturday, "demarches"), line.state(saturday, "visio")) == (CLOSED, OPEN)
    assert line.state(saturday) == OPEN
    assert line.open_queue(saturday, "demarches") == "visio"
    assert line.open_queue(at("2026-11-23T09:00"), "demarches") == "demarches"
    assert line.open_queue(at("2026-11-29T09:00"), "demarches") == "demarches"  # none is
    assert line.next_change(saturday) == at("2026-11-28T11:00")
    assert line.next_change(saturday, "demarches") == at("2026-11-30T08:00")


def test_a_queue_that_an_apply_has_removed_goes_by_the_line() -> None:
    assert opening(OWN).state(at("2026-11-23T09:00"), "gone") == OPEN


# The switch.


@pytest.mark.parametrize("state", [OPEN, SHORT, CLOSED])
def test_a_switch_holds_from_its_instant_until_its_end(state: str) -> None:
    line = opening(DIFFERENT, line=switch(state, "2026-11-23T11:00", "2026-11-23T12:00"))
    moments = {"10:59:59": OPEN, "11:00:00": state, "11:59:59": state, "12:00:00": OPEN}
    for moment, expected in moments.items():
        assert line.state(at(f"2026-11-23T{moment}"), "visio") == expected
        assert line.state(at(f"2026-11-23T{moment}")) == expected


def test_a_switch_opens_at_night_and_on_holidays_and_ends_by_itself() -> None:
    line = opening(DIFFERENT, line=switch(OPEN, "2026-12-25T18:00", "2026-12-25T20:00"))
    night = at("2026-12-25T19:00")
    assert line.state(night) == OPEN
    assert line.next_change(night) == at("2026-12-25T20:00")
    assert line.state(at("2026-12-25T20:00")) == CLOSED


@pytest.mark.parametrize(
    ("line", "own", "expected"),
    [
        (None, (CLOSED, "09:00", "18:00"), CLOSED),
        ((CLOSED, "09:00", "18:00"), None, CLOSED),
        ((CLOSED, "09:00", "18:00"), (OPEN, "10:00", "18:00"), OPEN),  # the newest
        ((CLOSED, "10:00", "18:00"), (OPEN, "09:00", "18:00"), CLOSED),
        ((CLOSED, "10:00", "11:00"), (SHORT, "09:00", "18:00"), SHORT),  # the newest is over
        ((AUTO, "10:00", "18:00"), (CLOSED, "09:00", "18:00"), OPEN),  # ended for all
        ((AUTO, "09:00", "18:00"), (CLOSED, "10:00", "18:00"), CLOSED),
        ((CLOSED, "09:00", "18:00"), (AUTO, "10:00", "18:00"), CLOSED),  # as the line says
        ((SHORT, "09:00", "11:00"), (CLOSED, "08:00", "11:00"), OPEN),  # both are over
    ],
)
def test_the_newest_of_a_queues_switch_and_the_lines_counts(
    line: tuple[str, str, str] | None, own: tuple[str, str, str] | None, expected: str
) -> None:
    day = "2026-11-23T"
    thrown = {
        place: switch(state, day + since, day + until)
        for place, one in (("", line), ("visio", own))
        if one is not None
        for state, since, until in [one]
    }
    assert (
        Opening(parse(LINE + "[hours]\n" + DIFFERENT), thrown).state(
            at("2026-11-23T12:00"), "visio"
        )
        == expected
    )


def test_short_of_staff_opens_nothing() -> None:
    line = opening(DIFFERENT, line=switch(SHORT, "2026-11-23T06:00", "2026-11-25T23:00"))
    assert changes(line, "2026-11-23T06:00", "2026-11-24T06:00") == ["08:00", "17:00"]
    assert line.state(at("2026-11-23T07:00")) == CLOSED
    assert line.state(at("2026-11-23T09:00")) == SHORT


def test_the_line_is_short_of_staff_when_no_queue_is_wholly_open() -> None:
    closed = switch(CLOSED, "2026-11-23T09:00")
    short = switch(SHORT, "2026-11-23T09:00")
    noon = at("2026-11-23T12:00")
    assert opening(demarches=closed, visio=short).state(noon) == SHORT
    assert opening(demarches=closed).state(noon) == OPEN
    assert opening(demarches=closed, visio=closed).state(noon) == CLOSED


def test_call_backs_of_a_queue_are_kept_while_it_is_open() -> None:
    rules = '[callbacks]\nquiet = ["12:30-13:30"]\n'
    line = opening(OWN + rules, demarches=switch(CLOSED, "2026-11-23T15:00"))
    cases = {"08:30": ["demarches"], "13:30": ["demarches", "visio"], "15:30": ["visio"]}
    cases |= {"12:00": [], "18:00": []}
    for moment, queues in cases.items():
        instant_ = at(f"2026-11-23T{moment}")
        found = [name for name in ("demarches", "visio") if line.may_call(instant_, name)]
        assert found == queues, moment
    assert not opening(OWN).may_call(at("2026-11-23T09:00"), "demarches")  # nobody is called back


def test_a_switch_that_ended_another_for_good_is_no_change() -> None:
    thrown = {"": Switch(AUTO, at("2026-11-23T10:00"), FOR_GOOD)}
    line = Opening(parse(LINE + "[hours]\n" + DIFFERENT), thrown)
    assert line.next_change(at("2026-11-23T11:00")) == at("2026-11-23T17:00")
    assert Opening(parse(LINE), thrown).next_change(at("2026-11-23T11:00")) is None


def test_what_decides_now_is_listed() -> None:
    line, own = switch(CLOSED, "2026-11-23T09:00"), switch(OPEN, "2026-11-23T10:00")
    both = opening(line=line, visio=own)
    assert both.in_force(at("2026-11-23T09:30")) == {"": line}
    assert both.in_force(at("2026-11-23T10:30")) == {"": line, "visio": own}
    assert opening().in_force(at("2026-11-23T10:30")) == {}
