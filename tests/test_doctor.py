"""``decroche doctor`` on lines that are broken for real: it names each, and says what to type."""

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from click.testing import CliRunner

from decroche.asterisk import doctor, doctor_net, processes
from decroche.asterisk.control import NotRunning
from decroche.asterisk.doctor_case import Case, Finding, Unseen, good, wrong
from decroche.asterisk.drill_clock import set_clock
from decroche.asterisk.release import Release
from decroche.cli import main
from decroche.hotline import Network
from decroche.records import backup, kinds, people
from decroche.records.events import MICRO, Event, now
from decroche.records.folder import Folder
from decroche.records.store import Store

from .conftest import Open
from .live import LiveLine, until

WELL = """
[menu]
default = "demarches"
[queues.demarches]
label = "Démarches"
"""
WEEK = 7 * 86_400
Rows = list[dict[str, str]]


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


def wrongs(rows: Rows) -> dict[str, str]:
    """Check -> what is wrong; each says what it means, and what to do."""
    found = [row for row in rows if row["state"] == "wrong"]
    assert all(row["means"] and row["remedy"] for row in found)
    return {row["check"]: row["what"] for row in found}


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


def named(folder: Folder, release: Release | None, check: str) -> list[Finding]:
    checks = [one for one in doctor.CHECKS if one[0] == check]
    return [told.finding for told in doctor.examine(folder, release, checks=checks)]


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
    assert "differ by 3600 s" in found["clock"]
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


@pytest.mark.pbx
def test_a_disk_that_is_nearly_full(line: LiveLine) -> None:
    """A copy of the line on a file system of 60 MB, which only the doctor sees."""
    script = (
        'mount -t tmpfs -o size=60M none "$0" && mkdir -m 700 "$0/line" && shift 0 && '
        'cp -a "$1/hotline.toml" "$1/secrets.toml" "$1/decroche.db" "$0/line" && '
        'exec "$2" -m decroche.cli --dir "$0/line" doctor --json'
    )
    place = line.base / "small"
    place.mkdir()
    arguments = [str(place), str(line.folder.root), sys.executable]
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout, done.stderr
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
def test_files_of_somebody_else(line: LiveLine) -> None:
    """As after 'sudo decroche backup'."""
    if os.getuid():
        pytest.fail("only root can give files away: run this in a container")
    database = line.folder.database
    try:
        os.chown(database, 65534, -1)
        assert "belongs to nobody, not to root" in broken(line)["rights"]
    finally:
        os.chown(database, 0, -1)


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
        assert "do not answer" in found["flows"]
        assert "stands still" in found["recorder"]
        assert "do not answer" in found["page"]
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


# Lines that nobody has started.


@pytest.fixture
def bare(tmp_path: Path) -> Folder:
    done = CliRunner().invoke(main, ["--dir", str(tmp_path), "init"])
    assert done.exit_code == 0
    tmp_path.chmod(0o700)
    return Folder(tmp_path)


def test_a_line_that_is_new_and_down(bare: Folder, release: Release) -> None:
    done = CliRunner().invoke(main, ["--dir", str(bare.root), "doctor", "--json"])
    found = wrongs(json.loads(done.stdout))
    assert done.exit_code == 1
    assert {"in force", "agents", "Asterisk", "flows", "recorder"} <= found.keys()


def test_no_line_at_all(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["--dir", str(tmp_path), "doctor"])
    assert done.exit_code == 1
    assert "decroche init" in done.output


def test_no_asterisk(bare: Folder) -> None:
    (finding,) = named(bare, None, "Asterisk's version")
    assert finding.remedy.startswith("decroche pbx install")


def test_a_damaged_database(bare: Folder) -> None:
    with closing(sqlite3.connect(bare.database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with open(bare.database, "r+b") as file:
        file.seek(4096)
        file.write(bytes(8192))
    (finding,) = named(bare, None, "database")
    assert (finding.state, finding.remedy) == ("wrong", "decroche journal mend")


def test_phones_that_never_registered(bare: Folder) -> None:
    for name in ("ana", "bob"):
        people.add_agent(bare.database, name, name, ["demarches", "visio"])
    (finding,) = named(bare, None, "phones")
    assert (finding.state, "ana, bob" in finding.what) == ("wrong", True)
    seen = Event(id="a", at=now(), kind=kinds.REACHABLE, actor="ana")
    store = Store(bare.database)
    store.append([seen])
    store.close()
    (finding,) = named(bare, None, "phones")
    assert (finding.state, "bob" in finding.what) == ("look", True)


def test_what_is_kept_too_long(bare: Folder) -> None:
    log = bare.pbx / "log/queue_log"
    log.parent.mkdir(parents=True)
    log.write_text(f"{int(time.time()) - 60 * 86_400}|NONE|NONE|NONE|QUEUESTART|\n", "utf-8")
    (finding,) = named(bare, None, "clocks of privacy")
    assert (finding.state, finding.remedy.startswith("decroche purge")) == ("wrong", True)


def test_no_backup_of_an_old_line(bare: Folder) -> None:
    store = Store(bare.database)
    store.append([Event(id="a", at=now() - 9 * 86_400 * MICRO, kind=kinds.GAP)])
    store.close()
    (finding,) = named(bare, None, "backup")
    assert finding.what == "there is no backup"


# Addresses, by value.

US, LAN, HOME = ip_address("198.51.100.0"), ip_address("192.168.1.20"), ip_address("127.0.0.1")
PROVIDER, PUBLIC = ip_address("8.8.8.8"), ip_address("9.9.9.9")


def said(network: Network, external: Any, ways: dict[str, Any]) -> list[tuple[str, str]]:
    found = doctor_net.told(network, external, ways)
    return [(one.state, one.what) for one in found if one.state == "wrong"]


def test_a_provider_is_told_an_address_of_this_network_alone() -> None:
    ((_, what),) = said(Network(bind="0.0.0.0"), None, {"p": (PROVIDER, LAN)})
    assert "192.168.1.20" in what
    outside = Network(bind="0.0.0.0", external_address=str(PUBLIC))
    assert said(outside, PUBLIC, {"p": (PROVIDER, LAN)}) == []
    assert said(Network(bind="0.0.0.0"), None, {"p": (PROVIDER, PUBLIC)}) == []


def test_an_external_address_is_the_machines_own_if_that_is_public() -> None:
    other = Network(bind="0.0.0.0", external_address=str(PROVIDER))
    assert said(other, PROVIDER, {"p": (PROVIDER, PUBLIC)})
    private = Network(bind="0.0.0.0", external_address=str(LAN))
    assert said(private, LAN, {"p": (PROVIDER, LAN)})


def test_a_line_on_loopback_has_no_provider_elsewhere() -> None:
    ((_, what),) = said(Network(), None, {"p": (PROVIDER, LAN)})
    assert "this machine alone" in what
    assert said(Network(), None, {"p": (HOME, HOME)}) == []


def test_it_says_that_a_firewall_cannot_be_seen() -> None:
    found = list(doctor_net.told(Network(bind="0.0.0.0"), None, {"p": (PROVIDER, PUBLIC)}))
    assert [(one.state, "10000 to 10999" in one.what) for one in found] == [("look", True)]


REGISTRATIONS = """
 <Registration/ServerURI..............................>  <Auth....................>  <Status.......>
==========================================================================================

 trunk-one/sip:127.0.0.1:5999    trunk-one   Unregistered      (exp. 2s)
 trunk-two/sip:sip.provider.example:5060  trunk-two   Registered        (exp. 3591s)
 trunk-three/sip:sip.provider.example:5060               trunk-three                 Rejected

Objects found: 3
"""


def test_registrations_are_read() -> None:
    assert doctor_net.registrations(REGISTRATIONS) == {
        "one": "Unregistered",
        "two": "Registered",
        "three": "Rejected",
    }


# The doctor itself.


def test_one_check_that_fails_ends_no_other(bare: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "BOUND", 0.1)

    def fails(case: Case) -> Iterator[Finding]:
        yield good("so far")
        raise ZeroDivisionError

    def hangs(case: Case) -> Iterator[Finding]:
        time.sleep(1)
        yield good("too late")

    def sees_nothing(case: Case) -> Iterator[Finding]:
        raise Unseen("no reason")
        yield

    def works(case: Case) -> Iterator[Finding]:
        yield wrong("it", "nothing", "this")

    steps: list[tuple[int, int]] = []
    told = list(
        doctor.examine(
            bare,
            None,
            lambda done, total, what: steps.append((done, total)),
            [("a", fails), ("b", hangs), ("c", sees_nothing), ("d", works)],
        )
    )
    states = [(one.check, one.finding.state) for one in told]
    assert states == [
        ("a", "good"),
        ("a", "unknown"),
        ("b", "unknown"),
        ("c", "unknown"),
        ("d", "wrong"),
    ]
    assert steps == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
    assert not doctor.is_well(told)


def test_it_prints_what_it_means_and_what_to_type(bare: Folder) -> None:
    done = CliRunner().invoke(main, ["--dir", str(bare.root), "doctor"])
    assert "WRONG  agents: there is no agent" in done.stdout
    assert "       Every caller hears that nobody is there." in done.stdout
    assert "       To do: decroche agent add NAME" in done.stdout
    assert "ok " not in done.stdout
    done = CliRunner().invoke(main, ["--dir", str(bare.root), "doctor", "--all"])
    assert "ok     rights" in done.stdout


# Processes.


def test_who_has_a_file_is_found_even_when_it_was_removed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with open(path, "w", encoding="utf-8"):
        assert processes.holders(path) == [os.getpid()]
        path.unlink()
        assert processes.holders(path) == [os.getpid()]
    assert processes.holders(path) == []


def test_who_has_a_port_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert processes.has_port("tcp", port) == os.getpid()
        assert processes.listened_to("tcp", port)
    assert processes.has_port("tcp", port) is None


def test_since_when_a_process_runs() -> None:
    process = subprocess.Popen(["sleep", "60"])
    try:
        began = processes.since(process.pid)
        assert began is not None
        assert abs(now() - began) < 5 * MICRO
        assert processes.name_of(process.pid) == "sleep"
        assert not processes.is_stopped(process.pid)
        process.send_signal(signal.SIGSTOP)
        until(lambda: processes.is_stopped(process.pid), 5, "it to stop")
    finally:
        process.kill()
        process.wait()
    assert processes.since(process.pid) is None
    assert not processes.is_stopped(process.pid)
