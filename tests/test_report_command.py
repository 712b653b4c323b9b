"""``decroche report``: what it prints at a terminal, in a pipe, and when it is asked in vain."""

import csv
import io
import json
import sqlite3
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from decroche.cli import main
from decroche.records import exports, schema

from .calls import append, generate
from .test_figures import instant

SHAPE = """[line]
name = "Entraide"
[menu]
default = "visio"
choices = [{ key = "1", queue = "demarches", label = "Vos démarches" }]
[queues.demarches]
label = "Démarches"
[queues.visio]
label = "Visio, famille"
"""


@pytest.fixture
def line(tmp_path: Path) -> Path:
    (tmp_path / "hotline.toml").write_text(SHAPE, "utf-8")
    schema.prepare(tmp_path / "decroche.db")
    calls = generate(4, 120, instant("2026-03-02T08:00"), instant("2026-03-02T18:00"))
    append(tmp_path / "decroche.db", calls)
    return tmp_path


def ask(line: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--dir", str(line), "report", *words])


def test_in_a_pipe_it_is_plain_lines_with_tabs(line: Path) -> None:
    done = ask(line, "day", "--of", "2026-03-02")
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert lines[0] == "2026-03-02, Europe/Paris"
    assert lines[1].split("\t") == ["", "day", "day before"]
    assert lines[2].split("\t") == ["arrived", "120", "0"]
    titles = [text for text in lines if text.startswith("By ")]
    assert titles == ["By queue", "By topic", "By hour"]
    topic = lines.index("By topic")
    assert lines[topic + 1].split("\t")[:3] == ["topic", "arrived", "answered"]
    assert lines[topic + 2].startswith("Vos démarches\t")
    assert any(text.startswith("(no key pressed)\t") for text in lines)
    assert "\x1b" not in done.output


def test_on_a_terminal_it_is_tables(line: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("decroche.commands.printing.on_a_terminal", lambda: True)
    done = ask(line, "month", "--of", "2026-03-31")
    assert done.exit_code == 0
    assert "\t" not in done.output
    assert "month before" in done.output and "By weekday" in done.output


def test_json_and_csv_hold_the_same_calls(line: Path) -> None:
    found = json.loads(ask(line, "week", "--of", "2026-03-04", "--json").output)
    text = ask(line, "week", "--of", "2026-03-04", "--csv").output
    rows = list(csv.DictReader(io.StringIO(text)))
    assert found["totals"]["arrived"] == sum(int(row["arrived"]) for row in rows) == 120
    assert {row["label"] for row in rows} == {"Démarches", "Visio, famille", ""}


def test_one_queue_alone(line: Path) -> None:
    found = json.loads(ask(line, "day", "--of", "2026-03-02", "--queue", "visio", "--json").output)
    assert [part["key"] for part in found["by_queue"]] == ["visio"]
    assert 0 < found["totals"]["arrived"] < 120


@pytest.mark.parametrize("kind", ["day", "week", "month", "year"])
def test_without_a_date_it_is_the_present_one(line: Path, kind: str) -> None:
    found = json.loads(ask(line, kind, "--json").output)
    today = datetime.now(UTC).date()
    first, last = date.fromisoformat(found["first"]), date.fromisoformat(found["last"])
    assert first - timedelta(1) <= today <= last + timedelta(1)
    assert found["before"]["last"] == str(first - timedelta(1))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["day", "--of", "someday"], "'someday' is no date; write it as 20"),
        (["month", "--of", "2999-01-01"], "has not begun yet; today is 20"),
        (["day", "--queue", "nothing"], "no queue 'nothing'; there are: demarches, visio"),
    ],
)
def test_what_is_asked_in_vain_is_told_in_a_sentence(
    line: Path, words: list[str], said: str
) -> None:
    done = ask(line, *words)
    assert done.exit_code == 1 and said in done.output


def test_two_formats_at_once_are_a_wrong_usage(line: Path) -> None:
    done = ask(line, "day", "--csv", "--json")
    assert done.exit_code == 2 and "choose one of" in done.output


def test_a_record_that_cannot_be_read_is_told_in_a_sentence(line: Path) -> None:
    (line / "decroche.db").write_bytes(b"no database" * 100)
    done = ask(line, "day")
    assert done.exit_code == 1 and "decroche.db: cannot be read" in done.output
    sqlite3.connect(line / "empty.db").close()
    (line / "empty.db").replace(line / "decroche.db")
    assert "'decroche init' brings an older line up to date" in ask(line, "day").output
    for path in line.glob("decroche.db*"):
        path.unlink()
    done = ask(line, "day")
    assert done.exit_code == 1 and "'decroche init' makes one" in done.output


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "–"), (7, "0:07"), (185, "3:05"), (7265, "2:01:05")]
)
def test_a_duration_is_written_as_on_a_clock(seconds: int | None, text: str) -> None:
    assert exports.lasted(seconds) == text
