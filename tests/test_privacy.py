"""One person's traces, as the commands show, give out and forget them; and the report of all."""

import base64
import json
import os
import re
import sqlite3
from contextlib import closing
from datetime import date, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from decroche.asterisk import line, night, privacy, traces
from decroche.cli import main
from decroche.dashboard import accounts
from decroche.kb import schema as sheets
from decroche.records import (
    clocks,
    cursors,
    dialplan,
    erasures,
    inventory,
    kinds,
    numbers,
    secrets,
    tokens,
)
from decroche.records.clocks import DAY
from decroche.records.events import MICRO, Event, instant, now
from decroche.records.folder import Folder
from decroche.records.rebuild import projections, rebuild
from decroche.records.store import Store

CONFIGS = Path(__file__).parent.parent / "configs"
HENRI, MARIE = "+33655443322", "+33622222222"
CEL = "eventtype, eventtime, channel, uniqueid, linkedid, exten, extra"


def call(folder: Folder, number: str, name: str, days: float = 0.5) -> None:
    """A caller whom nobody answered, ``days`` ago."""
    keys, at = secrets.load(folder.secrets), now() - int(days * DAY)
    caller = tokens.token(number, keys.token_key)
    story = (
        (kinds.ARRIVED, {"trunk": "t", "did": "0900000000"}),
        (f"{kinds.KNOWN}:{caller}", {"caller": caller}),
        (kinds.QUEUED, {"queue": "visio"}),
        (kinds.ENDED, {"cause": "16"}),
    )
    store = Store(folder.database)
    store.append(
        [
            numbers.seal(number, caller, keys.number_key),
            *(
                Event(
                    id=f"{name}:{kind}",
                    at=at + second * MICRO,
                    kind=kind.split(":")[0],
                    call=name,
                    body=dict(body),
                )
                for second, (kind, body) in enumerate(story)
            ),
        ]
    )
    store.close()


def sealed(number: str, key: str) -> str:
    """As AES_ENCRYPT() does it: whole blocks, filled with zero bytes."""
    data = f"n{number}".encode()
    data += bytes(-len(data) % 16)
    maker = Cipher(algorithms.AES(key.encode()), modes.ECB()).encryptor()
    return base64.b64encode(maker.update(data) + maker.finalize()).decode()


def write_cel(folder: Folder, *rows: tuple[str, float, str]) -> None:
    """(event, seconds, extra), as cel_sqlite3_custom writes them."""
    folder.cel.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(folder.cel)) as connection, connection:
        connection.execute("PRAGMA journal_mode = WAL")
        names = ", ".join(f'"{name}" TEXT' for name in CEL.split(", "))
        connection.execute(f"CREATE TABLE IF NOT EXISTS cel (AcctId INTEGER PRIMARY KEY, {names})")
        for event, at, extra in rows:
            values = (event, f"{at:.6f}", "PJSIP/trunk-t-1", "u", "u", "queue", extra)
            connection.execute(f"INSERT INTO cel ({CEL}) VALUES (?, ?, ?, ?, ?, ?, ?)", values)


def read_on(folder: Folder) -> None:
    """The recorder has read all of the channel event log."""
    with closing(sqlite3.connect(folder.cel)) as connection:
        sql = "SELECT rowid, eventtime FROM cel ORDER BY rowid DESC LIMIT 1"
        place, at = connection.execute(sql).fetchone()
    cursors.save(folder.database, "cel", f"{place} {at}")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path / "line")
    line.create(folder, CONFIGS)
    sheets.migrate(folder.database)
    accounts.prepare(folder.database)
    for number, name in ((HENRI, "b-1"), (MARIE, "b-2"), (HENRI, "b-3")):
        call(folder, number, name)
    key = secrets.load(folder.secrets).fallback_key
    rows = [
        (dialplan.SEALED, now() / MICRO, json.dumps({"extra": sealed(number, key)}))
        for number in ("0655443322", "0622222222", "+33655443322")
    ]
    write_cel(folder, *rows)
    return folder


def run(folder: Folder, *words: str, typed: str = "") -> Result:
    return CliRunner().invoke(main, ["--dir", str(folder.root), *words], input=typed)


def done(folder: Folder, *words: str, typed: str = "") -> str:
    found = run(folder, *words, typed=typed)
    assert found.exit_code == 0, found.output
    return found.stdout


def rows(path: Path, sql: str, *values: object) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql, values).fetchall()


# One person.


@pytest.mark.parametrize(
    "text", ["0655443322", "06 55 44 33 22", "+33 6 55 44 33 22", "0033655443322"]
)
def test_a_number_is_found_however_it_is_written(folder: Folder, text: str) -> None:
    said = done(folder, "privacy", "show", text)
    assert said.startswith("+33655443322: 2 calls; the number is kept, encrypted\n")
    assert "abandoned" in said and "2 attempts; owed a call" in said


@pytest.mark.parametrize("text", ["", "nobody", "12", "99999999999999999999"])
def test_nonsense_is_refused(folder: Folder, text: str) -> None:
    for command in ("show", "export", "forget"):
        found = run(folder, "privacy", command, text)
        assert found.exit_code == 1 and "is no telephone number" in found.output


def test_the_person_gets_what_is_known(folder: Folder) -> None:
    found = json.loads(done(folder, "privacy", "export", "0655443322"))
    assert (found["number"], found["number_kept"]) == (HENRI, True)
    assert [one["outcome"] for one in found["calls"]] == ["abandoned"] * 2
    assert {one["waited"] for one in found["calls"]} == {1}
    assert [one["attempts"] for one in found["owed_a_call"]] == [2]
    nobody = json.loads(done(folder, "privacy", "export", "0611111111"))
    assert (nobody["calls"], nobody["owed_a_call"], nobody["number_kept"]) == ([], [], False)


def test_forgetting_asks_first(folder: Folder) -> None:
    assert run(folder, "privacy", "forget", "0655443322", typed="n\n").exit_code == 1
    assert "2 calls" in done(folder, "privacy", "show", "0655443322")
    assert not folder.erasures.exists()


def leave_behind(path: Path, text: str) -> None:
    """Something that an SQLite which does not overwrite has deleted: it stays in a free page."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA secure_delete = OFF")
        connection.execute("CREATE TABLE once (it TEXT)")
        connection.executemany("INSERT INTO once VALUES (?)", [(text * 20,)] * 50)
        connection.execute("DROP TABLE once")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert text.encode() in path.read_bytes()


def test_of_who_is_forgotten_nothing_is_left(folder: Folder) -> None:
    keys = secrets.load(folder.secrets)
    caller = tokens.token(HENRI, keys.token_key)
    ((kept,),) = rows(folder.database, "SELECT sealed FROM numbers WHERE caller = ?", caller)
    assert isinstance(kept, bytes) and kept in folder.database.read_bytes()
    leave_behind(folder.database, f"{caller} {caller}")
    said = done(folder, "privacy", "forget", "0655443322", "--yes")
    assert "forgotten: 5 facts, numbers and records" in said
    for path in folder.root.rglob("*"):
        if path.is_file() and path != folder.erasures:
            data = path.read_bytes()
            assert caller.encode() not in data, path
            assert kept not in data, path
            assert sealed("0655443322", keys.fallback_key).encode() not in data
    assert not folder.cel.with_name("master.db-wal").exists()
    assert caller in folder.erasures.read_text("ascii")
    assert folder.erasures.stat().st_mode & 0o777 == 0o600
    assert "0 calls; the number itself is not kept" in done(folder, "privacy", "show", HENRI)
    assert "1 calls" in done(folder, "privacy", "show", MARIE)
    assert [row[0] for row in rows(folder.cel, "SELECT count(*) FROM cel")] == [1]
    assert rows(folder.database, "SELECT outcome FROM calls") == [("abandoned",)] * 3
    live = projections(folder.database)
    rebuild(folder.database)
    assert projections(folder.database) == live


def test_who_calls_again_is_known_again(folder: Folder) -> None:
    done(folder, "privacy", "forget", "0655443322", "--yes")
    call(folder, HENRI, "b-9", -0.0001)
    done(folder, "purge")
    assert "1 calls; the number is kept" in done(folder, "privacy", "show", HENRI)


def test_a_forgetting_that_was_cut_short_is_finished_by_the_next_purge(folder: Folder) -> None:
    """It was noted, and the machine died."""
    key = secrets.load(folder.secrets).token_key
    erasures.note(folder.erasures, [tokens.token(HENRI, key)], now())
    done(folder, "purge")
    assert "0 calls; the number itself is not kept" in done(folder, "privacy", "show", HENRI)
    assert [row[0] for row in rows(folder.cel, "SELECT count(*) FROM cel")] == [1]


def test_it_is_forgotten_in_what_a_restore_has_put_aside(folder: Folder) -> None:
    file = folder.backups / "old.tar.gz"
    done(folder, "backup", str(file))
    done(folder, "restore", str(file))
    (aside,) = folder.replaced.iterdir()
    said = done(folder, "privacy", "forget", "0655443322", "--yes")
    assert "files in" in said and "privacy rotate" in said
    assert len(rows(aside / "decroche.db", "SELECT * FROM numbers")) == 1
    (aside / "decroche.db").write_bytes(b"broken" * 1000)
    done(folder, "privacy", "forget", "0655443322", "--yes")
    assert not (aside / "decroche.db").exists()


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
    for name in (".check-x", ".backup-x", ".restore-x", ".restore-new"):
        (folder.root / name).mkdir()
        (folder.root / name / "decroche.db").write_bytes(b"x")
        if not name.endswith("new"):
            os.utime(folder.root / name, (1, 1))
    assert {d.clock: d.count for d in privacy.purge(folder, now())}["replaced"] == 3
    assert [path.name for path in folder.root.glob(".*-*")] == [".restore-new"]


def test_the_clocks_are_told_as_they_are() -> None:
    page = (CONFIGS.parent / "docs" / "privacy.md").read_text("utf-8")
    table = page.split("## The clocks")[1].split("\n## ")[0]
    told = sorted(int(days) for days in re.findall(r"^\| .* \| (\d+) \|", table, re.MULTILINE))
    names = "TOKEN OWED HEARD MESSAGES CALLS AGENTS AUDIT ASTERISK KEYS ERASURES REPLACED".split()
    assert told == sorted(getattr(clocks, name) for name in names)
    assert f"older than {clocks.BACKUPS} days" in table


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
