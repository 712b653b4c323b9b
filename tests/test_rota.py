"""Shifts as values: which dates, at which instants, who comes; on nights of 23 and 25 hours."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decroche.records.events import MICRO
from decroche.records.rota import DAY, Rota, Shift, SignUp, make, read_hours

PARIS = ZoneInfo("Europe/Paris")
MONDAY, SUNDAY = date(2026, 11, 23), date(2026, 11, 29)


def shift(id: int = 1, day: int = 0, hours: str = "09:00-12:00", **more: object) -> Shift:
    starts, ends = read_hours(hours)
    values: dict[str, object] = {"queues": (), "wanted": 2, "first": date(2026, 1, 1)}
    return Shift(id=id, day=day, starts=starts, ends=ends, **values | more)  # type: ignore[arg-type]


def utc(at: int) -> str:
    return datetime.fromtimestamp(at / MICRO, ZoneInfo("UTC")).strftime("%d %H:%M")


@pytest.mark.parametrize(
    ("day", "hours", "begin", "end"),
    [
        ("2026-11-23", "09:00-12:00", "23 08:00", "23 11:00"),
        ("2026-07-06", "09:00-12:00", "06 07:00", "06 10:00"),
        ("2026-11-23", "22:00-02:00", "23 21:00", "24 01:00"),
        ("2026-11-23", "20:00-24:00", "23 19:00", "23 23:00"),
        # The night of 23 hours: from 1 to 4 o'clock is two hours.
        ("2026-03-29", "01:00-04:00", "29 00:00", "29 02:00"),
        ("2026-03-28", "22:00-06:00", "28 21:00", "29 04:00"),
        ("2026-03-29", "02:30-04:00", "29 01:30", "29 02:00"),
        # The night of 25 hours: the hour that comes twice is worked twice.
        ("2026-10-25", "02:00-03:00", "25 00:00", "25 02:00"),
        ("2026-10-24", "22:00-06:00", "24 20:00", "25 05:00"),
    ],
)
def test_it_is_local_wall_time(day: str, hours: str, begin: str, end: str) -> None:
    period = shift(hours=hours).period(date.fromisoformat(day), PARIS)
    assert period is not None
    assert (utc(period[0]), utc(period[1])) == (begin, end)


def test_a_shift_in_the_hour_that_is_left_out_does_not_take_place() -> None:
    one = shift(day=6, hours="02:00-03:00")
    assert one.period(date(2026, 3, 29), PARIS) is None
    rota = make([one], [SignUp(1, "ana", date(2026, 1, 1), None)], {}, {})
    dates = [o.date.isoformat() for o in rota.between(date(2026, 3, 20), date(2026, 4, 7), PARIS)]
    assert dates == ["2026-03-22", "2026-04-05"]
    mine = rota.of("ana", date(2026, 3, 20), date(2026, 4, 7), PARIS)
    assert [o.date.isoformat() for o in mine] == dates


@pytest.mark.parametrize("text", ["", "9-12", "09:00", "09:00-09:00", "24:00-01:00", "9:60-10:00"])
def test_it_refuses_what_are_no_hours(text: str) -> None:
    with pytest.raises(ValueError, match="hours|no time"):
        read_hours(text)


def test_it_reads_hours() -> None:
    assert read_hours("9:00-24:00") == (time(9), time(0))
    assert read_hours(" 22:15-02:00 ") == (time(22, 15), time(2))


@given(
    st.integers(0, 6),
    st.dates(date(2026, 1, 1), date(2027, 12, 31)),
    st.integers(0, 60),
    st.times(),
    st.times(),
)
def test_every_date_is_its_weekday_and_ends_after_it_begins(
    day: int, since: date, length: int, starts: time, ends: time
) -> None:
    if (starts := starts.replace(second=0, microsecond=0)) == ends.replace(second=0, microsecond=0):
        return
    one = Shift(1, day, starts, ends.replace(second=0, microsecond=0), (), 1, since)
    found = make([one], [], {}, {}).between(since, since + length * DAY, PARIS)
    assert all(o.date.weekday() == day and since <= o.date < since + length * DAY for o in found)
    assert all(0 < o.end - o.begin <= 25 * 3600 * MICRO for o in found)
    assert length // 7 - 1 <= len(found) <= length // 7 + 1
    for o in found:
        local = datetime.fromtimestamp(o.begin / MICRO, PARIS)
        if (o.date.month, o.date.weekday()) not in ((3, 6), (3, 5)):
            assert (local.date(), local.time()) == (o.date, starts)


def rota() -> Rota:
    """Two want to come every Monday, one once; one of them not on the 30th."""
    shifts = [shift(), shift(2, 0, "22:00-02:00", wanted=1), shift(3, 1, last=date(2026, 11, 24))]
    signups = [
        SignUp(1, "driss", MONDAY, None, 20),
        SignUp(1, "ana", MONDAY - 7 * DAY, None, 10),
        SignUp(1, "lea", MONDAY + 7 * DAY, MONDAY + 7 * DAY, 30),
        SignUp(2, "ana", MONDAY, MONDAY, 40),
    ]
    return make(shifts, signups, {(1, MONDAY + 14 * DAY): 60}, {(1, "ana", MONDAY + 7 * DAY): 50})


def test_it_knows_who_comes() -> None:
    found = rota().between(MONDAY - 7 * DAY, MONDAY + 15 * DAY, PARIS)
    told = [(o.date.day, o.shift.id, o.people, o.places, o.cancelled) for o in found]
    assert told == [
        (16, 1, ("ana",), 1, False),
        (16, 2, (), 1, False),
        (17, 3, (), 2, False),
        (23, 1, ("ana", "driss"), 0, False),
        (23, 2, ("ana",), 0, False),
        (24, 3, (), 2, False),
        (30, 1, ("driss", "lea"), 0, False),
        (30, 2, (), 1, False),
        (7, 1, ("ana", "driss"), 0, True),
        (7, 2, (), 1, False),
    ]


def test_what_is_removed_is_shown_to_nobody_and_cancelled_for_who_had_it() -> None:
    gone = make([shift(removed=MONDAY, changed=70)], [SignUp(1, "ana", MONDAY, None, 10)], {}, {})
    assert gone.between(MONDAY, SUNDAY, PARIS) == []
    (mine,) = gone.of("ana", MONDAY, SUNDAY, PARIS)
    assert (mine.cancelled, mine.changed) == (True, 70)


def test_an_agents_own_shifts_say_nothing_of_others() -> None:
    mine = rota().of("ana", MONDAY - 7 * DAY, MONDAY + 15 * DAY, PARIS)
    told = [(o.date.day, o.shift.id, o.people, o.cancelled, o.changed) for o in mine]
    assert told == [
        (16, 1, ("ana",), False, 10),
        (23, 1, ("ana",), False, 10),
        (23, 2, ("ana",), False, 40),
        (30, 1, ("ana",), True, 50),
        (7, 1, ("ana",), True, 60),
    ]


def at(day: date, clock: str) -> int:
    return int(datetime.combine(day, time.fromisoformat(clock), PARIS).timestamp()) * MICRO


@pytest.mark.parametrize(
    ("day", "clock", "expected"),
    [
        (MONDAY, "08:59", {}),
        (MONDAY, "09:00", {"ana": "09:00", "driss": "09:00"}),
        (MONDAY, "11:59", {"ana": "09:00", "driss": "09:00"}),
        (MONDAY, "12:00", {}),
        (MONDAY, "23:30", {"ana": "22:00"}),
        (MONDAY + DAY, "01:59", {"ana": "22:00"}),
        (MONDAY + DAY, "02:00", {}),
        (MONDAY + 14 * DAY, "10:00", {}),  # cancelled
    ],
)
def test_it_knows_who_is_expected_now(day: date, clock: str, expected: dict[str, str]) -> None:
    found = rota().expected(at(day, clock), PARIS)
    local = {
        agent: f"{datetime.fromtimestamp(since / MICRO, PARIS):%H:%M}"
        for agent, since in found.items()
    }
    assert local == expected


def test_it_knows_what_comes_next() -> None:
    told = []
    for day, clock in ((MONDAY, "08:00"), (MONDAY, "12:30"), (MONDAY + DAY, "01:00")):
        found = rota().coming("ana", at(day, clock), PARIS)
        assert found is not None
        told.append((found.shift.id, found.date))
    assert told == [(1, MONDAY), (2, MONDAY), (2, MONDAY)]
    assert rota().coming("ana", at(MONDAY + DAY, "03:00"), PARIS) is None
    assert rota().coming("nobody", at(MONDAY, "08:00"), PARIS) is None


def test_a_thousand_sign_ups_are_looked_through_quickly_enough_to_be_asked_often() -> None:
    """Not timed: the work is a sum over shifts and their own sign-ups, which this would show."""
    shifts = [shift(id, id % 7) for id in range(1, 50)]
    signups = [SignUp(1 + n % 49, f"a{n}", MONDAY, None, n) for n in range(2_500)]
    skips = {(1 + n % 49, f"a{n}", MONDAY + timedelta(n)): n for n in range(2_500)}
    big = make(shifts, signups, {}, skips)
    assert len(big.between(MONDAY, MONDAY + 28 * DAY, PARIS)) == 49 * 4
