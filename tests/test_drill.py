"""``decroche drill``: it runs the real faults, tells what was lost, and leaves nothing behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from decroche.asterisk import drill, fault_acts, faults
from decroche.asterisk.drill_line import DrillLine
from decroche.asterisk.release import Release
from decroche.cli import main
from decroche.records.store import Store

from .live import until

DRILL = [sys.executable, "-m", "decroche.cli", "drill"]
SOME = "asterisk-killed flows-killed disk-full database-damaged clock"


@pytest.fixture
def place(release: Release) -> Iterator[Path]:
    """Where the drills make their folders; its path is short, for Asterisk's socket."""
    path = Path(tempfile.mkdtemp(prefix="d-"))
    yield path
    shutil.rmtree(path)


def start(place: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*DRILL, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(place)},
    )


def left_over(place: Path) -> list[str]:
    """Processes and files that a drill should have ended and removed."""
    found = [str(path) for path in place.iterdir()]
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if str(place) in line:
            found.append(line)
    return found


@pytest.mark.pbx
def test_nothing_is_lost_while_people_wait_and_talk(place: Path) -> None:
    process = start(place, *SOME.split(), "--moment", "waiting", "--json")
    said, told = process.communicate(timeout=240)
    rows = json.loads(said)
    assert [row["fault"] for row in rows] == SOME.split()
    assert [row for row in rows if row["wrong"]] == []
    assert {(row["calls_lost"], row["events_lost"]) for row in rows} == {(0, 0)}
    assert all(row["calls"] >= 6 and row["seconds_to_sync"] >= 0 for row in rows)
    assert "clock, waiting" in told
    assert process.returncode == 0
    assert left_over(place) == []


@pytest.mark.pbx
def test_it_ends_everything_when_it_is_interrupted(place: Path) -> None:
    process = start(place, "recorder-killed")
    try:
        until(lambda: list(place.glob("drill-*/line/recorder.lock")), 30, "a line")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 1
    assert left_over(place) == []


def lose(line: DrillLine) -> None:
    """What a drill must notice: events that somebody has read are gone."""
    store = Store(line.folder.database)
    store.connection.execute("DELETE FROM journal WHERE kind IN ('call.queued', 'call.answered')")
    store.close()


def hang_up_on_somebody(line: DrillLine) -> None:
    line.hang_up(line.callers()[0].name)


@pytest.mark.pbx
def test_it_notices_what_is_lost(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drill, "SYNC", 2.0)
    monkeypatch.setattr(drill, "QUIET", 2.0)
    bad = [
        faults.Fault("loses", "Deletes events.", fault_acts.nothing, lose),
        faults.Fault("cuts", "Hangs up on somebody.", hang_up_on_somebody, fault_acts.nothing),
    ]
    losing, cutting = drill.run(release, bad, ["talking"], lambda text: None)
    assert losing.events_lost > 0
    assert losing.seconds is None
    assert not losing.good
    assert cutting.calls_lost == 2  # the caller, and the agent who talked
    assert "cut off" in drill.sentence(cutting)


def test_it_lists_the_faults() -> None:
    done = CliRunner().invoke(main, ["drill", "--list", "--json"])
    assert done.exit_code == 0
    listed = json.loads(done.output)
    assert [row["fault"] for row in listed] == [fault.name for fault in faults.faults()]
    assert len(listed) >= 10


def test_it_refuses_a_fault_that_it_does_not_know() -> None:
    done = CliRunner().invoke(main, ["drill", "asterisk-tickled"])
    assert done.exit_code == 1
    assert "asterisk-killed" in done.output


def test_it_refuses_without_an_asterisk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DECROCHE_PBX", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    done = CliRunner().invoke(main, ["drill", "clock"])
    assert done.exit_code == 1
    assert "decroche pbx install" in done.output
