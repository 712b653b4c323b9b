"""The line of a drill: an Asterisk, services and a street of its own, in a temporary folder.

Like ``up --demo`` it stands on free ports of the loopback; unlike it, each service is a
process of its own, so that a drill can kill it, and AMI is reached through a relay.
"""

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import msgspec

from ..hotline import load
from ..records import people
from ..records.folder import Folder, write_private
from ..records.schema import reader
from . import street
from .control import NotRunning
from .demo import STREET_RTP, TRUNK, free_ports
from .drill_clock import set_clock
from .drill_record import Truth, read_facts, truth
from .drill_relay import Relay
from .modules import MODULES, loadable
from .pbx import Pbx
from .ports import free_tcp
from .release import Release

OWN = Path(__file__).with_name("drill_templates")
ANSWERING = ("ana", "bob", "dora")  # agents whose phones answer at once
SILENT = ("cleo",)  # one who lets it ring
AGENTS = ANSWERING + SILENT
QUEUE = "demarches"
CALLER, PHONE = "caller", "phone"  # contexts of the street
SERVICES = ("recorder", "flows")
START, STOP = 20.0, 8.0  # seconds
PAUSE = 0.03  # seconds between two looks
Found = TypeVar("Found")


class DrillError(Exception):
    """Something did not happen in its time; the text says what."""


def until(condition: Callable[[], Found], seconds: float, what: str) -> Found:
    """Wait for a true value. :raises DrillError: not within ``seconds``."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() >= end:
            raise DrillError(f"{what}: not within {seconds:g} s")
        time.sleep(PAUSE)
    return found


@dataclass(frozen=True)
class Talker:
    """A channel of the street: somebody who calls, or a phone."""

    name: str
    context: str
    up: bool
    agent: str  # whose phone it is; empty for a caller
    unique: str


class DrillLine:
    """One line. As a context manager it starts, and leaves nothing behind."""

    def __init__(self, release: Release) -> None:
        # Short: the path of a socket has a limit.
        self.base = Path(tempfile.mkdtemp(prefix="drill-"))
        self.folder = Folder(self.base / "line")
        self.clock = self.base / "clock"
        self.pbx = Pbx(release, self.folder.pbx)
        self.street = Pbx(release, self.base / "street")
        self.services: dict[str, subprocess.Popen[bytes]] = {}
        self.relay: Relay | None = None
        self.damaged = 0  # how often the database was
        self._release = release
        self._passwords: dict[str, str] = {}

    def __enter__(self) -> Self:
        try:
            self._make()
            self.pbx.start()
            self.street.start()
            for part in SERVICES:
                self.serve(part)
            until(
                lambda: len(self._registered()) == len(self._passwords),
                START,
                "the phones to register",
            )
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    # How it is made, and how it ends.

    def _make(self) -> None:
        self.folder.root.mkdir(mode=0o700)
        write_private(self.folder.hotline, free_ports((OWN / "hotline.toml").read_text("utf-8")))
        set_clock(self.clock, 0)
        self.command("init")
        for name in AGENTS:
            label = name.capitalize()
            self._passwords[name] = people.add_agent(self.folder.database, name, label, [QUEUE])
        self.command("apply")
        self._move_ami()
        hotline = load(self.folder.hotline)
        etc = self.street.root / "etc"
        etc.mkdir(mode=0o700, parents=True)
        first = hotline.network.rtp_last + 1
        network = msgspec.structs.replace(
            hotline.network, rtp_first=first, rtp_last=first + STREET_RTP - 1
        )
        names = [name for name in MODULES if name not in street.UNUSED]
        values = {
            "line": hotline.line,
            "network": network,
            "port": hotline.trunks[TRUNK].port,
            "pbx": self.street.root,
            "modules": loadable(self._release.modules, names),
            "phones": self._passwords,
            "answering": ANSWERING,
            "silent": SILENT,
            "caller_context": CALLER,
            "phone_context": PHONE,
        } | {
            "ami": free_tcp(hotline.network.ami + 50),
            "login": "nobody",
            "secret": os.urandom(9).hex(),
        }
        for name, text in street.files(values, OWN, street.OWN).items():
            (etc / name).write_text(text, "utf-8")

    def _move_ami(self) -> None:
        """Asterisk listens on another port than the services connect to: the relay is between."""
        port = load(self.folder.hotline).network.ami
        behind = free_tcp(port + 1)
        file = self.folder.etc / "manager.conf"
        text = file.read_text("utf-8")
        file.write_text(re.sub(r"(?m)^port = \d+$", f"port = {behind}", text), "utf-8")
        self.relay = Relay(port, behind)

    def end(self) -> None:
        """End all that was started and remove the folder; may be called twice."""
        for part in tuple(self.services):
            self.stop(part)
        if self.relay:
            self.relay.close()
        for pbx in (self.street, self.pbx):
            if pid := pbx.pid():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
            pbx.stop()
        shutil.rmtree(self.base, ignore_errors=True)

    # Services, each a process.

    def _command(self, *arguments: str, clock: bool = False) -> list[str]:
        module = ["decroche.asterisk.drill_clock", str(self.clock)] if clock else ["decroche.cli"]
        return [sys.executable, "-m", *module, "--dir", str(self.folder.root), *arguments]

    def command(self, *words: str) -> None:
        """A command of ours on this line. :raises DrillError: it failed; what it said."""
        done = subprocess.run(
            self._command(*words), stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        if done.returncode:
            raise DrillError(
                f"decroche {' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}"
            )

    def serve(self, part: str, clock: bool = False) -> None:
        """Start a service and wait until it is connected.

        :param clock: whether it gets the clock of the file ``self.clock``.
        """
        self.spawn(part, clock)
        until(lambda: self.connected(part), START, f"the {part} to be connected")

    def spawn(self, part: str, clock: bool = False) -> None:
        with open(self.log(part), "ab") as log:
            self.services[part] = subprocess.Popen(
                self._command("serve", part, clock=clock),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C is for the drill; it ends them itself
            )

    def log(self, part: str) -> Path:
        return self.base / f"{part}.log"

    def stop(self, part: str) -> None:
        """End a service in order, by force after some seconds."""
        process = self.services.pop(part)
        for sign in (signal.SIGCONT, signal.SIGTERM):
            process.send_signal(sign)
        try:
            process.wait(STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self, part: str) -> None:
        process = self.services.pop(part)
        process.kill()
        process.wait()

    def connected(self, part: str) -> bool:
        """Whether a service is signed in at AMI: its user is named like it."""
        try:
            found = self.pbx.ask("manager show connected", 1.0)
        except (NotRunning, TimeoutError):
            return False
        return any(line.split()[:1] == [part] for line in found.splitlines())

    # People: callers and phones on the street, presence in the journal.

    def call(self) -> None:
        """Somebody calls, and stays until they are hung up."""
        did = load(self.folder.hotline).trunks[TRUNK].dids[0]
        self.street.ask(f"channel originate PJSIP/{did}@numbered extension s@{CALLER}")

    def talkers(self) -> list[Talker]:
        """Who is on the street now; a caller before the line has answered is not among them."""
        found = []
        for line in self.street.ask("core show channels concise").splitlines():
            words = line.split("!")
            if len(words) > 12 and words[1] in (CALLER, PHONE, "phones"):
                found.append(Talker(words[0], words[1], words[4] == "Up", words[8], words[-1]))
        return found

    def callers(self) -> list[Talker]:
        return [talker for talker in self.talkers() if talker.context == CALLER]

    def phones(self, up: bool) -> list[Talker]:
        """Phones that talk, or those that ring."""
        return [talker for talker in self.talkers() if talker.agent and talker.up == up]

    def hang_up(self, *names: str) -> None:
        """End channels of the street; all of them when none is named."""
        for name in names or ("all",):
            self.street.ask(f"channel request hangup {name}")

    def declare(self, kind: str, *agents: str) -> None:
        """Agents declare their presence, as from a page: durable when this returns."""
        people.declare(self.folder.database, kind, agents, "drill")

    # What is seen.

    def rows(self, sql: str, *values: object) -> list[dict[str, object]]:
        connection = reader(self.folder.database)
        try:
            return [dict(row) for row in connection.execute(sql, values)]
        finally:
            connection.close()

    def alive(self) -> set[str]:
        """Unique ids of the channels of the line's Asterisk; none when it does not answer."""
        try:
            lines = self.pbx.ask("core show channels concise", 2.0).splitlines()
        except (NotRunning, TimeoutError):
            return set()
        return {line.rpartition("!")[2].strip() for line in lines if "!" in line}

    def truth(self) -> Truth:
        """What Asterisk's own record demands of the journal."""
        return truth(read_facts(self.folder.cel), AGENTS)

    def _registered(self) -> set[str]:
        """Whose phone Asterisk has written down: from then on it outlives a kill."""
        path = self.folder.pbx / "lib" / "astdb.sqlite3"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as connection:
            rows = connection.execute("SELECT key FROM astdb WHERE key GLOB '/registrar/*'")
            keys = [str(row[0]) for row in rows]
        return {name for name in self._passwords for key in keys if f"/{name};@" in key}
