"""The clocks as a whole: Asterisk's files, what the commands say, the report, the night."""

import json
import os
import re
from datetime import date, datetime
from pathlib import Path

import pytest

from decroche.asterisk import night, privacy, traces
from decroche.records import (
    clocks,
    cursors,
    inventory,
    kinds,
    secrets,
)
from decroche.records.clocks import DAY
from decroche.records.events import MICRO, Event, instant, now
from decroche.records.folder import Folder
from decroche.records.store import Store

from .traces import CONFIGS, HENRI, MARIE, call, done, make, read_on, rows, run, write_cel


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return make(tmp_path)


# The clocks of what Asterisk writes.


def test_rows_of_the_channel_event_log_live_for_a_week(folder: Folder) -> None:
    week = (now() - 8 * DAY) / MICRO
    folder.cel.unlink()
    for more in ("-wal", "-shm"):
        folder.cel.with_name(f"master.db{more}").unlink(missing_ok=True)
    write_cel(folder, *[("CHAN_START", week + n / 1000, f"{n:05}") for n in range(500)])
    write_cel(folder, ("HANGUP", now() / MICRO, "new"))
    assert traces.purge_cel(folder, now()) == 0  # nobody has read them yet
    read_on(folder)
    assert traces.purge_cel(folder, now(), dry_run=True) == 500
    assert traces.purge_cel(folder, now()) == 500
    assert rows(folder.cel, "SELECT extra FROM cel") == [("new",)]
    assert traces.purge_cel(folder, now() + 20 * DAY) == 0  # the place of the reader stays
    assert b"00499" not in folder.cel.read_bytes()
    assert traces.oldest(folder) is None


def test_log_files_are_rotated_and_deleted_in_time(folder: Folder) -> None:
    log = folder.queue_log
    messages = log.with_name("messages.log")
    log.write_text(f"{now() // MICRO - 90_000}|NONE|NONE|NONE|QUEUESTART|\n", "ascii")
    local = instant(now() - 3 * DAY).astimezone().strftime("%F %T.000")
    messages.write_text(f"[{local}] WARNING[1] something\n", "ascii")
    assert traces.purge_logs(folder, now()) == 0
    assert log.exists()  # the recorder has not read it to its end
    cursors.save(folder.database, "queue_log", f"{log.stat().st_ino} {log.stat().st_size}")
    traces.purge_logs(folder, now(), dry_run=True)
    assert log.exists()
    assert traces.purge_logs(folder, now()) == 0
    assert not log.exists() and not messages.exists()
    assert len(traces.logs(folder)) == 2
    assert traces.purge_logs(folder, now() + 4 * DAY) == 1
    assert traces.purge_logs(folder, now() + 6 * DAY) == 1
    assert traces.logs(folder) == []


# All of it.


def test_purge_says_what_each_clock_took(folder: Folder) -> None:
    assert "nothing is older" in run(folder, "purge").stderr
    call(folder, "+33677777777", "b-7", 100)
    found = {row["clock"]: row for row in json.loads(done(folder, "purge", "--dry-run", "--json"))}
    assert found["owed"]["count"] == 1
    assert "owed\tentries and promises expired\t90\t1" in done(folder, "purge")
    assert "nothing is older" in run(folder, "purge").stderr
    assert len(rows(folder.database, "SELECT * FROM numbers")) == 2


def test_the_report_names_every_table(folder: Folder) -> None:
    sql = "SELECT name FROM sqlite_master WHERE type = 'table'"
    hidden = ("_", "sqlite_", "sheets_fts")
    there = {str(row[0]) for row in rows(folder.database, sql)}
    there = {name for name in there if not name.startswith(hidden)}
    assert {table for table, *_ in inventory.TABLES} == there


def test_the_report_complains_of_what_is_overdue(folder: Folder) -> None:
    read_on(folder)
    assert "OVERDUE" not in done(folder, "privacy", "report")
    call(folder, HENRI, "b-7", 100)
    call(folder, MARIE, "b-8", 0.4)
    found = run(folder, "privacy", "report")
    assert found.exit_code == 0  # a call is owed
    late = now() + 95 * DAY
    overdue = {one.where for one in privacy.report(folder, late) if one.overdue(late)}
    assert {"secrets.toml", "pbx/log/master.db", "decroche.db: ledger"} <= overdue
    assert "decroche.db: calls" not in overdue
    keys = folder.secrets.read_text("utf-8")
    folder.secrets.write_text(keys.replace("renewed = 2", "renewed = 1"), "utf-8")
    found = run(folder, "privacy", "report", "--json")
    assert found.exit_code == 1
    states = {row["where"]: row["state"] for row in json.loads(found.stdout)}
    assert states["secrets.toml"] == "OVERDUE"


def test_after_a_purge_nothing_is_overdue(folder: Folder) -> None:
    """Whatever its age was: with the clock moved on, a purge and new keys."""
    for days in (1, 20, 31, 89, 91, 125, 190):
        call(folder, f"+3361000{days:04}", f"c-{days}", days)
    read_on(folder)
    for ahead in (0, 33, 95, 200):
        at = now() + ahead * DAY
        privacy.purge(folder, at)
        privacy.purge(folder, at)
        overdue = {one.where for one in privacy.report(folder, at) if one.overdue(at)}
        assert overdue <= {"secrets.toml"}


def test_what_a_killed_command_left_goes(folder: Folder) -> None:
    damaged = folder.root / "decroche.db.corrupt-20261101"
    damaged.write_bytes(b"x")
    os.utime(damaged, (1, 1))
    for name in (".check-x", ".backup-x", ".restore-x", ".restore-new"):
        (folder.root / name).mkdir()
        (folder.root / name / "decroche.db").write_bytes(b"x")
        if not name.endswith("new"):
            os.utime(folder.root / name, (1, 1))
    assert {d.clock: d.count for d in privacy.purge(folder, now())}["replaced"] == 4
    assert [path.name for path in folder.root.glob(".*-*")] == [".restore-new"]


def test_the_clocks_are_told_as_they_are() -> None:
    page = (CONFIGS.parent / "docs" / "privacy.md").read_text("utf-8")
    table = page.split("## The clocks")[1].split("\n## ")[0]
    told = sorted(int(days) for days in re.findall(r"^\| .* \| (\d+) \|", table, re.MULTILINE))
    names = "TOKEN OWED HEARD MESSAGES CALLS AGENTS AUDIT ASTERISK KEYS ERASURES".split()
    names += ["INVITATIONS", "AGENTS"]  # links; and shifts, as what agents did
    names += ["REPLACED", "BLOCK_LONGEST", "TOKEN"]  # after a block a token has its clock again
    assert told == sorted(getattr(clocks, name) for name in names)
    assert f"older than {clocks.BACKUPS} days" in table
    assert f"told otherwise after {clocks.BLOCK} |" in table


# At night.


@pytest.mark.parametrize(
    ("local", "wanted"),
    [("01:59", False), ("02:00", True), ("04:59", True), ("05:00", False), ("14:00", False)],
)
def test_its_time_is_the_night(local: str, wanted: bool) -> None:
    at = datetime.fromisoformat(f"2026-10-25 {local}")
    assert night.is_time(at, None) is wanted
    assert night.is_time(at, date(2026, 10, 24)) is wanted
    assert not night.is_time(at, date(2026, 10, 25))


def test_a_night_purges_and_rotates_but_not_while_a_call_is_up(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = secrets.load(folder.secrets)
    later = now() + 40 * DAY
    monkeypatch.setattr(night, "now", lambda: later)
    monkeypatch.setattr("decroche.asterisk.rotation.GRACE", 0)
    read_on(folder)
    store = Store(folder.database)
    store.append([Event(id="b-5:arrived", at=now(), kind=kinds.ARRIVED, call="b-5")])
    assert night.tend(folder, True) is False
    assert secrets.load(folder.secrets) == old
    store.append([Event(id="b-5:ended", at=now(), kind=kinds.ENDED, call="b-5")])
    store.close()
    assert night.tend(folder, False) is False  # it is day, and nothing is unfinished
    assert secrets.load(folder.secrets) == old
    assert night.tend(folder, True) is True
    assert secrets.load(folder.secrets).token_key != old.token_key
    (said,) = rows(folder.database, "SELECT body FROM journal WHERE kind = ?", kinds.ROTATED)
    assert said == ('{"moved":2}',)
    assert clocks.KEYS == 30
