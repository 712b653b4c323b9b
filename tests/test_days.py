"""Days that are counted for good: their calls may go, their figures stay."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, fields
from datetime import date, timedelta
from pathlib import Path

import pytest

from decroche.records import days, figures, kinds, rebuild, schema
from decroche.records.events import MICRO, now
from decroche.records.figures import Part, Report
from decroche.records.periods import FiguresError, period
from decroche.records.spread import bucket
from decroche.records.store import Store
from decroche.records.tally import Totals

from .calls import LINE, PARIS, append, generate
from .test_figures import call, instant

FIRST, LAST = date(2026, 3, 23), date(2026, 4, 4)  # with the night of 23 hours
DURATIONS = ("wait_median", "wait_p90", "talk_median")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    schema.prepare(tmp_path / "decroche.db")
    append(tmp_path / "decroche.db", generate(3, 900, instant(f"{FIRST}"), instant("2026-04-05")))
    return tmp_path / "decroche.db"


def count_days(path: Path, first: date, last: date) -> None:
    store = Store(path)
    with store.transaction():
        for n in range((last - first).days + 1):
            store.add(days.count_day(store.connection, first + timedelta(n), PARIS))
    store.close()


def delete_calls(path: Path, before: int) -> int:
    """What a purge does: the calls and their events, from the first on. How many they were."""
    store = Store(path)
    with store.transaction():
        upto = days.deletable(store.connection, before)
        gone = "SELECT call FROM calls WHERE number <= ?"
        store.connection.execute(f"DELETE FROM journal WHERE call IN ({gone})", (upto,))
        store.connection.execute(f"DELETE FROM offers WHERE call IN ({gone})", (upto,))
        found = store.connection.execute("DELETE FROM calls WHERE number <= ?", (upto,)).rowcount
    store.close()
    return found


def report(path: Path, kind: str, day: date, queue: str = "") -> Report:
    return figures.of_line(path, LINE, period(kind, day), queue, now())


def same(found: Totals, exact: Totals) -> None:
    """Everything equal; what half and nine tenths stay below, to within a bucket."""
    for field in fields(Totals):
        was, is_ = getattr(exact, field.name), getattr(found, field.name)
        if field.name in DURATIONS and was is not None:
            was = bucket(was)
        assert is_ == was, field.name


def by_key(parts: list[Part]) -> Mapping[str, Totals]:
    return {part.key: part.totals for part in parts if part.totals.arrived}


@pytest.mark.parametrize("queue", ["", "demarches"])
@pytest.mark.parametrize("kind", ["day", "week", "month", "year"])
@pytest.mark.parametrize("counted_to", [LAST, date(2026, 3, 29)], ids=["all", "some"])
def test_a_report_of_counted_days_is_that_of_their_calls(
    path: Path, kind: str, queue: str, counted_to: date
) -> None:
    exact = report(path, kind, FIRST, queue)
    count_days(path, FIRST, counted_to)
    gone = delete_calls(path, instant(f"{counted_to + timedelta(1)}"))
    assert gone > 300
    found = report(path, kind, FIRST, queue)
    if counted_to == LAST or kind in ("day", "week"):  # else only some durations are in buckets
        same(found.totals, exact.totals)
    assert found.unreached.withheld == exact.unreached.withheld
    for name in ("by_time", "by_queue", "by_topic", "by_hour", "by_weekday"):
        was, is_ = by_key(getattr(exact, name)), by_key(getattr(found, name))
        assert was.keys() == is_.keys(), name
        for key, totals in was.items():
            assert asdict(is_[key])["abandoned_in"] == totals.abandoned_in
            assert (is_[key].answered, is_[key].in_time) == (totals.answered, totals.in_time)
            assert (is_[key].talk_total, is_[key].wait_mean) == (
                totals.talk_total,
                totals.wait_mean,
            )
    if kind == "day":
        assert found.unreached == exact.unreached
    else:
        assert found.unreached.callers >= exact.unreached.callers


def test_it_names_no_caller_and_no_agent(path: Path) -> None:
    with closing(schema.reader(path)) as connection:
        event = days.count_day(connection, FIRST, PARIS)
        callers = {row[0] for row in connection.execute("SELECT caller FROM calls")} - {None}
    assert event.id == f"day.counted:{FIRST}"
    text = str(event.body)
    assert len(text) > 1000
    assert "ana" not in text.replace("unanswered", "")
    assert not [caller for caller in callers if caller in text]


def test_a_day_is_counted_once(path: Path) -> None:
    count_days(path, FIRST, FIRST)
    before = report(path, "day", FIRST)
    append(path, [call(901, f"{FIRST}T10:00")])
    count_days(path, FIRST, FIRST)
    assert report(path, "day", FIRST) == before


def test_a_day_that_goes_on_is_not_counted(path: Path) -> None:
    with closing(schema.reader(path)) as connection:
        with pytest.raises(FiguresError, match="not over"):
            days.count_day(connection, date.today() + timedelta(1), PARIS)


def test_it_knows_which_days_are_to_be_counted(path: Path) -> None:
    with closing(schema.reader(path)) as connection:
        found = days.uncounted(connection, instant("2026-03-26"), PARIS)
        assert found == [date(2026, 3, day) for day in (23, 24, 25)]
    count_days(path, FIRST, date(2026, 3, 24))
    with closing(schema.reader(path)) as connection:
        assert days.uncounted(connection, instant("2026-03-26"), PARIS) == [date(2026, 3, 25)]


def numbers(path: Path) -> list[int]:
    with closing(schema.reader(path)) as connection:
        return [row[0] for row in connection.execute("SELECT number FROM calls ORDER BY number")]


def test_a_number_is_never_given_twice(path: Path) -> None:
    count_days(path, FIRST, LAST)
    assert delete_calls(path, instant("2026-04-05")) == 900
    append(path, [call(901, "2026-04-05T10:00")])
    assert numbers(path) == [901]


def of_calls(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """What is computed from the events of calls and days alone."""
    found = rebuild.projections(path)
    return {table: found[table] for table in ("calls", "offers", "days")}


def test_a_number_costs_one_statement(path: Path) -> None:
    count_days(path, FIRST, LAST)
    store, said = Store(path), list[str]()
    store.connection.set_trace_callback(said.append)
    for number in (901, 902):
        store.append(call(number, "2026-04-05T10:00").events())
    store.close()
    assert len([sql for sql in said if "days" in sql]) == 1
    assert len([sql for sql in said if "max(number)" in sql]) == 1


@pytest.mark.parametrize("purged", [0, 1, 2], ids=["nothing", "once", "twice"])
def test_a_rebuild_is_the_same_whatever_was_deleted(path: Path, purged: int) -> None:
    count_days(path, FIRST, date(2026, 3, 25))
    if purged:
        assert delete_calls(path, instant("2026-03-26")) > 100
    append(path, [call(901, "2026-04-05T10:00")])
    count_days(path, date(2026, 3, 26), date(2026, 3, 27))
    if purged > 1:
        assert delete_calls(path, instant("2026-03-28")) > 100
    before = of_calls(path)
    assert len(before["days"]) == 5
    rebuild.rebuild(path)
    assert of_calls(path) == before


def test_calls_that_came_late_to_the_journal_do_not_shift_the_numbers(path: Path) -> None:
    """One of the first day is learnt of last: it stays as long as calls before it do."""
    append(path, [call(901, f"{FIRST}T10:00")])
    count_days(path, FIRST, LAST)
    found = report(path, "day", FIRST).totals
    assert delete_calls(path, instant("2026-03-30")) < 901
    assert 901 in numbers(path)
    assert report(path, "day", FIRST).totals == found  # not counted twice
    before = of_calls(path)
    rebuild.rebuild(path)
    assert of_calls(path) == before


def test_an_older_line_gets_the_table(tmp_path: Path) -> None:
    """As version five left it: no days, and nobody knows where callers gave up."""
    path = tmp_path / "old.db"
    schema.prepare(path)
    append(path, [call(1, "2026-03-02T10:00", "ringing")])
    store = Store(path)
    for sql in (
        "DROP TABLE days",
        "ALTER TABLE calls DROP COLUMN gave_up",
        "DELETE FROM _sqlite_migrations WHERE name = 'm008_days'",
    ):
        store.connection.execute(sql)
    store.close()
    schema.prepare(path)
    found = report(path, "day", date(2026, 3, 2)).totals
    assert found.abandoned_in["waiting"] == 1  # as near as its row tells
    rebuild.rebuild(path)
    assert report(path, "day", date(2026, 3, 2)).totals.abandoned_in["ringing"] == 1
    with closing(schema.reader(path)) as connection:
        sql = "SELECT count(*) FROM journal WHERE kind = ? AND at > ?"
        assert connection.execute(sql, (kinds.DAY_COUNTED, MICRO)).fetchone()[0] == 0
