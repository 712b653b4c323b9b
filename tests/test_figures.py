"""The figures of a period against an independent model, on every kind of day."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from decroche import hotline
from decroche.hotline import DAYS
from decroche.records import figures, kinds, ledger, schema, views
from decroche.records.events import MICRO, now
from decroche.records.figures import Part, Report
from decroche.records.periods import period
from decroche.records.store import Store

from .calls import LINE, PARIS, Call, append, generate, model, unreached

HENRI, ALICE = "aa" * 16, "bb" * 16


@pytest.fixture
def path(tmp_path: Path) -> Path:
    schema.prepare(tmp_path / "decroche.db")
    return tmp_path / "decroche.db"


def report(path: Path, kind: str, day: str, queue: str = "", at: int | None = None) -> Report:
    found = period(kind, date.fromisoformat(day))
    return figures.of_line(path, LINE, found, queue, at or now())


def instant(text: str, zone: ZoneInfo = PARIS) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()) * MICRO


def call(number: int, at: str | int, way: str = "talk", **values: object) -> Call:
    arrived = instant(at) if isinstance(at, str) else at
    fields = {"caller": HENRI, "key": "1", "queue": "demarches", "waits": 10 * MICRO}
    return Call(number=number, arrived=arrived, way=way, **(fields | {"talks": MICRO} | values))  # type: ignore[arg-type]


def counts(parts: Sequence[Part]) -> dict[str, tuple[int, int]]:
    """Key -> (arrived, answered), of those that had calls."""
    return {
        part.key: (part.totals.arrived, part.totals.answered)
        for part in parts
        if part.totals.arrived
    }


@pytest.mark.parametrize("seed", range(3))
def test_a_generated_month_is_as_it_was(path: Path, seed: int) -> None:
    calls = generate(seed, 1500, instant("2026-02-20"), instant("2026-04-05"))
    append(path, calls)
    month = [c for c in calls if f"{c.local():%Y-%m}" == "2026-03"]
    found = report(path, "month", "2026-03-17")
    assert asdict(found.totals) == model(month)
    keys: tuple[tuple[list[Part], Callable[[Call], str]], ...] = (
        (found.by_time, lambda c: f"{c.local():%F}"),
        (found.by_hour, lambda c: str(c.local().hour)),
        (found.by_weekday, lambda c: DAYS[c.local().weekday()]),
        (found.by_queue, lambda c: c.queue if c.has_queue else ""),
        (found.by_topic, lambda c: c.key if c.has_queue else ""),
    )
    for parts, key in keys:
        for part in parts:
            assert asdict(part.totals) == model([c for c in month if key(c) == part.key]), part.key
        assert {part.key for part in parts} >= {key(c) for c in month}
    for time, queue, totals in found.by_time_and_queue:
        of = [c for c in month if (f"{c.local():%F}", c.queue * c.has_queue) == (time, queue)]
        assert asdict(totals) == model(of)
    since = [c for c in calls if c.arrived >= instant("2026-03-01")]
    missed = found.unreached
    assert (missed.callers, missed.withheld) == unreached(month, since)
    before = [c for c in calls if f"{c.local():%Y-%m}" == "2026-02"]
    assert asdict(found.before.totals) == model(before)


def test_one_queue_alone(path: Path) -> None:
    calls = generate(7, 400, instant("2026-03-02"), instant("2026-03-04"))
    append(path, calls)
    found = report(path, "week", "2026-03-03", "visio")
    visio = [c for c in calls if c.has_queue and c.queue == "visio"]
    assert asdict(found.totals) == model(visio)
    assert counts(found.by_queue).keys() == {"visio"}
    assert (found.unreached.callers, found.unreached.withheld) == unreached(visio, calls)


def test_the_board_counts_the_same(path: Path) -> None:
    append(path, generate(1, 300, instant("2026-03-02"), instant("2026-03-03")))
    with closing(schema.reader(path)) as connection:
        board = views.figures(connection, instant("2026-03-02"))
    found = report(path, "day", "2026-03-02").totals
    assert board.arrived == found.arrived == 300
    assert (board.answered, board.abandoned) == (found.answered, found.abandoned)
    assert (board.closed, board.unanswered) == (found.closed, sum(found.unanswered.values()))


@pytest.mark.parametrize(
    ("day", "hours", "at_two", "at_three"),
    [("2026-03-29", 23, (0, 0), (4, 4)), ("2026-10-25", 25, (8, 8), (4, 4))],
)
def test_nights_of_23_and_25_hours(
    path: Path, day: str, hours: int, at_two: tuple[int, int], at_three: tuple[int, int]
) -> None:
    """A call each quarter of an hour from midnight to midnight, and one before and after."""
    since, until = instant(day), instant(day) + hours * 3600 * MICRO
    quarter = 15 * 60 * MICRO
    moments = range(since - quarter, until + 1, quarter)
    append(path, [call(number, at) for number, at in enumerate(moments, 1)])
    found = report(path, "day", day)
    assert found.totals.arrived == 4 * hours
    assert (found.since, found.until) == (since, until)
    by_hour = counts(found.by_hour)
    assert by_hour.get("2", (0, 0)) == at_two
    assert by_hour["3"] == at_three
    assert [part.key for part in found.by_time] == [f"{day} {hour:02}:00" for hour in range(24)]
    assert counts(report(path, "week", day).by_time)[day] == (4 * hours, 4 * hours)


def test_hours_of_zones_that_are_no_whole_hours_away(path: Path) -> None:
    shape = '[line]\nname = "K"\ntimezone = "Asia/Kathmandu"\n[menu]\ndefault = "q"\n'
    line = hotline.parse(shape + '[queues.q]\nlabel = "Q"\n')
    zone = ZoneInfo("Asia/Kathmandu")
    moments = ("2026-03-01T23:59:59", "2026-03-02T00:00", "2026-03-02T00:59:59", "2026-03-02T01:00")
    append(path, [call(n, instant(text, zone)) for n, text in enumerate(moments, 1)])
    found = figures.of_line(path, line, period("day", date(2026, 3, 2)), "", now())
    assert counts(found.by_hour) == {"0": (2, 2), "1": (1, 1)}


def test_a_period_without_calls(path: Path) -> None:
    found = report(path, "month", "2026-03-01")
    totals = found.totals
    assert (totals.arrived, totals.wait_median, totals.service_level) == (0, None, None)
    assert [part.key for part in found.by_queue] == ["demarches", "visio"]
    assert [part.label for part in found.by_topic] == ["Vos démarches", "La visio"]
    assert (len(found.by_time), found.by_hour, len(found.by_weekday)) == (31, [], 7)


def test_who_was_talked_to_later_is_not_never_answered(path: Path) -> None:
    append(path, [call(1, "2026-03-02T10:00", "waiting"), call(2, "2026-03-02T11:00", "overflow")])
    append(path, [call(3, "2026-03-02T11:00", "waiting", caller=ALICE)])
    assert report(path, "day", "2026-03-02").unreached.callers == 2
    append(path, [call(4, "2026-03-09T10:00", "talk", queue="visio")])
    assert report(path, "day", "2026-03-02").unreached.callers == 1
    assert report(path, "day", "2026-03-02", "demarches").unreached.callers == 1
    ledger.close(path, ALICE, "camille", "talked")
    assert report(path, "day", "2026-03-02").unreached.callers == 0


def test_an_entry_that_was_closed_without_a_talk_is_still_never_answered(path: Path) -> None:
    append(path, [call(1, "2026-03-02T10:00", "waiting")])
    ledger.close(path, HENRI, "camille", "not-needed")
    assert report(path, "day", "2026-03-02").unreached.callers == 1


def test_who_was_answered_before_and_not_again_that_day_was_answered(path: Path) -> None:
    append(path, [call(1, "2026-03-02T10:00"), call(2, "2026-03-02T11:00", "waiting")])
    assert report(path, "day", "2026-03-02").unreached.callers == 0
    append(path, [call(3, "2026-03-03T11:00", "waiting")])
    assert report(path, "day", "2026-03-03").unreached.callers == 1
    assert report(path, "week", "2026-03-03").unreached.callers == 0


def test_an_outcome_that_is_new_is_counted_under_its_own_name(path: Path) -> None:
    append(path, [call(1, "2026-03-02T10:00", "overflow")])
    store = Store(path)
    store.connection.execute("UPDATE calls SET outcome = 'sang-a-song'")
    store.close()
    totals = report(path, "day", "2026-03-02").totals
    assert totals.unanswered == {"sang-a-song": 1}
    assert (totals.arrived, totals.decided, totals.in_time) == (1, 1, 0)


def test_a_period_that_goes_on_is_compared_with_as_much_of_the_one_before(path: Path) -> None:
    append(path, [call(n, f"2026-03-02T{hour}:00") for n, hour in enumerate((10, 12, 15), 1)])
    noon = instant("2026-03-03T12:30")
    found = report(path, "day", "2026-03-03", at=noon).before
    assert (found.totals.arrived, found.until_then) == (2, True)
    assert (found.first, found.last) == ("2026-03-02", "2026-03-02")
    found = report(path, "day", "2026-03-03", at=instant("2026-03-04")).before
    assert (found.totals.arrived, found.until_then) == (3, False)


# Where callers gave up, as the journal tells it in any order.


@pytest.mark.parametrize("stage", kinds.GAVE_UP)
def test_it_is_known_where_a_caller_gave_up(path: Path, stage: str) -> None:
    append(path, [call(1, "2026-03-02T10:00", stage)])
    assert report(path, "day", "2026-03-02").totals.abandoned_in[stage] == 1


def test_a_ring_that_ends_with_its_call_still_rang(path: Path) -> None:
    events = call(1, "2026-03-02T10:00", "ringing").events()
    end = events[-1]
    ring = {"agent": "ana", "offer": "o-1", "cause": "0"}
    quiet = type(end)(id="o", at=end.at - 1000, kind=kinds.OFFER_ENDED, call="b-1", body=ring)
    store = Store(path)
    store.append([*events[:-1], quiet, end])
    store.close()
    assert report(path, "day", "2026-03-02").totals.abandoned_in["ringing"] == 1


def test_what_is_learnt_after_the_end_may_have_come_further(path: Path) -> None:
    events = call(1, "2026-03-02T10:00", "waiting").events()
    store = Store(path)
    store.append([*events[:2], events[-1]])
    assert report(path, "day", "2026-03-02").totals.abandoned_in["greeting"] == 1
    store.append(events)
    store.close()
    assert report(path, "day", "2026-03-02").totals.abandoned_in["waiting"] == 1


def test_a_call_taken_for_interrupted_may_turn_out_answered(path: Path) -> None:
    events = call(1, "2026-03-02T10:00").events()
    gone = type(events[0])(
        id="gone", at=events[-1].at, kind=kinds.ENDED, call="b-1", body={"outcome": "interrupted"}
    )
    store = Store(path)
    store.append([*events[:3], gone])
    assert report(path, "day", "2026-03-02").totals.unanswered == {"interrupted": 1}
    store.append(events)
    (row,) = store.connection.execute("SELECT outcome, gave_up FROM calls").fetchall()
    store.close()
    assert tuple(row) == ("answered", None)
