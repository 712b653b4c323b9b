"""``decroche journal check``: a record that adds up passes, and each way not to add up is named."""

import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from decroche.asterisk import check as against
from decroche.asterisk import line
from decroche.cli import main
from decroche.records import check, kinds
from decroche.records.events import MICRO, Event, now
from decroche.records.folder import Folder
from decroche.records.store import Store

from .conftest import Open
from .live import until

CONFIGS = Path(__file__).parent.parent / "configs"
CALL, OFFER = "20261124215010-1795557011.0", "20261124215010-1795557012.1"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A line whose record has one answered and one abandoned call."""
    folder = Folder(tmp_path / "line")
    line.create(folder, CONFIGS)
    at = now() - 60 * MICRO
    rung = {"agent": "ana", "offer": OFFER}
    steps = (
        (CALL, kinds.ARRIVED, {"trunk": "t", "did": "100"}),
        (CALL, kinds.QUEUED, {"queue": "visio"}),
        (CALL, kinds.RANG, rung),
        (CALL, kinds.ANSWERED, rung),
        (CALL, kinds.OFFER_ENDED, rung | {"cause": "16"}),
        (CALL, kinds.ENDED, {"cause": "16"}),
        (CALL + "9", kinds.ARRIVED, {"trunk": "t", "did": "100"}),
        (CALL + "9", kinds.ENDED, {"cause": "16"}),
    )
    store = Store(folder.database)
    store.append(
        [
            Event(id=f"{call}:{kind}", at=at + second * MICRO, kind=kind, call=call, body=body)
            for second, (call, kind, body) in enumerate(steps)
        ]
    )
    store.close()
    folder.cel.parent.mkdir(parents=True)
    with closing(sqlite3.connect(folder.cel)) as connection, connection:
        connection.execute(
            "CREATE TABLE cel (AcctId INTEGER PRIMARY KEY, eventtype TEXT, eventtime TEXT,"
            " channel TEXT, uniqueid TEXT, linkedid TEXT, exten TEXT, extra TEXT)"
        )
        for call in (CALL, CALL + "9"):
            row = ("CHAN_START", f"{at / MICRO:.6f}", "PJSIP/trunk-t-01", call, call, "100", "")
            connection.execute("INSERT INTO cel VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)", row)
    return folder


def problems(folder: Folder) -> list[str]:
    found = [*against.check(folder), *check.check(folder.database, 0)]
    assert len({finding.invariant for finding in found}) == 7
    return [finding.invariant for finding in found if finding.problem]


def change(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(sql)


def test_a_record_that_adds_up_passes(folder: Folder) -> None:
    assert problems(folder) == []


@pytest.mark.parametrize(
    ("sql", "invariant"),
    [
        ("UPDATE calls SET answered = ended + 1 WHERE answered", "every story goes forward"),
        ("UPDATE offers SET rang = answered + 1", "every story goes forward"),
        ("UPDATE calls SET outcome = 'lost' WHERE answered IS NULL", "every call that has ended"),
        ("UPDATE calls SET outcome = 'abandoned'", "every call that has ended"),
        ("DELETE FROM calls WHERE answered IS NULL", "the outcomes add up"),
        ("UPDATE calls SET answered = NULL, outcome = 'closed'", "the board counts"),
        ("UPDATE calls SET queue = 'other'", "computed again"),
        ("UPDATE presence SET stage = 'talking'", "computed again"),
    ],
)
def test_what_does_not_add_up_is_named(folder: Folder, sql: str, invariant: str) -> None:
    change(folder.database, sql)
    assert [found for found in problems(folder) if found.startswith(invariant)]


def test_a_call_that_only_asterisk_knows_is_named(folder: Folder) -> None:
    change(folder.cel, f"UPDATE cel SET uniqueid = 'x', linkedid = 'x' WHERE uniqueid = '{CALL}'")
    first, *_ = against.check(folder)
    assert "1 are not in the record (the first: x)" in first.problem
    assert f"1 in the record never arrived (the first: {CALL})" in first.problem


def test_a_call_that_is_open_without_asterisk_is_named(folder: Folder) -> None:
    change(folder.database, "UPDATE calls SET ended = NULL, outcome = NULL WHERE answered IS NULL")
    _, open_ = against.check(folder)
    assert open_.problem.startswith("1 are gone")


def test_the_command_prints_a_line_for_each_and_tells_by_its_exit_code(folder: Folder) -> None:
    words = ["--dir", str(folder.root), "journal", "check"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    assert done.stdout.count("ok     ") == 7
    assert not list(folder.root.glob(".check-*"))
    change(folder.database, "DELETE FROM calls WHERE answered IS NULL")
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 1
    assert "WRONG  one call for each that reached Asterisk" in done.stdout
    assert '"problem": ""' in CliRunner().invoke(main, [*words, "--json"]).stdout


def test_no_line_is_said(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["--dir", str(tmp_path), "journal", "check"])
    assert done.exit_code == 1
    assert "decroche init" in done.stderr


@pytest.mark.pbx
def test_a_call_that_is_up_is_not_gone_wherever_asterisk_is_kept(
    open_line: Open, tmp_path: Path
) -> None:
    """As from a shell that does not know where the releases are."""
    text = '[menu]\ndefault = "visio"\n[queues.visio]\nlabel = "Visio"\n'
    line = open_line(text, {}).start()
    line.call(("pause", "30000"), ("bye",))
    sql = "SELECT 1 FROM calls WHERE ended IS NULL"
    until(lambda: line.rows(sql) and line.channels(), 10, "a call to be up and known")
    done = subprocess.run(
        line.command("journal", "check"),
        env=os.environ | {"DECROCHE_PBX": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("ok ") == 8
    assert "1 open calls with 1 channels" in done.stdout
