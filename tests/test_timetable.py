"""The hours changed and shown by commands; and the dialplan's own hours decide alike."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from decroche.asterisk import apply as applying
from decroche.asterisk.hours import YEARS, QueueHours, openings, year_mark
from decroche.cli import main
from decroche.hotline import DAYS, load, parse
from decroche.records import agenda, kinds, switch
from decroche.records.events import now
from decroche.records.folder import Folder
from decroche.records.opening import Opening, as_instant
from decroche.records.schema import prepare

from .test_opening_any import openings as any_opening

EXAMPLE = Path(__file__).parent.parent / "configs" / "hotline.toml"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path)
    folder.hotline.write_text(EXAMPLE.read_text("utf-8"), "utf-8")
    prepare(folder.database)
    return folder


def typed(folder: Folder, *words: str, refused: str = "") -> str:
    """Type a command; what it prints, or the error that is expected."""
    done = CliRunner().invoke(main, ["--dir", str(folder.root), "hours", *words])
    if refused:
        assert done.exit_code != 0 and refused in done.stderr, done.output
    else:
        assert done.exit_code == 0, done.output
    return done.stdout


def comments(folder: Folder) -> list[str]:
    text = folder.hotline.read_text("utf-8")
    return [line for line in text.splitlines() if line.startswith("#")]


# Commands that change hotline.toml.


def test_it_sets_days_and_keeps_comments(folder: Folder) -> None:
    before = comments(folder)
    told = typed(folder, "set", "monday", "09:00-12:00", "14:00-18:00")
    assert told.splitlines() == [
        '-monday = ["09:00-18:00"]',
        '+monday = ["09:00-12:00", "14:00-18:00"]',
        "Next: decroche apply",
    ]
    typed(folder, "set", "weekend", "10:00-12:00")
    typed(folder, "set", "tuesday-thursday", "closed")
    hours = load(folder.hotline).hours
    assert hours is not None
    assert (hours.saturday, hours.sunday) == (["10:00-12:00"],) * 2
    assert (hours.tuesday, hours.thursday, hours.friday) == ([], [], ["09:00-18:00"])
    assert comments(folder) == before


def test_a_new_key_stands_below_its_commented_default(folder: Folder) -> None:
    typed(folder, "holiday", "--region", "FR-GP")
    lines = folder.hotline.read_text("utf-8").splitlines()
    assert lines[lines.index('holidays = "FR-GP"') - 1].startswith("# holidays")


def test_a_queue_gets_hours_of_its_own_and_gives_them_back(folder: Folder) -> None:
    typed(folder, "set", "monday", "14:00-17:00", "--queue", "visio")
    queue = load(folder.hotline).queues["visio"]
    assert queue.hours is not None
    # Nothing changes but what was asked for.
    assert (queue.hours.monday, queue.hours.friday) == (["14:00-17:00"], ["09:00-18:00"])
    typed(folder, "set", "--same-as-line", "--queue", "visio")
    assert load(folder.hotline).queues["visio"].hours is None


def test_a_line_that_was_always_open_stays_so_on_the_other_days(folder: Folder) -> None:
    text = folder.hotline.read_text("utf-8")
    begin, end = text.index("[hours]"), text.index("# Pressing nothing")
    folder.hotline.write_text(text[:begin] + text[end:], "utf-8")
    typed(folder, "set", "sunday", "closed")
    hours = load(folder.hotline).hours
    assert hours is not None and hours.sunday == []
    assert all(getattr(hours, day) == ["00:00-24:00"] for day in DAYS[:6])


def test_days_that_differ_come_and_go(folder: Folder) -> None:
    day = date.today() + timedelta(days=40)
    typed(folder, "holiday", day.isoformat(), "09:00-12:00", "14:00-16:00")
    opening = Opening(load(folder.hotline))
    assert (opening.day(day).why, len(opening.day(day).periods)) == ("open", 2)
    typed(folder, "holiday", day.isoformat(), "closed")
    hours = load(folder.hotline).hours
    assert hours is not None and (hours.open, hours.closed) == ([], [day])
    typed(folder, "holiday", day.isoformat(), "--remove")
    typed(folder, "set", "holidays", "10:00-12:00")
    typed(folder, "holiday", "--region", "FR")
    rows = json.loads(typed(folder, "holiday", "--json"))
    assert {row["why"] for row in rows} >= {"holiday: Noël", "holiday: Ascension"}
    assert {row["hours"] for row in rows} == {"10:00-12:00"}
    typed(folder, "holiday", "--region", "none")
    assert json.loads(typed(folder, "holiday", "--json")) == []


@pytest.mark.parametrize(
    ("words", "refused"),
    [
        (["set"], "write a DAY"),
        (["set", "lundi", "09:00-12:00"], "'lundi' is no day"),
        (["set", "friday-monday", "09:00-12:00"], "is no day"),
        (["set", "monday"], "write when it is open"),
        (["set", "monday", "9-12"], "not a period"),
        (["set", "monday", "09:00-12:00", "11:00-13:00"], "two periods overlap"),
        (["set", "monday", "09:00-12:00", "--queue", "gone"], "there are: demarches, visio"),
        (["set", "--same-as-line"], "goes with --queue"),
        (["holiday", "--region", "FR-QQ"], "FR-GP"),
        (["holiday", "--remove"], "--remove wants a DAY"),
        (["holiday", "2026-12-24"], "write when it is open"),
        (["holiday", "24/12"], "does not match"),
        (["close"], "nothing is in force yet; type: decroche apply"),
    ],
)
def test_what_makes_no_sense_changes_nothing(
    folder: Folder, words: list[str], refused: str
) -> None:
    before = folder.hotline.read_text("utf-8")
    typed(folder, *words, refused=refused)
    assert folder.hotline.read_text("utf-8") == before


def test_a_queue_cannot_be_rid_of_the_public_holidays_of_the_line(folder: Folder) -> None:
    typed(folder, "holiday", "--region", "FR")
    before = folder.hotline.read_text("utf-8")
    wanted = "hours set holidays 09:00-18:00 --queue visio"
    typed(folder, "holiday", "--region", "none", "--queue", "visio", refused=wanted)
    assert folder.hotline.read_text("utf-8") == before
    typed(folder, "holiday", "--region", "FR-GP", "--queue", "visio")
    typed(folder, "holiday", "--region", "none", "--queue", "visio")
    own = load(folder.hotline).queues["visio"].hours
    assert own is not None and own.holidays is None


# What is shown.


@pytest.fixture
def applied(folder: Folder) -> Folder:
    """Without Asterisk: what is in force is a copy."""
    place = folder.pbx / "etc.1"
    place.mkdir(parents=True)
    folder.etc.symlink_to(place.name)
    folder.applied.write_text(folder.hotline.read_text("utf-8"), "utf-8")
    return folder


def shown(folder: Folder) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(typed(folder, "show", "--json"))
    return found


def test_it_shows_what_is_in_force_and_why(applied: Folder) -> None:
    hotline = load(applied.applied)
    found = shown(applied)
    assert len(found["days"]) == agenda.WEEK and found["applied"]
    assert found["now"][0]["what"] == "line" and found["now"][0]["why"] == "week"
    until = now() + 3_600_000_000
    switch.throw(
        applied.database, hotline, "closed", "Camille", until=until, text="Oui.", queue="visio"
    )
    rows = {row["what"]: row for row in shown(applied)["now"]}
    assert rows["visio"]["why"] == "switch, by Camille" and rows["visio"]["said"] == "Oui."
    typed(applied, "set", "monday", "09:00-10:00")
    assert not shown(applied)["applied"]
    assert "visio: closed until " in typed(applied, "show")


def test_the_switch_is_thrown_by_command(applied: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("decroche.asterisk.switching.find_release", lambda home: None)
    told = typed(applied, "close", "--until", "24:00", "--say", "À demain.", "--now")
    assert "the line is closed until" in told and "who waits is told so now" in told
    assert "nothing here can speak that text" in told  # and it is closed all the same
    (thrown,) = switch.read_from(applied.database).values()
    assert (thrown.state, thrown.text, thrown.sound, thrown.clears) == (
        kinds.SWITCH[kinds.LINE_CLOSED],
        "À demain.",
        "",
        True,
    )
    assert "goes by its hours" in typed(applied, "auto")
    typed(applied, "open", "--until", "2020-01-01", refused="has passed")
    typed(applied, "short", "--queue", "gone", refused="there are: demarches, visio")


# The dialplan's own hours.


def decide(found: list[QueueHours], local: datetime) -> str:
    """As extensions.conf.j2 does it: the queue that takes a caller, or "closed"."""
    clock, minute = 10000 + local.hour * 100 + local.minute, f"{local:%H:%M}"
    for one in found:
        days = dict(one.days)
        if (periods := days.get(local.date().isoformat())) is not None:
            if any(begin <= clock < end for begin, end in periods):
                return one.queue
        elif one.week is None:
            return one.queue
        else:
            name = DAYS[local.weekday()][:3]
            spans = [span.split("-") for day, span in one.week if day == name]
            if any(begin <= minute <= end for begin, end in spans):
                return one.queue
    return "closed"


@given(any_opening(), st.integers(0, 5 * 24 * 60))
def test_the_dialplan_decides_by_the_hours_as_we_do(
    made: tuple[Opening, int], minutes: int
) -> None:
    hotline = made[0].hotline
    here = as_instant(datetime(2026, 3, 27, tzinfo=UTC)) + minutes * 60_000_000
    opening = Opening(hotline)
    expected = opening.open_queue(here, hotline.menu.default) if opening.is_open(here) else "closed"
    local = datetime.fromtimestamp(here // 1_000_000, hotline.zone)
    assert decide(openings(hotline, 2026), local) == expected


def test_days_that_differ_are_written_out_for_some_years() -> None:
    text = EXAMPLE.read_text("utf-8").replace("# holidays", "holidays", 1)
    (found, _) = openings(parse(text), 2026)
    days = [day for day, periods in found.days]
    assert days == sorted(days) and len(days) == 11 * YEARS
    assert {day[:4] for day in days} == {"2026", "2027", "2028"}
    assert all(periods == [] for day, periods in found.days)


def test_another_year_is_noticed(applied: Folder) -> None:
    etc = applied.etc / "extensions.conf"
    year = datetime.now(UTC).year
    etc.write_text(f"; {year_mark(year)}\n", "utf-8")
    assert applying.is_of_this_year(applied)
    etc.write_text(f"; {year_mark(year - 1)}\n", "utf-8")
    assert not applying.is_of_this_year(applied)
