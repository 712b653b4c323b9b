"""What the doctor looks at, on lines that nobody has started, and by value."""

import ctypes
import json
import os
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from decroche.asterisk import doctor, doctor_disk, doctor_net, doctor_pbx, processes
from decroche.asterisk.doctor_case import Case, Finding, Unseen, good, wrong
from decroche.asterisk.release import Release
from decroche.cli import main
from decroche.hotline import Network
from decroche.records import kinds, people
from decroche.records.events import MICRO, Event, now
from decroche.records.folder import Folder
from decroche.records.store import Store

from .examined import named, wrongs
from .live import until

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


@pytest.mark.parametrize(("kept", "state"), [(True, "good"), (False, "look")])
def test_a_clock_that_nobody_keeps_right(
    bare: Folder, monkeypatch: pytest.MonkeyPatch, kept: bool, state: str
) -> None:
    monkeypatch.setattr(doctor_pbx, "is_unsynchronised", lambda: not kept)
    (finding,) = named(bare, None, "clock")
    assert finding.state == state


def test_the_kernel_says_whether_its_clock_is_kept_right() -> None:
    """Compared with the same word, found by another description of the structure."""

    class Timex(ctypes.Structure):
        _fields_ = (
            ("modes", ctypes.c_uint),
            ("offset", ctypes.c_long),
            ("freq", ctypes.c_long),
            ("maxerror", ctypes.c_long),
            ("esterror", ctypes.c_long),
            ("status", ctypes.c_int),
            ("rest", ctypes.c_byte * 256),
        )

    found = Timex()
    assert ctypes.CDLL(None).adjtimex(ctypes.byref(found)) >= 0
    assert doctor_pbx.is_unsynchronised() == bool(found.status & 0x40)


def test_a_page_for_everybody_over_plain_http(bare: Folder) -> None:
    text = bare.hotline.read_text("utf-8")
    bare.hotline.write_text(
        text.replace("# [network]", '[network]\npage_bind = "0.0.0.0"'), "utf-8"
    )
    states = {finding.state: finding.what for finding in named(bare, None, "page")}
    assert "plain http" in states["look"]


def test_files_of_another_user(bare: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a restore by root: the services run as somebody else."""
    monkeypatch.setattr(doctor_disk, "_service_user", lambda case: 65534)
    found = named(bare, None, "rights")
    assert f"chown nobody: {bare.database}" in [finding.remedy for finding in found]


def test_a_disk_without_room(bare: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.statvfs(bare.root)
    for free, names, state in ((1 << 20, 1, "wrong"), (1 << 30, 1, "good"), (1 << 30, 0, "wrong")):
        fields = list(real)
        fields[1], fields[4] = 1, free  # f_frsize, f_bavail
        fields[5], fields[7] = 1000, 500 * names  # f_files, f_favail
        monkeypatch.setattr(os, "statvfs", lambda path, f=fields: os.statvfs_result(f))
        (finding,) = named(bare, None, "disk")
        assert finding.state == state


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
        ("c", "skipped"),
        ("d", "wrong"),
    ]
    assert steps == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
    assert not doctor.is_well(told)


def test_it_prints_what_it_means_and_what_to_type(bare: Folder) -> None:
    done = CliRunner().invoke(main, ["--dir", str(bare.root), "doctor"])
    assert "WRONG  agents: there is no agent" in done.stdout
    assert "       Every caller hears that nobody is there." in done.stdout
    assert "       To do: decroche agent add NAME" in done.stdout
    assert "\nok " not in done.stdout
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
