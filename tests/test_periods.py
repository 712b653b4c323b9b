"""Days, weeks, months and years by the line's calendar, on every night of the year."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decroche.records import periods
from decroche.records.events import MICRO
from decroche.records.periods import KINDS, SLOT, FiguresError, Period, period

PARIS = ZoneInfo("Europe/Paris")
ZONES = st.sampled_from(
    ["Europe/Paris", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe", "Asia/Beirut"]
).map(ZoneInfo)
DATES = st.dates(date(2000, 2, 1), date(2060, 1, 1))


def at(text: str, zone: ZoneInfo = PARIS) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()) * MICRO


@given(st.sampled_from(KINDS), DATES, ZONES)
def test_periods_of_a_kind_follow_each_other_without_a_gap(
    kind: str, day: date, zone: ZoneInfo
) -> None:
    found = period(kind, day)
    assert found.first <= day <= found.last
    assert found.before().after == found.first and found.next().first == found.after
    assert found.next().before() == found
    since, until = found.bounds(zone)
    assert found.before().bounds(zone)[1] == since and found.next().bounds(zone)[0] == until
    assert until > since


@given(st.sampled_from(KINDS), DATES, ZONES, st.floats(0, 0.9999))
def test_every_moment_of_a_period_is_in_one_of_its_buckets(
    kind: str, day: date, zone: ZoneInfo, share: float
) -> None:
    found = period(kind, day)
    since, until = found.bounds(zone)
    moment = since + int((until - since) * share)
    (where,) = periods.local_hours({moment // SLOT}, zone).values()
    local = datetime.fromtimestamp(moment / MICRO, zone)
    assert where == (local.date(), local.hour)  # a slot never crosses an hour of the clock
    buckets = found.buckets()
    assert found.bucket(*where) in buckets
    assert buckets == sorted(set(buckets))
    assert (
        len(buckets) in {"day": {24}, "week": {7}, "month": set(range(28, 32)), "year": {12}}[kind]
    )


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-24", 24)]
)
def test_a_day_may_have_another_length(day: str, hours: int) -> None:
    since, until = period("day", date.fromisoformat(day)).bounds(PARIS)
    assert until - since == hours * 3600 * MICRO


@pytest.mark.parametrize(
    ("kind", "now", "cut"),
    [
        ("day", "2026-11-24T10:30", "2026-11-23T10:30"),
        ("day", "2026-03-30T10:30", "2026-03-29T10:30"),  # the day before has 23 hours
        ("day", "2026-03-30T02:30", "2026-03-29T03:30"),  # an hour that it does not have
        ("week", "2026-11-24T10:30", "2026-11-17T10:30"),
        ("month", "2026-11-24T10:30", "2026-10-24T10:30"),
        ("month", "2026-03-31T10:30", "2026-03-01T00:00"),  # February is over by then
        ("year", "2026-11-24T10:30", "2025-11-24T10:30"),
        ("day", "2026-11-25T00:00", "2026-11-25T00:00"),
    ],
)
def test_what_goes_on_is_compared_up_to_the_same_moment(kind: str, now: str, cut: str) -> None:
    day = date.fromisoformat(now[:10])
    present = period(kind, day)
    found = periods.same_moment(present.before(), present, at(now), PARIS)
    until = present.before().bounds(PARIS)[1]
    wanted = at(cut) if cut != now else present.before().bounds(PARIS)[0]
    assert found == min(wanted, until)


def test_what_is_over_is_compared_with_the_whole() -> None:
    past = period("week", date(2026, 3, 4))
    found = periods.same_moment(past.before(), past, at("2026-11-24T10:30"), PARIS)
    assert found == past.bounds(PARIS)[0]


def test_today_is_the_lines_own() -> None:
    """Half past eleven in London is tomorrow in Paris."""
    late = int(datetime(2026, 1, 31, 23, 30, tzinfo=UTC).timestamp()) * MICRO
    assert periods.parse("day", "", late, PARIS) == Period(
        "day", date(2026, 2, 1), date(2026, 2, 2)
    )
    assert periods.parse("month", "2026-02-28", late, PARIS).first == date(2026, 2, 1)
    with pytest.raises(FiguresError, match="has not begun") as refused:
        periods.parse("day", "2026-02-02", late, PARIS)
    assert refused.value.early


@pytest.mark.parametrize("text", ["tomorrow", "2026-13-01", "20261", "2026-02-30"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(FiguresError, match="is no date") as refused:
        periods.parse("day", text, at("2026-11-24T10:30"), PARIS)
    assert not refused.value.early


def test_the_ends_of_the_calendar_are_no_accident() -> None:
    assert periods.parse("week", "0001-01-01", at("2026-11-24"), PARIS).first.year == 2000
    for kind in KINDS:
        with pytest.raises(FiguresError):
            periods.parse(kind, "9999-12-31", at("2026-11-24"), PARIS)
    with pytest.raises(FiguresError, match="no period 'century'"):
        periods.period("century", date.today() - timedelta(1))
