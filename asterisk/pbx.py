"""One Asterisk process on one line's folder: start it, stop it, ask it.

The folder's etc/ is rendered by others. Asterisk runs as a session of its own, so that it and its
calls outlive whatever started it.
"""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from . import control
from .control import NotRunning
from .release import Release

FOLDERS = ("lib", "lib/keys", "log", "run", "spool", "sounds")
PAUSE = 0.01  # seconds between two looks while it boots or ends
# Started through a shell that ends at once, Asterisk is nobody's child and leaves no zombie.
SPAWN = '"$@" >"$0" 2>&1 & echo $!'


class StartError(Exception):
    """Asterisk could not be started; the text holds the last lines of its log."""


@dataclass(frozen=True)
class Status:
    pid: int
    version: str
    since: datetime  # UTC, to the second
    calls: int  # up now
    channels: int  # up now


class Pbx:
    """The Asterisk of one folder (DIR/pbx of a line)."""

    def __init__(self, release: Release, root: Path) -> None:
        self.release = release
        self.root = root.absolute()
        self.socket = self.root / "run/asterisk.ctl"
        self.settings = self.root / "etc/asterisk.conf"
        self.output = self.root / "log/boot.log"

    def command(self, *arguments: str) -> list[str]:
        return self.release.command("asterisk", "-C", str(self.settings), *arguments)

    def start(self, timeout: float = 20.0) -> Status:
        """Start and wait until it takes calls.

        Errors: StartError when one runs already, or it ends or is not ready in time.
        """
        self._make_folders()
        with self._alone():
            if pid := self.pid():
                raise StartError(f"An Asterisk runs on {self.root} already (process {pid}).")
            self._link_release()
            for stale in ("asterisk.ctl", "asterisk.pid"):
                (self.root / "run" / stale).unlink(missing_ok=True)
            self._name_boot()
            self._wait_until_booted(self._spawn(), time.monotonic() + timeout)
        return self.status()

    def _spawn(self) -> int:
        done = subprocess.run(
            ["/bin/sh", "-c", SPAWN, str(self.output), *self.command("-f")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            cwd=self.root,
            env=self.release.env(),
            start_new_session=True,
            check=True,
        )
        return int(done.stdout)

    def stop(self, timeout: float = 10.0) -> None:
        """End it, by force when it takes more than `timeout` seconds. Nothing runs: nothing done.

        Errors: TimeoutError when not even that ended it (a process stuck in the kernel).
        """
        pid = self.pid()
        if pid is None:
            return
        end = time.monotonic() + timeout
        try:
            while time.monotonic() < end and "No such command" in self.ask("core stop now", 2.0):
                time.sleep(PAUSE)  # it learns this command last of all when it boots
        except (NotRunning, TimeoutError):
            end = min(end, time.monotonic() + 1.0)  # it is ending already, or it is frozen
        if self._wait_until_gone(pid, end):
            return
        for sign, patience in ((signal.SIGTERM, 2.0), (signal.SIGKILL, 5.0)):
            self._end(pid, sign)
            if self._wait_until_gone(pid, time.monotonic() + patience):
                return
        raise TimeoutError(f"process {pid} does not end")

    def ask(self, command: str, timeout: float = 5.0) -> str:
        """The output of one command of Asterisk's command line (`asterisk -rx`), in 0.2 ms.

        Errors: NotRunning, TimeoutError, ValueError (control character).
        """
        return control.ask(self.socket, command, timeout).text

    def status(self) -> Status:
        """Errors: NotRunning, TimeoutError."""
        uptime = control.ask(self.socket, "core show uptime seconds")
        calls, channels = parse_count(self.ask("core show channels count"))
        since = datetime.now(UTC).replace(microsecond=0) - parse_uptime(uptime.text)
        return Status(uptime.pid, uptime.version, since, calls, channels)

    def calls(self) -> int:
        """How many calls are up; none when it does not run."""
        try:
            return self.status().calls
        except NotRunning:
            return 0

    def console(self) -> None:
        """Become Asterisk's own console; does not return."""
        command = self.command("-rvvv")
        os.execvpe(command[0], command, self.release.env())

    def pid(self) -> int | None:
        """The process that runs on this folder, whether it answers already or not."""
        try:
            return control.ask(self.socket, "core show version", 0.5).pid
        except (NotRunning, TimeoutError):
            pass  # booting, frozen, or not there: the pid file knows
        try:
            pid = int((self.root / "run/asterisk.pid").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return pid if self._is_ours(pid) else None

    def _make_folders(self) -> None:
        if len(os.fsencode(self.socket)) > control.LONGEST_PATH:
            raise StartError(f"{self.socket} is too long for a socket. Choose a shorter folder.")
        if not self.settings.is_file():
            raise StartError(f"{self.settings} is missing. Run: decroche apply")
        for folder in FOLDERS:
            (self.root / folder).mkdir(mode=0o700, parents=True, exist_ok=True)

    def _name_boot(self) -> None:
        """Give this start a name of its own, its time in UTC: unique ids begin with it, so they
        stay unique whatever becomes of the clock (asterisk.conf includes the file).
        """
        path = self.root / "run/boot.conf"
        found = re.search(r"\d{14}", path.read_text("ascii") if path.exists() else "")
        name = datetime.now(UTC).strftime("%Y%m%d%H%M%S")
        if found and name <= found[0]:  # the clock was set back, or both in one second
            name = str(int(found[0]) + 1)
        path.write_text(f"systemname = {name}\n", "ascii")

    def _link_release(self) -> None:
        """The links through which asterisk.conf finds the files of the release that is started."""
        for name, target in (("modules", self.release.modules), ("data", self.release.data)):
            link, fresh = self.root / name, self.root / f".{name}.new"
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(target)
            fresh.replace(link)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One start at a time on this folder."""
        with open(self.root / "run/start.lock", "w", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StartError(f"Asterisk is just being started on {self.root}.") from None
            yield

    def _wait_until_booted(self, pid: int, end: float) -> None:
        while time.monotonic() < end:
            try:
                left = max(end - time.monotonic(), PAUSE)
                if "fully booted" in self.ask("core waitfullybooted", timeout=left):
                    return
            except (NotRunning, TimeoutError):
                if not _alive(pid):
                    raise StartError(f"Asterisk ended at once.\n{self.last_lines()}") from None
            time.sleep(PAUSE)
        self._end(pid, signal.SIGKILL)
        raise StartError(f"Asterisk was not ready in time.\n{self.last_lines()}")

    def last_lines(self, count: int = 15) -> str:
        """The end of what it printed and logged, for a person who looks for the reason."""
        logs = sorted((self.root / "log").glob("*.log"), key=lambda log: log.stat().st_mtime)
        lines = [line for log in logs for line in _tail(log)]
        told = [line for line in lines if re.search(r"ERROR|WARNING|rror", line)] or lines
        return "\n".join(told[-count:])

    def _is_ours(self, pid: int) -> bool:
        """Whether this process is an Asterisk on our folder, by its command line."""
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return False
        return os.fsencode(self.settings) in line.split(b"\0")

    def _end(self, pid: int, sign: signal.Signals) -> None:
        try:
            if self._is_ours(pid):
                os.kill(pid, sign)
        except ProcessLookupError:
            pass  # it ended in between

    def _wait_until_gone(self, pid: int, end: float) -> bool:
        while self._is_ours(pid):
            if time.monotonic() >= end:
                return False
            time.sleep(PAUSE)
        return True


def _alive(pid: int) -> bool:
    """Whether a process runs, whatever it is: while it executes a program it has no name."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False
    return stat.rpartition(b")")[2].split()[0] not in (b"Z", b"X")


def _tail(log: Path) -> list[str]:
    with open(log, "rb") as file:
        file.seek(max(0, log.stat().st_size - 8192))
        return file.read().decode("utf-8", "replace").splitlines()


def parse_count(text: str) -> tuple[int, int]:
    """(calls, channels) from `core show channels count`."""
    channels = re.search(r"^(\d+) active channel", text, re.MULTILINE)
    calls = re.search(r"^(\d+)(?: of \d+ max)? active call", text, re.MULTILINE)
    return int(calls[1]) if calls else 0, int(channels[1]) if channels else 0


def parse_uptime(text: str) -> timedelta:
    """From `core show uptime seconds`: `System uptime: 12`."""
    found = re.search(r"uptime: (\d+)", text)
    return timedelta(seconds=int(found[1]) if found else 0)
