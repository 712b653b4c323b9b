"""``decroche doctor`` on lines that are broken for real: it names each, and says what to type."""

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import tomlkit

from decroche.asterisk import doctor
from decroche.asterisk.control import NotRunning
from decroche.asterisk.drill_clock import set_clock
from decroche.records import backup, kinds
from decroche.records.events import MICRO, now

from .conftest import Open
from .examined import Rows, named, wrongs
from .live import ALL, LiveLine, until

WELL = """
[menu]
default = "demarches"
[queues.demarches]
label = "Démarches"
"""
WEEK = 7 * 86_400


@pytest.fixture(scope="module")
def line(open_line: Open) -> LiveLine:
    """A line that is well: everything runs, and the phone of its agent has registered."""
    line = open_line(WELL, {"ana": ["demarches"]})
    line.start("recorder", "flows", "dashboard")
    line.phones("ana")
    sql = "SELECT 1 FROM journal WHERE kind = ?"
    until(lambda: line.rows(sql, kinds.REACHABLE), 10, "the phone to be in the record")
    return line


def look(line: LiveLine, *before: str) -> tuple[int, Rows]:
    """What the command says of a line; ``before``: what is run instead of our command line."""
    command = [*before, "--dir", str(line.folder.root)] if before else line.command()
    done = subprocess.run(
        [*command, "doctor", "--json"], capture_output=True, text=True, timeout=60
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def broken(line: LiveLine, *before: str) -> dict[str, str]:
    code, rows = look(line, *before)
    assert code == 1, rows
    return wrongs(rows)


@contextmanager
def changed(line: LiveLine, old: str, new: str) -> Iterator[None]:
    """Another hotline.toml in force for a while, and Asterisk started again with it."""
    text = line.folder.hotline.read_text("utf-8")
    assert old in text
    try:
        line.folder.hotline.write_text(text.replace(old, new), "utf-8")
        line.apply()
        yield
    finally:
        line.folder.hotline.write_text(text, "utf-8")
        line.apply()


@pytest.mark.pbx
def test_a_line_that_is_well_comes_out_clean(line: LiveLine) -> None:
    code, rows = look(line)
    assert wrongs(rows) == {}
    assert code == 0
    assert {row["check"] for row in rows} == {name for name, _ in doctor.CHECKS}
    # Nothing but the machine itself may deserve a look here.
    strange = {row["check"] for row in rows if row["state"] != "good"}
    assert strange <= {"clock", "systemd"}, rows


@pytest.mark.pbx
def test_no_sounds(line: LiveLine) -> None:
    sounds = [*line.folder.prompts.glob("greeting.*"), *line.folder.prompts.glob("wait.*")]
    assert sounds
    texts = {path: path.read_bytes() for path in sounds}
    try:
        for path in sounds:
            path.unlink() if path.stem == "greeting" else path.write_bytes(b"")
        found = broken(line)
        assert "greeting" in found["sentences"]
        assert "wait" in found["sentences"]  # it is there, and empty
    finally:
        for path, content in texts.items():
            path.write_bytes(content)


@pytest.mark.pbx
def test_no_sounds_of_asterisk_itself(line: LiveLine, tmp_path: Path) -> None:
    shutil.copytree(line.release.sounds / "en", tmp_path / "sounds/en", symlinks=True)
    for path in (tmp_path / "sounds/en").glob("beep.*"):
        path.unlink()
    (finding,) = named(line.folder, replace(line.release, data=tmp_path), "Asterisk's sounds")
    assert finding.state == "wrong"
    assert "beep" in finding.what


@pytest.mark.pbx
def test_an_address_that_is_not_ours(line: LiveLine) -> None:
    with changed(line, "[network]", '[network]\nbind = "203.0.113.9"'):
        found = broken(line)
        assert "203.0.113.9" in found["addresses"]


@pytest.mark.pbx
def test_an_external_address_that_leads_nowhere(line: LiveLine) -> None:
    with changed(line, "[network]", '[network]\nexternal_address = "127.0.0.1"'):
        assert "external_address" in broken(line)["addresses"]
    with changed(line, "[network]", '[network]\nexternal_address = "nowhere.invalid"'):
        assert "nowhere.invalid" in broken(line)["addresses"]


@pytest.mark.pbx
def test_a_port_that_is_taken(line: LiveLine) -> None:
    """Asterisk boots without its SIP port, and nobody can reach it."""
    line.pbx.stop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", line.ports["sip"]))
        found = broken(line)  # down
        assert f"process {os.getpid()}" in found["ports"]
        assert "does not run" in found["Asterisk"]
        line.pbx.start()
        found = broken(line)  # up, and deaf
        assert f"process {os.getpid()}" in found["ports"]
        assert "Asterisk" not in found
        line.pbx.stop()
    line.pbx.start()
    recover(line)


def recover(line: LiveLine) -> None:
    """The services are connected again."""

    def connected() -> bool:
        try:
            return line.connected("recorder") and line.connected("flows")
        except (NotRunning, TimeoutError):  # it has questions of before to answer first
            return False

    until(connected, 20, "the services")


@pytest.mark.pbx
def test_the_port_of_a_service_that_is_taken(line: LiveLine) -> None:
    line.stop_services("flows")
    try:
        with socket.create_server(("127.0.0.1", line.ports["agi"])):
            found = broken(line)
            assert f"process {os.getpid()}" in found["flows"]
        assert "do not run" in broken(line)["flows"]
    finally:
        line.serve("flows")


@pytest.mark.pbx
def test_a_clock_that_is_off(line: LiveLine, tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    set_clock(clock, 3600)
    module = [sys.executable, "-m", "decroche.asterisk.drill_clock", str(clock)]
    found = broken(line, *module)
    assert re.search("differ by (3599|3600|3601) s", found["clock"])
    set_clock(clock, -3600)
    assert "in the future" in broken(line, *module)["clock"]


@pytest.mark.pbx
def test_an_old_asterisk(line: LiveLine, tmp_path: Path) -> None:
    """A private home as an old 'pbx install' might have left it."""
    root = tmp_path / "releases" / "18.26.2-1"
    (root / "usr/lib/x86_64-linux-gnu/asterisk/modules").mkdir(parents=True)
    (tmp_path / "current").symlink_to(root)
    done = subprocess.run(
        [*line.command("doctor", "--json")],
        capture_output=True,
        text=True,
        env=os.environ | {"DECROCHE_PBX": str(tmp_path)},
        timeout=60,
    )
    found = wrongs(json.loads(done.stdout))
    assert done.returncode == 1
    assert "18.26.2 " in found["Asterisk's version"]
    assert "too old" in found["Asterisk's version"]


TRUNK = """[trunks.provider]
kind = "register"
host = "127.0.0.1"
port = {port}
username = "0033987654321"
dids = ["0987654321"]
[menu]"""


@pytest.mark.pbx
def test_a_trunk_that_is_down(line: LiveLine) -> None:
    secrets = line.folder.secrets
    text = secrets.read_text("utf-8")
    document = tomlkit.parse(text)
    document["trunks"]["provider"] = "a password"
    secrets.write_text(tomlkit.dumps(document), "utf-8")
    try:
        with changed(line, "[menu]", TRUNK.format(port=9)):
            found = broken(line)
            assert "'provider' is down" in found["trunks"]
        lost = TRUNK.format(port=9).replace('"127.0.0.1"', '"sip.invalid"')
        with changed(line, "[menu]", lost):
            assert "nobody knows" in broken(line)["trunks"]
    finally:
        secrets.write_text(text, "utf-8")


SMALL = """
mount -t tmpfs -o size=60M none "$0" && mkdir -m 700 "$0/line" &&
cp -a "$1/hotline.toml" "$1/secrets.toml" "$1/decroche.db" "$0/line" &&
exec "$2" -m decroche.cli --dir "$0/line" doctor --json
"""


@pytest.mark.pbx
def test_a_disk_that_is_nearly_full(line: LiveLine) -> None:
    """A copy of the line on a file system of 60 MB, which only the doctor sees (unshare(1))."""
    place = line.base / "small"
    place.mkdir()
    arguments = [str(place), str(line.folder.root), sys.executable]
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", SMALL, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout, f"this machine lets nobody make a small file system: {done.stderr}"
    assert "nearly full" in wrongs(json.loads(done.stdout))["disk"]
    assert done.returncode == 1


@pytest.mark.pbx
def test_a_disk_that_was_full(line: LiveLine) -> None:
    reserve = line.folder.root / "ballast"
    size = reserve.stat().st_size
    try:
        line.signal(signal.SIGSTOP)  # the services would make it again at once
        os.truncate(reserve, 0)
        (finding,) = named(line.folder, line.release, "reserve")
        assert (finding.state, "make room" in finding.what) == ("wrong", True)
    finally:
        os.truncate(reserve, size)
        line.signal(signal.SIGCONT)


@pytest.mark.pbx
def test_wrong_rights(line: LiveLine) -> None:
    database, root = line.folder.database, line.folder.root
    try:
        database.chmod(0o644)
        found = broken(line)
        assert str(database) in found["rights"]
        database.chmod(0o600)
        root.chmod(0o755)
        assert f"{root} can be read by others" in broken(line)["rights"]
    finally:
        database.chmod(0o600)
        root.chmod(0o700)
    line.folder.secrets.chmod(0o640)
    try:
        code, rows = look(line)
        assert code == 1
        assert "chmod go= " + str(line.folder.secrets) in [row["remedy"] for row in rows]
    finally:
        line.folder.secrets.chmod(0o600)


@pytest.mark.pbx
def test_no_backup_for_a_week(line: LiveLine) -> None:
    folder = line.folder
    old = now() - 8 * 86_400 * MICRO
    backup.backup(folder, backup.default_name(folder), [], lambda done, total: None)
    assert look(line)[0] == 0
    (file,) = folder.backups.iterdir()
    (folder.root / backup.LAST).unlink()
    os.utime(file, ns=(old * 1000, old * 1000))
    assert "no backup for 8 days" in broken(line)["backup"]
    shutil.rmtree(folder.backups)
    assert look(line)[0] == 0  # the line is younger than a week


@pytest.mark.pbx
def test_two_recorders(line: LiveLine) -> None:
    """Somebody removed the lock of the first one, as a cleaning script does."""
    first = line.services["recorder"]
    (line.folder.root / "recorder.lock").unlink()
    line.spawn("recorder")
    second = line.services["recorder"]
    try:
        until(lambda: line.pbx.ask("manager show connected").count("recorder") == 2, 15, "both")
        found = broken(line)
        assert "2 recorders" in found["recorder"]
        assert str(first.pid) in found["recorder"]
        assert str(second.pid) in found["recorder"]
    finally:
        line.stop_services("recorder")
        line.services["recorder"] = first
        line.stop_services("recorder")
        line.serve("recorder")


@pytest.mark.pbx
def test_services_that_stand_still(line: LiveLine) -> None:
    line.signal(signal.SIGSTOP)
    try:
        found = broken(line)
        assert "does not answer" in found["flows"]
        assert "stands still" in found["recorder"]
        assert "does not answer" in found["page"]
    finally:
        line.signal(signal.SIGCONT)


@pytest.mark.pbx
def test_an_asterisk_that_stands_still(line: LiveLine) -> None:
    pid = line.pbx.pid()
    assert pid
    os.kill(pid, signal.SIGSTOP)
    try:
        found = broken(line)
        assert f"does not answer (process {pid})" in found["Asterisk"]
    finally:
        os.kill(pid, signal.SIGCONT)
    recover(line)


@pytest.mark.pbx
def test_an_apply_that_was_forgotten(line: LiveLine) -> None:
    text = line.folder.hotline.read_text("utf-8")
    try:
        line.folder.hotline.write_text(text.replace("Démarches", "Papiers"), "utf-8")
        assert "hotline.toml" in broken(line)["in force"]
        line.folder.hotline.write_text("[line]\n", "utf-8")
        found = broken(line)
        assert "line 1" in found["hotline.toml"]
    finally:
        line.folder.hotline.write_text(text, "utf-8")


@pytest.mark.pbx
def test_asterisk_writes_nothing_down(line: LiveLine) -> None:
    line.pbx.ask("module unload cel_sqlite3_custom.so")
    try:
        found = broken(line)
        assert "not written into its file" in found["Asterisk's record"]
        assert "cel_sqlite3_custom" in found["modules"]
    finally:
        line.pbx.ask("module load cel_sqlite3_custom.so")


@pytest.mark.pbx
def test_a_record_that_does_not_add_up(line: LiveLine) -> None:
    call = "20200101000000-1577836800.1"
    sql = """INSERT INTO calls (call, number, trunk, did, stage, since, arrived, ended, outcome)
        VALUES (?, 999999, 't', 'd', 'ended', 1, 1, 1, 'answered')"""
    with closing(sqlite3.connect(line.folder.database, timeout=10)) as connection:
        connection.execute(sql, (call,))
        connection.commit()
        try:
            found = broken(line)
            assert "record" in found
        finally:
            connection.execute("DELETE FROM calls WHERE call = ?", (call,))
            connection.commit()


@pytest.mark.pbx
def test_all_services_in_one_process_are_well(line: LiveLine) -> None:
    """As 'decroche up' and 'decroche serve' have them."""
    line.stop_services()
    line.serve(ALL)
    code, rows = look(line)
    assert (code, wrongs(rows)) == (0, {})
