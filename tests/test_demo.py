"""The demonstration: a line that lives by itself, over real SIP, and leaves nothing behind."""

import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from decroche.asterisk import demo, line
from decroche.asterisk.conf import parse as parse_conf
from decroche.asterisk.line import LineError
from decroche.asterisk.pbx import Pbx
from decroche.asterisk.ports import free_tcp, free_udp, free_udp_range
from decroche.asterisk.release import Release
from decroche.asterisk.street import Street
from decroche.hotline import load
from decroche.records import people, views
from decroche.records.folder import Folder
from decroche.records.schema import reader

from .live import until

CONFIGS = Path(__file__).resolve().parent.parent / "configs"


@pytest.fixture
def folder() -> Iterator[Folder]:
    """Not below tmp_path, whose name may be too long for Asterisk's socket."""
    root = Path(tempfile.mkdtemp(prefix="demo-"))
    yield Folder(root)
    shutil.rmtree(root)


def test_it_writes_its_hotline_once(folder: Folder) -> None:
    demo.prepare(folder, CONFIGS)
    hotline = load(folder.hotline)
    assert hotline.hours is None  # open whenever a newcomer looks
    text = folder.hotline.read_text("utf-8").replace("Entraide numérique", "Chez nous")
    folder.hotline.write_text(text, "utf-8")
    demo.prepare(folder, CONFIGS)
    assert load(folder.hotline).line.name == "Chez nous"


def test_it_leaves_a_line_of_ones_own_alone(folder: Folder) -> None:
    shutil.copy(CONFIGS / "hotline.toml", folder.hotline)
    before = folder.hotline.read_bytes()
    with pytest.raises(LineError, match="line of your own"):
        demo.prepare(folder, CONFIGS)
    assert folder.hotline.read_bytes() == before


def test_it_refuses_a_path_too_long_for_asterisk(folder: Folder) -> None:
    with pytest.raises(LineError, match="too long"):
        demo.prepare(Folder(folder.root / ("x" * 90)), CONFIGS)


def test_it_takes_other_ports_where_the_usual_ones_are_taken(folder: Folder) -> None:
    demo.prepare(folder, CONFIGS)
    network = load(folder.hotline).network
    with (
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as page,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sip,
    ):
        page.bind(("127.0.0.1", network.page))
        page.listen()
        sip.bind(("127.0.0.1", network.sip))
        demo.prepare(folder, CONFIGS)
    fresh = load(folder.hotline).network
    assert (fresh.page > network.page, fresh.sip > network.sip) == (True, True)
    assert "# The line of the demonstration" in folder.hotline.read_text("utf-8")


def test_it_never_gives_one_port_twice() -> None:
    first = free_tcp(20_000)
    assert free_tcp(20_000, {first}) > first
    port = free_udp(20_000)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", port))
        assert free_udp(port) > port
        assert free_udp_range(port, 4) >= port + 4


def test_it_adds_agents_once_and_keeps_their_passwords_to_itself(folder: Folder) -> None:
    _made(folder)
    file = demo.street_of(folder) / "phones.toml"
    assert file.stat().st_mode & 0o777 == 0o600
    known = {agent.name: agent for agent in people.list_agents(folder.database)}
    assert len(known) == len(demo.AGENTS)
    for name, password in demo.phones(folder).items():
        assert known[name].ha1 == people.ha1(name, password)
    people.remove_agent(folder.database, "yann")
    demo.staff(folder)
    assert "yann" not in demo.phones(folder)
    assert "yann" not in {agent.name for agent in people.list_agents(folder.database)}


def test_it_goes_on_where_staffing_was_interrupted(folder: Folder) -> None:
    _made(folder)
    (demo.street_of(folder) / "phones.toml").unlink()
    demo.staff(folder)
    known = {agent.name: agent.ha1 for agent in people.list_agents(folder.database)}
    phones = demo.phones(folder)
    assert known == {name: people.ha1(name, password) for name, password in phones.items()}


@pytest.mark.pbx
def test_it_stays_on_this_machine(folder: Folder, release: Release) -> None:
    _made(folder)
    files = Street(folder, release, lambda: load(folder.hotline)).files(5039)
    for name, text in files.items():
        parse_conf(text)
        code = "\n".join(raw.split(";")[0] for raw in text.splitlines())
        addresses = set(re.findall(r"\d+\.\d+\.\d+\.\d+", code))
        assert addresses <= {"127.0.0.1"}, name
    for section in parse_conf(files["pjsip.conf"]):
        for key in ("contact", "server_uri", "client_uri", "bind"):
            assert all("127.0.0.1:" in value for value in section.all(key)), section.name


@pytest.mark.pbx
def test_it_lives_by_itself_and_leaves_nothing_behind(folder: Folder, release: Release) -> None:
    both = [Pbx(release, root) for root in (folder.pbx, demo.street_of(folder))]
    log = folder.root / "up.log"
    up = [sys.executable, "-m", "decroche.cli", "--dir", str(folder.root), "up", "--demo"]
    with open(log, "wb") as output:
        process = subprocess.Popen(up, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        until(lambda: _answered(folder) or process.poll() is not None, 60, "an answered call")
        assert process.poll() is None, log.read_text("utf-8")
        states = _presence(folder)
        assert sum(state == "available" for state in states) >= 4, states
        pids = [pbx.pid() for pbx in both]
        assert all(pids)
        assert _complaints(folder) == []  # at the end Asterisk complains of flows that are cut
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0, log.read_text("utf-8")
        assert [pbx.pid() for pbx in both] == [None, None]
        assert not any(pid and _runs(pid) for pid in pids)
    finally:
        process.kill()
        process.wait(10)
        for pbx in both:
            pbx.stop()
    assert "Traceback" not in log.read_text("utf-8")


def _made(folder: Folder) -> None:
    demo.prepare(folder, CONFIGS)
    line.create(folder, CONFIGS)
    demo.staff(folder)


def _answered(folder: Folder) -> bool:
    """Whether a call was answered and has ended; there is no database at first."""
    try:
        rows = _rows(folder, "SELECT 1 FROM calls WHERE outcome = 'answered'")
    except sqlite3.OperationalError:
        return False
    return bool(rows)


def _presence(folder: Folder) -> list[str]:
    connection = reader(folder.database)
    try:
        return [row["state"] for row in views.presence(connection)]
    finally:
        connection.close()


def _rows(folder: Folder, query: str) -> list[sqlite3.Row]:
    connection = reader(folder.database)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def _runs(pid: int) -> bool:
    """Whether a process is there; one that has ended and waits for init is not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False
    return stat.rpartition(b")")[2].split()[0] not in (b"Z", b"X")


def _complaints(folder: Folder) -> list[str]:
    logs = [root / "log/messages.log" for root in (folder.pbx, demo.street_of(folder))]
    lines = [line for log in logs for line in log.read_text("utf-8", "replace").splitlines()]
    return [line for line in lines if re.search("WARNING|ERROR", line)]
