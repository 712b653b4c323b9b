"""What the benchmarks share: a private line on free ports, its services, their CPU, verdicts.

Everything is on loopback and in a temporary folder, and ends with the benchmark.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from decroche.asterisk import apply, line
from decroche.asterisk.pbx import Pbx
from decroche.asterisk.release import Release, default_home, find_release
from decroche.hotline import Hotline, load
from decroche.records import people, schema
from decroche.records.events import Event, now
from decroche.records.folder import Folder
from decroche.records.store import Store

DID = "0900000000"
TICKS = os.sysconf("SC_CLK_TCK")

HOTLINE = """
[line]
name = "Bench"
[network]
sip = {sip}
rtp_first = 20000
rtp_last = 31999
ami = {ami}
agi = {agi}
page = {page}
[trunks.street]
host = "127.0.0.1"
dids = ["{did}"]
"""
# One queue, no menu, nothing said: what is left of a call is the hunt.
SILENT_LINE = """
[menu]
default = "line"
[queues.line]
label = "Line"
wrap_up = 0
[prompts]
greeting = ""
menu = ""
wait = ""
still = ""
closed = ""
nobody = ""
too-long = ""
"""


@dataclass(frozen=True)
class BenchLine:
    """A made and applied line whose Asterisk runs; ``phones`` is where agents' phones listen."""

    folder: Folder
    hotline: Hotline
    pbx: Pbx
    pid: int  # of Asterisk
    phones: int  # UDP port

    @property
    def sip(self) -> int:
        return self.hotline.network.sip


@contextmanager
def bench_line(
    hotline: str,
    agents: Sequence[str] = (),
    more: Mapping[str, str] | None = None,
    without: Sequence[str] = (),
) -> Iterator[BenchLine]:
    """Make a line, start Asterisk on it, and end it.

    :param hotline: what hotline.toml says besides [line], [network] and [trunks].
    :param agents: names; their phones are static contacts on one port, never asked if alive.
    :param more: name of an Asterisk file -> lines behind our own; @root@ and @sounds@ stand for
        the line's folders. :param without: options of ours that are left to Asterisk's defaults.
    """
    release = find_release(default_home())
    if release is None:
        sys.exit("there is no Asterisk yet; type: ./run pbx install")
    root = Path(tempfile.mkdtemp(prefix="decroche-bench-"))
    pbx = None
    try:
        folder = Folder(root)
        phones = free_port()
        model = _make(folder, release, hotline, agents)
        for option in without:
            _leave_out(folder, option)
        for name, text in {"pjsip.conf": _contacts(agents, phones), **(more or {})}.items():
            _append(folder, name, text)
        pbx = Pbx(release, folder.pbx)
        yield BenchLine(folder, model, pbx, pbx.start().pid, phones)
    finally:
        if pbx is not None:
            pbx.stop()
        shutil.rmtree(root, ignore_errors=True)


def _make(folder: Folder, release: Release, text: str, agents: Sequence[str]) -> Hotline:
    head = HOTLINE.format(
        sip=free_port(), ami=free_port(), agi=free_port(), page=free_port(), did=DID
    )
    folder.hotline.write_text(head + text, "utf-8")
    line.create(folder, folder.root)
    model = load(folder.hotline)
    for agent in agents:
        people.add_agent(folder.database, agent, agent, list(model.queues))
    apply.apply(folder, release)
    return model


def _append(folder: Folder, name: str, text: str) -> None:
    text = text.replace("@root@", str(folder.root)).replace("@sounds@", str(folder.prompts))
    with open(folder.etc / name, "a", encoding="utf-8") as file:
        file.write("\n" + text)


def _leave_out(folder: Folder, option: str) -> None:
    for path in folder.etc.glob("*.conf"):
        text = path.read_text("utf-8")
        path.write_text(re.sub(rf"^{option} = .*\n", "", text, flags=re.MULTILINE), "utf-8")


def _contacts(agents: Sequence[str], port: int) -> str:
    """More of pjsip.conf: every agent's phone is at ``port``."""
    contact = "[{0}](+type=aor)\nqualify_frequency = 0\ncontact = sip:{0}@127.0.0.1:{1}\n"
    return "".join(contact.format(agent, port) for agent in agents)


def free_port() -> int:
    """A port of the loopback that is free now, for TCP and for UDP."""
    while True:
        with (
            closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as stream,
            closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as datagram,
        ):
            stream.bind(("127.0.0.1", 0))
            port: int = stream.getsockname()[1]
            try:
                datagram.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def declare(folder: Folder, agents: Sequence[str], kind: str) -> None:
    """Write down what agents declare, as if they had dialled *11, *12 or *10."""
    schema.prepare(folder.database)
    store = Store(folder.database)
    try:
        at = now()
        store.append([Event(id=f"{a}:{kind}:{at}", at=at, kind=kind, actor=a) for a in agents])
    finally:
        store.close()


@contextmanager
def service(command: Sequence[str], folder: Folder, port: int) -> Iterator[int]:
    """Run one process of ours until the end of the block; its pid, once ``port`` answers."""
    log = folder.root / "service.log"
    with open(log, "ab") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        wait_until(lambda: process.poll() is not None or _answers(port), 20, "the service")
        if process.poll() is not None:
            sys.exit(f"the service ended at once:\n{log.read_text('utf-8', 'replace')[-2000:]}")
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


def _answers(port: int) -> bool:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(true: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for a condition; ends the benchmark when it does not come true in time."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            sys.exit(f"waited {seconds:g} s in vain for {what}")
        time.sleep(0.02)


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far, all its threads, user and system; 10 ms steps."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICKS


def faults_of_children(pid: int) -> int:
    """Page faults of the child processes that ended so far: 0 when none was ever forked."""
    return int(_stat(pid)[8])


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the third on (proc(5))."""
    return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()


def percentile(values: Sequence[float], rank: float) -> float:
    """The smallest value that ``rank`` percent of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * rank / 100))]


def start(what: str) -> float:
    """Print what is measured and how busy the machine is; the time at which it began."""
    print(f"{what}; load average at the start: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    return time.monotonic()


def at_most(name: str, value: float, limit: float, unit: str = "") -> bool:
    return _verdict(value <= limit, name, value, f"at most {limit:g}", unit)


def at_least(name: str, value: float, limit: float, unit: str = "") -> bool:
    return _verdict(value >= limit, name, value, f"at least {limit:g}", unit)


def _verdict(good: bool, name: str, value: float, limit: str, unit: str) -> bool:
    print(f"{'ok' if good else 'LIMIT MISSED'}: {name} {value:.3g}{unit} ({limit}{unit})")
    return good


def end(began: float, good: bool) -> int:
    """Print how long it took; the exit code."""
    print(f"took {time.monotonic() - began:.0f} s")
    return 0 if good else 1
