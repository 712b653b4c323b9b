"""One person's traces, as the commands show, give out and forget them."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from decroche.records import (
    erasures,
    secrets,
    tokens,
)
from decroche.records.events import now
from decroche.records.folder import Folder
from decroche.records.rebuild import projections, rebuild

from .traces import HENRI, MARIE, call, done, make, rows, run, sealed


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return make(tmp_path)


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
    damaged = folder.root / "decroche.db.corrupt-20261124"
    for broken in (aside / "decroche.db", damaged):
        broken.write_bytes(b"broken" * 1000)
    done(folder, "privacy", "forget", "0655443322", "--yes")
    assert not (aside / "decroche.db").exists() and not damaged.exists()
