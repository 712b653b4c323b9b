"""``decroche shift`` and ``decroche agent presence``: what they do, print, and refuse."""

import json
import re
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result

from decroche.cli import main
from decroche.dashboard import accounts
from decroche.records import feeds, people, presence, schema, shifts
from decroche.records.events import MICRO, now
from decroche.records.rota import DAY

SHAPE = """[line]
name = "Entraide"
[menu]
default = "visio"
[queues.visio]
label = "Visio, famille"
"""
TODAY = datetime.now(ZoneInfo("Europe/Paris")).date()
NEXT = TODAY + (0 - TODAY.weekday()) % 7 * DAY + 7 * DAY


@pytest.fixture
def line(tmp_path: Path) -> Path:
    (tmp_path / "hotline.toml").write_text(SHAPE, "utf-8")
    path = tmp_path / "decroche.db"
    schema.prepare(path)
    accounts.prepare(path)
    for name in ("ana", "bob"):
        people.add_agent(path, name, name.capitalize(), ["visio"])
    return tmp_path


def ask(line: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--dir", str(line), *words])


def well(line: Path, *words: str) -> str:
    done = ask(line, *words)
    assert done.exit_code == 0, done.output
    return done.output


def state(line: Path) -> tuple[str, int | None]:
    connection = schema.reader(line / "decroche.db")
    row = presence.one(connection, "ana")
    connection.close()
    assert row is not None
    return row["state"], row["until"]


def test_a_shift_from_the_terminal(line: Path) -> None:
    told = well(line, "shift", "add", "monday", "9:00-12:00", "--wanted", "2", "--queue", "visio")
    assert told.startswith("shift 1: every monday 9:00-12:00, 2 wanted")
    well(line, "shift", "sign-up", "1", "ana", "--date", str(NEXT))
    well(line, "shift", "sign-up", "1", "bob", "--date", str(NEXT), "--every-week")
    shown = json.loads(well(line, "shift", "show", "1", "--weeks", "3", "--json"))
    found = {row["date"]: (row["people"], row["places"], row["state"]) for row in shown}
    assert found[str(NEXT)] == ("ana bob", 0, "full")
    assert found[str(NEXT + 7 * DAY)] == ("bob", 1, "open")
    well(line, "shift", "withdraw", "1", "ana", "--date", str(NEXT))
    well(line, "shift", "cancel", "1", str(NEXT))
    (row,) = json.loads(well(line, "shift", "list", "--json"))
    assert (row["day"], row["hours"], row["queues"]) == ("monday", "09:00-12:00", "visio")
    assert row["next"] != str(NEXT)
    well(line, "shift", "cancel", "1", str(NEXT), "--undo")
    well(line, "shift", "withdraw", "1", "bob", "--date", str(NEXT), "--every-week")
    assert well(line, "shift", "show", "1", "--weeks", "1") != ""
    well(line, "shift", "remove", "1")
    assert "no shift yet" in ask(line, "shift", "list").output
    well(line, "shift", "remove", "1", "--undo")
    assert "monday" in well(line, "shift", "list")


def test_a_shift_is_changed_and_who_comes_stays(line: Path) -> None:
    well(line, "shift", "add", "monday", "09:00-12:00")
    well(line, "shift", "sign-up", "1", "ana", "--date", str(NEXT))
    well(line, "shift", "set", "1", "--hours", "10:00-11:00", "--wanted", "2")
    well(line, "shift", "set", "1", "--until", str(NEXT))
    (row,) = json.loads(well(line, "shift", "list", "--json"))
    assert (row["hours"], row["wanted"], row["until"]) == ("10:00-11:00", 2, str(NEXT))
    rota = shifts.read_from(line / "decroche.db")
    assert rota.people(rota.shifts[1], NEXT) == ("ana",)


def test_the_dates_that_are_full_are_named(line: Path) -> None:
    well(line, "shift", "add", "monday", "09:00-12:00")
    well(line, "shift", "sign-up", "1", "ana", "--date", str(NEXT + 7 * DAY))
    told = well(line, "shift", "sign-up", "1", "bob", "--date", str(NEXT), "--every-week")
    assert f"full: {NEXT + 7 * DAY}\n" in told


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("shift add monday 9-12", "write 09:00-12:00"),
        ("shift add monday 09:00-12:00 --queue nope", "there are: visio"),
        ("shift add someday 09:00-12:00", "monday"),
        ("shift add monday 09:00-12:00 --from 2026-02-30", "2026-02-30"),
        ("shift set 7 --wanted 2", "there is no shift 7"),
        ("shift set 7", "give --hours, --wanted or --until"),
        ("shift show 7", "there is no shift 7; 'decroche shift list' shows them"),
        ("shift remove 7", "there is no shift 7"),
        (f"shift sign-up 7 ana --date {NEXT}", "there is no shift 7"),
        ("shift calendar nobody", "there is no agent 'nobody'"),
        ("agent presence nobody away", "there is no agent 'nobody'"),
        ("agent presence ana away --for 20m", "with 'available' only"),
        ("agent presence ana available --for 20m --until 14:00", "not both"),
        ("agent presence ana available --for soon", "write 20m or 1h30"),
        ("agent presence ana available --until noon", "write 14:00"),
        ("agent edit ana --account Camille", "there is no account 'Camille'"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(line: Path, words: str, said: str) -> None:
    done = ask(line, *words.split())
    assert done.exit_code in (1, 2)
    assert said in " ".join(done.output.split())
    assert "Traceback" not in done.output


def test_presence_from_the_terminal(line: Path) -> None:
    told = well(line, "agent", "presence", "ana", "available", "--for", "20m")
    assert re.search(r"available until \d\d:\d\d, at once; nothing to apply", told)
    said, until = state(line)
    assert said == "available"
    assert until and 1_190 * MICRO < until - now() <= 1_200 * MICRO
    (row, _) = json.loads(well(line, "agent", "list", "--json"))
    assert re.fullmatch(r"\d\d:\d\d", row["until"])
    well(line, "agent", "presence", "ana", "pause")
    assert state(line) == ("paused", None)


def test_an_agents_account(line: Path) -> None:
    path = line / "decroche.db"
    accounts.claim(path, accounts.issue_code(path), "Camille", "une petite phrase")
    well(line, "agent", "edit", "ana", "--account", "Camille")
    assert accounts.sign_in(path, "camille", "une petite phrase").agent == "ana"
    well(line, "agent", "edit", "ana", "--account", "")
    assert accounts.sign_in(path, "camille", "une petite phrase").agent == ""


def test_a_link_from_the_terminal(line: Path) -> None:
    told = well(line, "shift", "calendar", "ana")
    found = re.search(r"/calendar/([A-Za-z0-9_-]{32})\.ics\n", told)
    assert found
    connection = schema.reader(line / "decroche.db")
    assert feeds.find(connection, found[1]) == feeds.Feed("ana")
    well(line, "shift", "calendar", "ana", "--revoke")
    assert feeds.find(connection, found[1]) is None
    connection.close()


def test_a_link_has_the_pages_public_address(line: Path) -> None:
    assert "Put your page's public address:\nhttp://127.0.0.1:8080/" in well(
        line, "shift", "calendar"
    )
    toml = line / "hotline.toml"
    address = '[network]\npage_url = "https://ligne.example.org"\n'
    toml.write_text(toml.read_text("utf-8") + address, "utf-8")
    told = well(line, "shift", "calendar")
    assert "Put your" not in told and "\nhttps://ligne.example.org/calendar/" in told


def test_a_list_has_the_lines_clocks_not_the_machines(line: Path) -> None:
    toml = line / "hotline.toml"
    shape = SHAPE.replace("[menu]", 'timezone = "Pacific/Kiritimati"\n[menu]')  # UTC+14
    toml.write_text(shape, "utf-8")
    told = well(line, "agent", "presence", "ana", "available", "--for", "20m")
    until = told.split("until ")[1][:5]
    assert f"\tavailable\t{until}\t" in well(line, "agent", "list")


def test_everybody_is_told_in_english_of_a_line_without_shifts(line: Path) -> None:
    assert shifts.read_from(line / "decroche.db").shifts == {}
    assert "decroche shift add monday" in ask(line, "shift", "list").output


def test_a_shift_that_is_removed_later_is_there_until_then(line: Path) -> None:
    well(line, "shift", "add", "monday", "09:00-12:00", "--from", f"{NEXT}")
    well(line, "shift", "set", "1", "--wanted", "2")
    well(line, "shift", "sign-up", "1", "ana", "--date", f"{NEXT}", "--every-week")
    end = NEXT + 21 * DAY
    assert f"removed from {end} on" in well(line, "shift", "remove", "1", "--from", f"{end}")
    (row,) = json.loads(well(line, "shift", "list", "--json"))
    assert (row["next"], row["until"]) == (f"{NEXT}", f"{end - DAY}")
    assert f"{NEXT + 7 * DAY}" in well(line, "shift", "show", "1")
    well(line, "shift", "withdraw", "1", "ana", "--date", f"{NEXT + 7 * DAY}")
    well(line, "shift", "sign-up", "1", "bob", "--date", f"{NEXT + 7 * DAY}")
    well(line, "shift", "cancel", "1", f"{NEXT}")
    well(line, "shift", "set", "1", "--wanted", "3")
    for words in (("sign-up", "1", "bob", "--date", f"{end}"), ("cancel", "1", f"{end}")):
        assert "there is no shift 1" in ask(line, "shift", *words).output
    assert "removed" in well(line, "shift", "remove", "1")  # earlier after all
    assert "there is no shift 1" in ask(line, "shift", "set", "1", "--wanted", "2").output
    assert "no shift yet" in ask(line, "shift", "list").output


def test_the_last_day_of_all_is_no_error_of_ours(line: Path) -> None:
    dates = ("--from", "9999-12-31", "--until", "9999-12-31")
    done = ask(line, "shift", "add", "monday", "09:00-12:00", *dates)
    assert done.exit_code == 1 and "there is no such day" in done.output
