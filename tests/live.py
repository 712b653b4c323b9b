"""A whole line on loopback: a private Asterisk, decroche's services, SIPp phones and callers.

Everything lives in one temporary folder and on free ports. The services are
processes of their own, so that a test can kill or freeze them. Every wait has a
bound; :meth:`LiveLine.end` leaves no process behind.
"""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from decroche.asterisk import line as lines
from decroche.asterisk.apply import apply
from decroche.asterisk.control import NotRunning
from decroche.asterisk.pbx import Pbx
from decroche.asterisk.release import Release
from decroche.dashboard import accounts
from decroche.kb import schema as sheets
from decroche.records import people, tail
from decroche.records.folder import Folder
from decroche.records.schema import reader

from .ports import SOUND, free_port
from .sip import Caller, Phones, Process

CHECKOUT = Path(__file__).resolve().parent.parent
DID = "0900000000"
PROMPTS = """
[prompts]
greeting = "Bonjour."
information = ""
menu = "Tapez un."
wait = "Oui."
still = "Oui."
closed = "Fermé."
queue-closed = "Fermé."
short = "Peu."
nobody = "Non."
too-long = "Non."
available = "Oui."
paused = "Oui."
missed-pause = "Oui."
quota = "Non."
away = "Oui."
failed = "Non."
free = "Oui ?"
free-10 = "Oui."
free-20 = "Oui."
free-40 = "Oui."
free-60 = "Oui."
full = "Non."
blocked = "Non."
limit-at-once = "Non."
limit-often = "Non."
outside-call = "Oui ?"
block-done = "Oui."
block-nobody = "Non."
callback-full = "Oui ?"
callback-offer = "Oui ?"
callback-closed = "Fermé."
callback-later = "Oui ?"
callback-short = "Oui ?"
callback-promised = "Oui."
callback-failed = "Non."
callback-agent = "Oui."
callback-unanswered = "Non."
voicemail-closed = "Fermé."
voicemail-nobody = "Non."
voicemail-later = "Oui."
voicemail-short = "Oui ?"
voicemail-noted = "Oui."
voicemail-none = "Non."
voicemail-next = "Oui ?"
voicemail-done = "Oui."
wrong-key = "Non."
callback-impossible = "Non."
record-now = "Oui."
record-speak = "Oui."
record-poor = "Non."
record-choice = "Oui ?"
record-kept = "Oui."
echo = "Oui ?"
echo-done = "Oui."
"""
HEAD = """
[line]
name = "Essai"
[network]
sip = {sip}
rtp_first = {rtp}
rtp_last = {rtp_last}
ami = {ami}
agi = {agi}
page = {page}
[trunks.street]
host = "127.0.0.1"
port = {street}
dids = ["{did}"]
"""
PARTS, ALL = ("recorder", "flows", "dashboard"), "all"
Step = tuple[str, ...]


def until(condition: Callable[[], object], seconds: float = 10.0, what: str = "") -> Any:
    """Wait for a true value of ``condition`` and return it; fail after ``seconds``."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"not within {seconds:g} s: {what or condition}"
        time.sleep(0.02)
    return found


class LiveLine:
    """One line. ``start()`` boots Asterisk and the services; ``end()`` ends everything."""

    def __init__(
        self, release: Release, text: str, agents: Mapping[str, Sequence[str]], sounds: Path
    ) -> None:
        """:param text: hotline.toml without [line], [network], [trunks] and [prompts].
        :param agents: name -> queues.
        :param sounds: where the first line leaves its spoken sentences for the next ones.
        """
        self.release = release
        self.sounds = sounds
        self.base = Path(tempfile.mkdtemp(prefix="line-"))  # short: a socket's path has a limit
        self.folder = Folder(self.base / "dir")
        self.sip = self.base / "sip"
        rtp = SOUND + os.getpid() % 100 * 20
        self.ports = {name: free_port() for name in ("ami", "agi", "page", "sip", "street")}
        self.ports["rtp"] = rtp
        self.head = HEAD.format(**self.ports, rtp_last=rtp + 9999, did=DID)
        self.passwords: dict[str, str] = {}
        self.services: dict[str, subprocess.Popen[bytes]] = {}
        self.processes: list[Process] = []
        self.folder.root.mkdir(mode=0o700)
        self.write(text)
        lines.create(self.folder, CHECKOUT / "configs")
        sheets.migrate(self.folder.database)
        accounts.prepare(self.folder.database)
        for name, queues in agents.items():
            database = self.folder.database
            self.passwords[name] = people.add_agent(database, name, name.capitalize(), queues)
        self.pbx = Pbx(release, self.folder.pbx)

    def write(self, text: str) -> None:
        """Write hotline.toml: this line's own addresses and sentences, and ``text``."""
        prompts = "" if "[prompts]" in text else PROMPTS
        self.folder.hotline.write_text(self.head + text + prompts, "utf-8")

    def apply(self) -> list[str]:
        return apply(self.folder, self.release)

    # Processes.

    def start(self, *parts: str) -> "LiveLine":
        """Apply, boot Asterisk, and start services: flows and recorder unless told otherwise."""
        if self.sounds.exists():
            shutil.copytree(self.sounds, self.folder.prompts, dirs_exist_ok=True)
        self.apply()
        if not self.sounds.exists():
            shutil.copytree(self.folder.prompts, self.sounds)
        self.pbx.start()
        for part in parts or ("recorder", "flows"):
            self.serve(part)
        return self

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "decroche.cli", "--dir", str(self.folder.root), *arguments]

    def serve(self, part: str) -> None:
        """Start one service, or ALL in one process; wait until it is connected and listens."""
        self.spawn(part)
        for one in PARTS if part == ALL else (part,):
            self._until_ready(one)

    def _until_ready(self, part: str) -> None:
        if part in ("flows", "recorder"):  # also the names of their AMI users
            until(lambda: self.connected(part), 15, f"{part} to be connected")
        if port := {"flows": "agi", "dashboard": "page"}.get(part):
            until(lambda: listens(self.ports[port]), 15, f"{part} to listen")

    def spawn(self, part: str) -> None:
        path = self.folder.root / f"{part}.log"
        with open(path, "ab") as log:
            self.services[part] = subprocess.Popen(
                self.command("serve", *([] if part == ALL else [part])),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def signal(self, sign: signal.Signals, *parts: str) -> None:
        """Send a signal to services, by default to all of them."""
        for part in parts or tuple(self.services):
            self.services[part].send_signal(sign)
            if sign == signal.SIGKILL:
                self.services.pop(part).wait(5)

    def stop_services(self, *parts: str) -> None:
        for part in parts or tuple(self.services):
            process = self.services.pop(part)
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)

    def end(self) -> None:
        """End all that was started; may be called twice."""
        if not self.base.exists():
            return
        for process in self.processes:
            process.stop()
        self.stop_services()
        self.pbx.stop()
        shutil.rmtree(self.base)

    # Phones and callers.

    def phones(self, *names: str, start: bool = True, **how: Any) -> Phones:
        """The phones of these agents, registered and serving calls."""
        logins = {name: self.passwords[name] for name in names}
        phones = Phones(logins, self.ports["sip"], self.sip, **how)
        if start:
            phones.start()
            self.processes.append(phones.log)
        return phones

    def outside(self, **how: Any) -> Phones:
        """Whoever is called over the trunk: all of them alike, as :class:`Phones`."""
        people = Phones({}, self.ports["sip"], self.sip, port=self.ports["street"], **how).listen()
        self.processes.append(people.log)
        return people

    def call(self, *story: Step, **how: Any) -> Process:
        """Somebody calls the line over the trunk."""
        steps = {"story": story} if story else {}
        how = {"number": DID} | steps | how
        process = Caller(self.ports["sip"], folder=self.sip, **how).start()
        self.processes.append(process)
        return process

    def dial(self, agent: str, code: str, **how: Any) -> Process:
        """An agent's phone dials something, to its end."""
        how = {"number": code, "user": agent, "password": self.passwords[agent]} | how
        return self.call(**how).succeed(40)

    def declare(self, kind: str, *agents: str) -> None:
        """Agents declare their presence, as from a page; the roster follows."""
        self.declare_unheard(kind, *agents)
        until(lambda: self.members_equal(), 5, "the fallback's members to follow")

    def declare_unheard(self, kind: str, *agents: str) -> None:
        """Write presence down, whether anybody follows or not."""
        people.declare(self.folder.database, kind, agents, "test")

    # What is seen.

    def rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """Rows of the line's database."""
        return query(self.folder.database, sql, values)

    def calls(self) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM calls ORDER BY arrived")

    def cel(self, sql: str = "SELECT * FROM cel ORDER BY rowid", *values: object) -> Any:
        """Rows of Asterisk's own channel event log."""
        if not self.folder.cel.exists():
            return []
        return query(self.folder.cel, sql, values)

    def channels(self) -> int:
        return self.pbx.status().channels

    def until_quiet(self, seconds: float = 5.0, calls: int = 0) -> None:
        """No channel is left ``seconds`` after everybody hung up, and all of it is recorded.

        Asterisk writes its record a moment later: ``calls`` is how many it must hold at least.
        """
        until(lambda: not self.channels(), seconds, "no channel left")
        if "recorder" in self.services:
            until(lambda: self.recorded(calls), 5, "all calls to be recorded")

    def recorded(self, calls: int = 0) -> bool:
        """Whether every call of the channel event log has its row, closed."""
        count = "SELECT count(*) AS n FROM calls WHERE ended IS NOT NULL"
        return int(self.rows(count)[0]["n"]) >= max(calls, len(self.arrivals()))

    def arrivals(self) -> list[dict[str, Any]]:
        """Inbound calls, by Asterisk's own account."""
        return list(
            self.cel(
                """SELECT * FROM cel WHERE eventtype = 'CHAN_START' AND uniqueid = linkedid
                    AND channel LIKE 'PJSIP/trunk-%'"""
            )
        )

    def connected(self, user: str) -> bool:
        found = self.pbx.ask("manager show connected")
        return any(text.split()[:1] == [user] for text in found.splitlines())

    def members(self) -> dict[str, dict[str, bool]]:
        """app_queue's members: queue -> agent -> paused."""
        found: dict[str, dict[str, bool]] = {}
        queue = ""
        for text in self.pbx.ask("queue show").splitlines():
            if " strategy (" in text:
                queue = text.split(" has ")[0]
                found[queue] = {}
            elif "(dynamic)" in text:
                agent = text.split()[0]
                found[queue][agent] = "(paused" in text
        return found

    def expected_members(self) -> dict[str, dict[str, bool]]:
        """What presence asks for: the available ones are members, the paused ones paused."""
        rows = self.rows("SELECT * FROM presence")
        states = {row["agent"]: row["state"] for row in rows}
        for row in rows:  # who has done enough today is not rung by the fallback, either
            if row["state"] == "available" and row["capped_until"] > time.time() * 1e6:
                states[row["agent"]] = "paused"
        found: dict[str, dict[str, bool]] = {queue: {} for queue in self.members()}
        for queue, agents in people.members(self.folder.database).items():
            for agent in agents:
                if states.get(agent) in ("available", "paused"):
                    found[queue][agent] = states[agent] == "paused"
        return found

    def members_equal(self) -> bool:
        return self.members() == self.expected_members()

    def log(self, part: str) -> str:
        path = self.folder.root / f"{part}.log"
        return path.read_text("utf-8", "replace")[-3000:] if path.exists() else ""

    def report(self) -> str:
        """What a person wants to see after a failure."""
        if not self.folder.database.exists():
            return "the line has ended"
        texts = [f"{part} exited: {p.poll()}" for part, p in self.services.items()]
        texts += [f"--- {part}\n{self.log(part)}" for part in (*PARTS, ALL)]
        texts.append(
            "--- journal\n" + "\n".join(tail.lines(self.folder.database, 60, False, False))
        )
        try:
            texts.append("--- Asterisk\n" + self.pbx.ask("core show channels concise"))
        except (NotRunning, TimeoutError) as error:
            texts.append(f"--- Asterisk: {error}")
        texts.append(self.pbx.last_lines())
        return "\n".join(texts)


def listens(port: int) -> bool:
    """Whether somebody listens on a TCP port of the loopback (without connecting)."""
    wanted = f"0100007F:{port:04X}"
    for text in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]:
        words = text.split()
        if words[1] == wanted and words[3] == "0A":
            return True
    return False


def query(path: Path, sql: str, values: Iterable[object]) -> list[dict[str, Any]]:
    connection = reader(path)
    try:
        return [dict(row) for row in connection.execute(sql, tuple(values))]
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return []
        raise
    finally:
        connection.close()


def seconds(instant: int) -> float:
    """Microseconds since 1970 as seconds."""
    return instant / 1e6
