"""Asterisk on a folder: boot, stop, ask, try out, update, go back; with the real Asterisk.

One file because nearly all of it stands on the one real release of its fixtures.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from decroche.asterisk import control, update
from decroche.asterisk.control import NotRunning
from decroche.asterisk.modules import MODULES, VERSIONED, loadable, missing
from decroche.asterisk.pbx import Pbx, StartError, parse_count, parse_uptime
from decroche.asterisk.release import (
    Release,
    at,
    default_home,
    find_release,
    install,
    linked,
    machines_own,
    parse_version,
    point,
)
from decroche.asterisk.remedies import InstallError
from decroche.asterisk.trial import running_modules, try_out, write_settings

from .ports import free_port

pytestmark = pytest.mark.pbx

CHECKOUT = Path(__file__).resolve().parent.parent


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "not within the time allowed"
        time.sleep(0.01)


@pytest.fixture(scope="session")
def release() -> Release:
    own = CHECKOUT / ".local/pbx"
    home = own if own.exists() and "DECROCHE_PBX" not in os.environ else default_home()
    found = find_release(home)
    if found is None:
        pytest.fail("no Asterisk here: run ./run pbx install")
    return found


@pytest.fixture
def pbx(release: Release) -> Iterator[Pbx]:
    """A folder with the smallest configuration; not below tmp_path, whose name may be too long."""
    folder = Path(tempfile.mkdtemp(prefix="pbx-"))
    one = Pbx(release, folder)
    write_settings(release, folder, free_port())
    yield one
    one.stop()
    shutil.rmtree(folder)


def log_of(pbx: Pbx) -> str:
    return (pbx.root / "log/full.log").read_text(encoding="utf-8")


def test_it_boots_with_exactly_our_modules_and_without_a_warning(pbx: Pbx) -> None:
    pbx.start()
    running = running_modules(pbx.ask("module show"))
    assert {name for name in running if (pbx.release.modules / f"{name}.so").exists()} == set(
        loadable(pbx.release.modules)
    )
    lines = log_of(pbx).splitlines()
    assert [line for line in lines if "WARNING" in line or "ERROR" in line] == []


def test_it_tells_its_state(pbx: Pbx) -> None:
    before = datetime.now(UTC)
    status = pbx.start()
    assert status.pid == pbx.pid()
    assert status.version.startswith(pbx.release.version)
    assert abs((status.since - before).total_seconds()) <= 3
    assert (status.calls, status.channels) == (0, 0)


def test_it_counts_calls_that_are_up(pbx: Pbx) -> None:
    pbx.start()
    pbx.ask("channel originate Local/s@trial application Wait 5")
    until(lambda: pbx.calls() > 0)
    until(lambda: pbx.calls() == 0)


def test_it_refuses_a_second_start_on_the_same_folder(pbx: Pbx) -> None:
    pid = pbx.start().pid
    with pytest.raises(StartError, match=f"already.*{pid}"):
        Pbx(pbx.release, pbx.root).start()
    assert pbx.status().pid == pid


def test_it_starts_after_a_violent_end(pbx: Pbx) -> None:
    pid = pbx.start().pid
    os.kill(pid, signal.SIGKILL)
    until(lambda: pbx.pid() is None)
    assert (pbx.root / "run/asterisk.ctl").exists()
    assert pbx.start().pid != pid


def test_it_starts_when_the_pid_file_names_somebody_else(pbx: Pbx) -> None:
    (pbx.root / "run").mkdir()
    (pbx.root / "run/asterisk.pid").write_text(f"{os.getpid()}\n", encoding="utf-8")
    assert pbx.pid() is None
    pbx.start()


def test_it_stops_and_may_be_stopped_twice(pbx: Pbx) -> None:
    pid = pbx.start().pid
    pbx.stop()
    assert not Path(f"/proc/{pid}/exe").exists()
    assert pbx.pid() is None
    pbx.stop()
    with pytest.raises(NotRunning):
        pbx.status()
    assert pbx.calls() == 0


def test_it_stops_one_that_is_frozen(pbx: Pbx) -> None:
    pid = pbx.start().pid
    os.kill(pid, signal.SIGSTOP)
    assert pbx.pid() == pid
    pbx.stop(timeout=0.5)
    assert pbx.pid() is None


def test_it_outlives_the_process_that_started_it(pbx: Pbx) -> None:
    program = (
        "from pathlib import Path; from decroche.asterisk.pbx import Pbx;"
        "from decroche.asterisk.release import at, machines_own;"
        f"release = at(Path({str(pbx.release.root)!r})) or machines_own();"
        f"print(Pbx(release, Path({str(pbx.root)!r})).start().pid)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert pbx.status().pid == int(done.stdout)


def test_it_shows_why_it_cannot_start(pbx: Pbx) -> None:
    modules = pbx.root / "etc/modules.conf"
    modules.write_text("[modules]\nautoload = no\nrequire = res_nothing.so\n", encoding="utf-8")
    with pytest.raises(StartError, match=r"res_nothing"):
        pbx.start()
    assert pbx.pid() is None


def test_it_wants_a_configuration(pbx: Pbx) -> None:
    pbx.settings.unlink()
    with pytest.raises(StartError, match="decroche apply"):
        pbx.start()


def test_it_refuses_a_folder_too_deep_for_a_socket(release: Release, tmp_path: Path) -> None:
    with pytest.raises(StartError, match="too long"):
        Pbx(release, tmp_path / ("d" * 100)).start()


def test_it_answers_commands_and_refuses_control_characters(pbx: Pbx) -> None:
    pbx.start()
    assert "Updated" in pbx.ask("database put test name Zoé")
    assert "Zoé" in pbx.ask("database get test name")
    assert "No such command" in pbx.ask("nonsense")
    for sign in "\0\n\r\x1b\x7f":
        with pytest.raises(ValueError, match="control character"):
            pbx.ask(f"core show version{sign}core stop now")
    assert pbx.status().channels == 0


def test_it_runs_as_an_ordinary_user(release: Release) -> None:
    user = os.getuid() or 65534
    folder = Path(tempfile.mkdtemp(prefix="pbx-"))
    folder.chmod(0o755)
    try:
        own = release
        if not release.attached:  # a checkout may lie where only root may look
            root = Path(shutil.copytree(release.root, folder / release.root.name, symlinks=True))
            own = at(root) or release
        pbx = Pbx(own, folder / "line")
        write_settings(own, pbx.root, free_port())
        pbx._make_folders()
        pbx._link_release()
        for path in (pbx.root, *pbx.root.rglob("*")):
            os.chown(path, user, -1, follow_symlinks=False)
        with subprocess.Popen(pbx.command("-f"), user=user, stdout=subprocess.DEVNULL) as process:
            until(lambda: answers(pbx))
            assert f"Uid:\t{user}\t" in Path(f"/proc/{process.pid}/status").read_text("utf-8")
            pbx.stop()
    finally:
        shutil.rmtree(folder)


def answers(pbx: Pbx) -> bool:
    try:
        return "fully booted" in pbx.ask("core waitfullybooted")
    except NotRunning:
        return False


def test_it_becomes_nobodys_zombie(pbx: Pbx) -> None:
    pid = pbx.start().pid
    pbx.stop()
    status = Path(f"/proc/{pid}/status")
    assert not status.exists() or f"PPid:\t{os.getpid()}\n" not in status.read_text("utf-8")


# The trial, the update and the way back.


@pytest.fixture
def home(release: Release, tmp_path: Path) -> Path:
    """A home with a copy of the release as `current`."""
    if release.attached:
        release = install(CHECKOUT / ".local/pbx", lambda *_: None, private=True)
    root = tmp_path / "releases/1.0-old"
    shutil.copytree(release.root, root, symlinks=True, copy_function=link_or_copy)
    point(tmp_path, "current", root)
    return tmp_path


def link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def newer(home: Path) -> Release:
    root = home / "releases/2.0-new"
    shutil.copytree(home / "current/", root, symlinks=True, copy_function=link_or_copy)
    found = at(root)
    assert found
    return found


def offer(new: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(update, "fetch_asterisk", lambda home, progress: new.root)


def quiet(done: int, total: int, what: str) -> None:
    assert 0 <= done <= total


def test_a_trial_passes_with_a_whole_release(release: Release) -> None:
    try_out(release)


def test_a_trial_names_the_module_that_is_missing(home: Path) -> None:
    new = newer(home)
    (new.modules / "app_queue.so").unlink()
    with pytest.raises(InstallError, match="app_queue"):
        try_out(new)


def test_an_update_switches_and_keeps_the_old_one(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "releases/0.1-ancient").mkdir()
    offer(newer(home), monkeypatch)
    assert update.update(home, quiet).root.name == "2.0-new"
    assert names(home) == ("2.0-new", "1.0-old")
    assert not (home / "releases/0.1-ancient").exists()
    assert update.rollback(home).root.name == "1.0-old"
    assert names(home) == ("1.0-old", "2.0-new")


def names(home: Path) -> tuple[str | None, str | None]:
    found = (linked(home, "current"), linked(home, "previous"))
    current, previous = (one.root.name if one else None for one in found)
    return current, previous


def test_an_update_to_the_same_release_changes_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = linked(home, "current")
    assert old
    offer(old, monkeypatch)
    assert update.update(home, quiet) == old
    assert names(home) == ("1.0-old", None)


def test_an_update_that_fails_its_trial_leaves_the_old_one(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = newer(home)
    (new.modules / "chan_pjsip.so").unlink()
    offer(new, monkeypatch)
    with pytest.raises(InstallError, match="chan_pjsip"):
        update.update(home, quiet)
    assert names(home) == ("1.0-old", None)


def test_an_update_waits_for_calls_to_end(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(newer(home), monkeypatch)
    monkeypatch.setattr(update, "try_out", lambda release: None)
    with pytest.raises(update.LineBusy, match="2 calls"):
        update.update(home, quiet, calls=lambda: 2)
    assert names(home) == ("1.0-old", None)
    counts = [1, 0]
    update.update(home, quiet, calls=lambda: counts.pop(0), patience=5)
    assert names(home)[0] == "2.0-new"


def test_a_release_in_use_is_not_removed(home: Path) -> None:
    old = linked(home, "current")
    assert old
    folder = Path(tempfile.mkdtemp(prefix="pbx-"))
    pbx = Pbx(old, folder)
    write_settings(old, folder, free_port())
    try:
        pbx.start()
        update.switch(home, newer(home))
        shutil.copytree(home / "releases/2.0-new", home / "releases/3.0", symlinks=True)
        third = at(home / "releases/3.0")
        assert third
        update.switch(home, third)
        assert (home / "releases/1.0-old").is_dir()
        assert (folder / "modules").resolve().is_relative_to(old.root)
    finally:
        pbx.stop()
        shutil.rmtree(folder)


def test_there_is_no_way_back_before_an_update(home: Path) -> None:
    with pytest.raises(InstallError, match="no previous"):
        update.rollback(home)


# Values.


def test_it_reads_versions() -> None:
    assert parse_version("Asterisk 22.10.1+dfsg+~cs6.17.60671434-1\n") == "22.10.1"
    assert parse_version("Asterisk certified/20.7-cert1\n") == "20.7"
    assert parse_version("sh: not found") is None


def test_it_reads_counts_and_uptimes() -> None:
    text = "3 active channels\n1 of 50 max active call ( 2.00% of capacity)\n9 calls processed\n"
    assert parse_count(text) == (1, 3)
    assert parse_count("12 active channels\n4 active calls\n") == (4, 12)
    assert parse_uptime("System uptime: 75\nLast reload: 3\n").total_seconds() == 75


def test_an_answer_of_somebody_else_is_refused() -> None:
    with pytest.raises(NotRunning):
        control.parse(b"HTTP/1.1 400 Bad Request\r\n")
    with pytest.raises(NotRunning):
        control.parse(b"")
    assert control.parse(b"host/12/22.1\n\x1b[1;32mhi\x1b[0m\n") == control.Reply(
        12, "22.1", "hi\n"
    )


def test_every_module_is_named_once() -> None:
    assert len(set(MODULES)) == len(MODULES)
    assert VERSIONED < set(MODULES)


def test_a_module_that_a_version_does_not_have_is_left_out(tmp_path: Path) -> None:
    for name in MODULES:
        if name not in VERSIONED:
            (tmp_path / f"{name}.so").touch()
    assert set(loadable(tmp_path)) == set(MODULES) - VERSIONED
    (tmp_path / "app_dial.so").unlink()
    assert missing(tmp_path) == ["app_dial"]


@pytest.mark.parametrize(
    ("version", "absent", "used"),
    [("22.5.0", None, True), ("18.10.0", None, False), ("20.0.0", "app_queue", False)],
)
def test_the_machines_own_is_used_when_it_will_do(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    version: str,
    absent: str | None,
    used: bool,
) -> None:
    modules = tmp_path / "usr/lib/x86_64-linux-gnu/asterisk/modules"
    modules.mkdir(parents=True)
    (tmp_path / "usr/share/asterisk/documentation").mkdir(parents=True)
    for name in MODULES:
        if name != absent:
            (modules / f"{name}.so").touch()
    program = tmp_path / "asterisk"
    program.write_text(f"#!/bin/sh\necho Asterisk {version}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    found = machines_own(tmp_path)
    assert (found is not None) is used
    if found:
        assert (found.version, found.attached, found.modules) == (version, True, modules)
        assert found.command("asterisk", "-V") == [str(program), "-V"]


def test_the_home_is_chosen_by_the_environment() -> None:
    assert default_home({"DECROCHE_PBX": "/srv/pbx"}) == Path("/srv/pbx")
    assert default_home({"XDG_DATA_HOME": "/srv"}) == Path("/srv/decroche/pbx")
    assert default_home({}) == Path.home() / ".local/share/decroche/pbx"
