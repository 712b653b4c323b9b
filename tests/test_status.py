"""``decroche status``: the line on one screen, up and down, once and again and again."""

import json
import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from decroche.asterisk import overview as room
from decroche.asterisk.overview import Agents, Calls, Overview, Part, Thrown
from decroche.cli import main
from decroche.commands.status import screen
from decroche.records import kinds, people
from decroche.records.events import MICRO
from decroche.records.views import Figures

from .conftest import Open
from .live import LiveLine, until

TOWN = """
[menu]
default = "demarches"
[queues.demarches]
label = "Démarches"
wrap_up = 0
"""
AT = 1_795_575_600 * MICRO  # 25 November 2026, 04:00 in Paris
WELL = Overview(
    at=AT,
    name="Entraide",
    timezone="Europe/Paris",
    open=True,
    changes=AT + 3600 * MICRO,
    parts=(Part("Asterisk", "up", AT - 60 * MICRO, "22.10.1, 3 calls"), Part("page", "up")),
    trunks={"provider": "registered"},
    calls=Calls(menu=1, waiting=2, oldest=AT - 72 * MICRO, ringing=1, talking=3),
    agents=Agents(free=1, on_calls=3, away=2),
    today=Figures(9, 5, 2, 1, 1),
    owed=3,
    promised=2,
    unheard=1,
    backup=AT - 86_400 * MICRO,
)


def shown(found: Overview) -> str:
    return "\n".join(screen(found))


def test_one_screen_says_it_all() -> None:
    text = shown(WELL)
    assert text.startswith("Entraide   Wednesday 25 November 2026, 04:00:00\nopen until 05:00\n")
    for part in (
        "Asterisk       up      since 03:59  22.10.1, 3 calls",
        "trunk provider registered",
        "2 wait, 1 ring (the first for 1 min 12), 3 talk, 1 in the menu",
        "1 free, 3 on calls, 0 rest, 0 paused, 2 away",
        "9 calls: 5 answered, 2 gave up, 1 reached nobody, 1 closed",
        "3 in the ledger, 2 call-backs promised, 1 messages unheard",
        "last backup    Tuesday 24 November, 04:00",
    ):
        assert part in text
    assert len(text.splitlines()) <= 24
    assert max(map(len, text.splitlines())) <= 80


def test_a_line_that_is_closed_or_down_says_so_first() -> None:
    closed = replace(WELL, open=False, changes=AT + 86_400 * MICRO)
    assert shown(closed).splitlines()[1] == "closed until Thursday 26 November, 04:00"
    down = replace(WELL, parts=(Part("Asterisk", "down"),), alarms=("Asterisk: down",))
    lines = shown(down).splitlines()
    assert lines[1] == "NOBODY CAN CALL: Asterisk is down"
    assert "(as last known)" in shown(down)
    assert lines[-1] == "! Asterisk: down"


def test_what_was_thrown_by_hand_is_said_below() -> None:
    short = Thrown("", "short", AT + 1800 * MICRO, "Nous sommes peu nombreux.")
    closed = Thrown("visio", "closed", AT + 86_400 * MICRO, "")
    assert shown(replace(WELL, switches=(short, closed))).splitlines()[1:4] == [
        "open until 05:00",
        '  by hand        short of staff until 04:30: "Nous sommes peu nombreux."',
        "  visio          closed until Thursday 26 November, 04:00",
    ]


def test_a_line_without_hours_is_open_for_ever() -> None:
    assert shown(replace(WELL, changes=None)).splitlines()[1] == "open"


@pytest.mark.parametrize(
    ("row", "does"),
    [
        ({"stage": "talking", "state": "away"}, "on_calls"),
        ({"stage": "ringing", "state": "available"}, "on_calls"),
        ({"stage": "idle", "state": "paused"}, "paused"),
        ({"stage": "idle", "state": "away"}, "away"),
        ({"stage": "idle", "state": "available", "reachable": 0}, "unreachable"),
        ({"stage": "idle", "state": "available", "reachable": 1, "rest_until": 11}, "resting"),
        ({"stage": "idle", "state": "available", "reachable": 1, "rest_until": 10}, "free"),
    ],
)
def test_each_agent_does_one_thing(row: Any, does: str) -> None:
    assert room._does(row, 10) == does


def test_a_line_that_was_never_started(tmp_path: Path) -> None:
    assert CliRunner().invoke(main, ["--dir", str(tmp_path), "init"]).exit_code == 0
    people.add_agent(tmp_path / "decroche.db", "ana", "Ana", ["demarches"])
    done = CliRunner().invoke(main, ["--dir", str(tmp_path), "status"])
    assert done.exit_code == 0
    assert "NOBODY CAN CALL" in done.stdout
    assert "1 away" in done.stdout
    assert "! hotline.toml is not in force" in done.stdout


def test_no_line_at_all(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["--dir", str(tmp_path), "status"])
    assert done.exit_code == 1
    assert "decroche init" in done.output


def test_a_record_that_cannot_be_read(tmp_path: Path) -> None:
    assert CliRunner().invoke(main, ["--dir", str(tmp_path), "init"]).exit_code == 0
    (tmp_path / "decroche.db").write_bytes(b"no database" * 1000)
    done = CliRunner().invoke(main, ["--dir", str(tmp_path), "status"])
    assert done.exit_code == 0
    assert "! the record cannot be read" in done.stdout


# With real calls.


@pytest.fixture(scope="module")
def line(open_line: Open) -> LiveLine:
    line = open_line(TOWN, {"ana": ["demarches"], "bob": ["demarches"]})
    line.start("recorder", "flows", "dashboard")
    line.phones("ana")
    until(lambda: line.rows("SELECT 1 FROM journal WHERE kind = ?", kinds.REACHABLE), 10, "ana")
    return line


def asked(line: LiveLine) -> dict[str, Any]:
    done = subprocess.run(line.command("status", "--json"), capture_output=True, timeout=30)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.pbx
def test_what_goes_on_is_on_the_screen(line: LiveLine) -> None:
    found = asked(line)
    assert [part["state"] for part in found["parts"]] == ["up"] * 4
    assert all(0 < part["since"] <= found["at"] for part in found["parts"])
    assert found["trunks"] == {"street": "by address"}
    assert "the line is open and no agent is available" in found["alarms"]
    line.declare(kinds.AVAILABLE, "ana")
    first = line.call()
    until(lambda: asked(line)["calls"]["talking"] == 1, 20, "somebody to talk")
    found = asked(line)
    assert (found["agents"]["on_calls"], found["agents"]["away"]) == (1, 1)
    assert found["alarms"] == []
    assert found["today"]["arrived"] == 1
    line.pbx.ask("channel request hangup all")
    first.stop()
    line.until_quiet()


@pytest.mark.pbx
def test_a_file_from_windows_is_in_force_as_well(line: LiveLine) -> None:
    path = line.folder.hotline
    before = path.read_bytes()
    path.write_bytes(b"\xef\xbb\xbf" + before.replace(b"\n", b"\r\n"))
    line.apply()
    assert not [alarm for alarm in asked(line)["alarms"] if "in force" in alarm]
    path.write_bytes(before + b"# more\n")
    assert [alarm for alarm in asked(line)["alarms"] if "in force" in alarm]
    path.write_bytes(before)
    line.apply()


@pytest.mark.pbx
def test_the_switch_is_on_the_screen_while_it_lasts(line: LiveLine) -> None:
    for words in (["short", "--until", "24:00", "--say", "Peu de monde."], ["auto"]):
        subprocess.run(line.command("hours", *words), capture_output=True, timeout=60, check=True)
        seen = asked(line)["switches"]
        told = [(one["queue"], one["state"], one["text"]) for one in seen]
        assert told == ([("", "short", "Peu de monde.")] if words[0] == "short" else [])


@pytest.mark.pbx
def test_it_says_when_the_line_goes_down_and_comes_back(line: LiveLine) -> None:
    line.pbx.stop()
    try:
        found = asked(line)
        assert found["parts"][0]["state"] == "down"
        assert "Asterisk: down" in found["alarms"]
    finally:
        line.pbx.start()
    until(lambda: line.connected("recorder") and line.connected("flows"), 20, "the services")
    line.signal(signal.SIGSTOP, "flows")
    try:
        states = {part["name"]: part["state"] for part in asked(line)["parts"]}
        assert states["flows"] == "frozen"
    finally:
        line.signal(signal.SIGCONT, "flows")


@pytest.mark.pbx
def test_a_pipe_gets_the_screen_when_something_has_changed(line: LiveLine) -> None:
    process = subprocess.Popen(
        line.command("status", "--watch", "--json"), stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert process.stdout
    try:
        before = json.loads(process.stdout.readline())["agents"]
        line.declare(kinds.PAUSED, "bob")
        # Something else may change first: whether a phone is reached, say.
        changes = [json.loads(process.stdout.readline())["agents"]["paused"]]
        while not changes[-1] and len(changes) < 5:
            changes.append(json.loads(process.stdout.readline())["agents"]["paused"])
        assert (before["paused"], changes[-1]) == (0, 1)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()


@pytest.mark.pbx
def test_a_terminal_is_drawn_again_until_ctrl_c(line: LiveLine) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        line.command("status", "--watch"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "100", "LINES": "30"},
        start_new_session=True,
    )
    os.close(theirs)
    try:
        seen = reading(ours)
        until(lambda: seen().count("last backup") >= 2, 20, "a second drawing")
        assert "Ctrl-C ends this" in seen()
        process.send_signal(signal.SIGINT)
        until(lambda: seen() is not None and process.poll() is not None, 10, "it to end")
        assert process.returncode == 0
    finally:
        process.kill()
        process.wait(10)
        os.close(ours)


def reading(terminal: int) -> Callable[[], str]:
    """What was written to a terminal so far."""
    data = bytearray()

    def read() -> str:
        end = time.monotonic() + 5
        while select.select([terminal], [], [], 0)[0] and time.monotonic() < end:
            try:
                data.extend(os.read(terminal, 65536))
            except OSError:  # its other end is closed
                break
        return data.decode("utf-8", "replace")

    return read
