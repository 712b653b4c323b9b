"""``decroche status``: the line on one screen, read only, up or down.

Instants are microseconds UTC. What cannot be read is left out, and an alarm says so.
"""

import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from datetime import time as clock
from pathlib import Path
from zoneinfo import ZoneInfo

from ..hotline import Hotline, HotlineError, read
from ..records import backup, ballast, callbacks, ledger, messages, switch, views
from ..records.changes import Row
from ..records.events import MICRO, instant, now
from ..records.folder import Folder
from ..records.opening import Opening
from ..records.schema import reader
from ..records.store import data_version
from . import processes
from .doctor_case import FROZEN, UP, Case, Unseen
from .doctor_disk import ENOUGH, WEEK
from .doctor_net import registrations
from .line import LineError
from .pbx import parse_count

AGAIN = 5.0  # seconds after which Asterisk and the machine are asked again
LOOK = 0.25  # seconds between two looks whether the journal has grown
BUSY = ("ringing", "talking")


@dataclass(frozen=True)
class Part:
    """One process of the line: ``state`` is up, down or frozen."""

    name: str
    state: str
    since: int | None = None
    more: str = ""


@dataclass(frozen=True)
class Calls:
    """Who is on the line. ``oldest``: since when the one who waits longest does."""

    menu: int = 0
    waiting: int = 0
    oldest: int | None = None
    ringing: int = 0
    talking: int = 0


@dataclass(frozen=True)
class Agents:
    """What the agents do; each is counted once. ``unreachable``: available without a phone."""

    free: int = 0
    resting: int = 0
    on_calls: int = 0
    paused: int = 0
    away: int = 0
    unreachable: int = 0


@dataclass(frozen=True)
class Thrown:
    """The switch as somebody has thrown it, for a queue or (empty) for the line; still so."""

    queue: str
    state: str  # open, short, closed
    until: int
    text: str  # what callers hear of it; empty: the usual sentence


@dataclass(frozen=True)
class Overview:
    """The line at an instant. ``changes``: when it closes or opens; None: not soon, or never."""

    at: int
    name: str
    timezone: str
    open: bool = False
    changes: int | None = None
    switches: tuple[Thrown, ...] = ()
    parts: tuple[Part, ...] = ()
    trunks: Mapping[str, str] = field(default_factory=dict)  # name -> state
    calls: Calls = Calls()
    agents: Agents = Agents()
    today: views.Figures = views.Figures(0, 0, 0, 0, 0)
    owed: int = 0  # callers in the ledger
    promised: int = 0  # call-backs
    unheard: int = 0  # messages
    backup: int | None = None  # when the last one was made
    alarms: tuple[str, ...] = ()

    @property
    def is_up(self) -> bool:
        return bool(self.parts) and self.parts[0].state == UP


def overview(folder: Folder) -> Overview:
    """The line as it is now.

    :raises LineError: there is no line here. :raises HotlineError: its shape cannot be read.
    """
    return _Watch(folder).read()


def watch(folder: Folder) -> Iterator[Overview]:
    """The line as it changes, for ever: about once a second, sooner when something happens.

    Errors: see :func:`overview`.
    """
    watched = _Watch(folder)
    while True:
        yield watched.read()
        watched.wait(1.0)


class _Watch:
    """Reads again what may have changed: the record when it has grown, the rest now and then."""

    def __init__(self, folder: Folder) -> None:
        if not folder.database.exists():
            raise LineError(f"there is no line in {folder.root}; 'decroche init' makes one")
        self._folder = folder
        self._asked = -AGAIN
        self._machine: tuple[Hotline, Overview] | None = None

    def read(self) -> Overview:
        at = now()
        if self._machine is None or time.monotonic() - self._asked >= AGAIN:
            self._machine, self._asked = _machine(self._folder, at), time.monotonic()
        hotline, found = self._machine
        return _record(self._folder, hotline, replace(found, at=at))

    def wait(self, seconds: float) -> None:
        """Until the journal has grown, or so long."""
        end = time.monotonic() + seconds
        with suppress(sqlite3.Error), closing(reader(self._folder.database)) as connection:
            version = data_version(connection)
            while time.monotonic() < end and data_version(connection) == version:
                time.sleep(LOOK)
        time.sleep(max(0.0, min(LOOK, end - time.monotonic())))


def _machine(folder: Folder, at: int) -> tuple[Hotline, Overview]:
    """The line as it is set up, and what Asterisk, the processes and the disk say."""
    case = Case(folder, None, at)
    hotline = _hotline(case)
    parts, trunks = tuple(_parts(case)), _trunks(case, hotline)
    last = backup.last(folder)
    found = Overview(at, hotline.line.name, hotline.line.timezone, parts=parts, trunks=trunks)
    alarms = tuple(_alarms(folder, found, last.at if last else None))
    return hotline, replace(found, backup=last.at if last else None, alarms=alarms)


def _hotline(case: Case) -> Hotline:
    try:
        return case.hotline
    except Unseen as error:
        raise LineError(f"{case.folder.hotline}: {error}; 'decroche doctor' says why") from None


def _parts(case: Case) -> Iterator[Part]:
    """Asterisk first, then the services."""
    sessions: dict[str, int] = {}
    if case.asterisk == UP:
        with suppress(Unseen):
            sessions = _sessions(case.ask("manager show connected"))
        yield _asterisk(case)
    else:
        yield Part("Asterisk", case.asterisk)
    for name, port in (("flows", case.network.agi), ("recorder", 0)):
        pid = _process(case.folder, port)
        state = UP if pid or name in sessions else "down"
        frozen = pid is not None and processes.is_stopped(pid)
        since = processes.since(pid) if pid else sessions.get(name)
        yield Part(name, FROZEN if frozen else state, since)
    page = processes.has_port("tcp", case.network.page)
    there = page is not None or processes.listened_to("tcp", case.network.page)
    yield Part("page", UP if there else "down", processes.since(page) if page else None)


def _process(folder: Folder, port: int) -> int | None:
    """The service that listens on a port; without one, the recorder. As far as it can be seen."""
    if port:
        return processes.has_port("tcp", port)
    return next(iter(processes.holders(folder.root / "recorder.lock")), None)


def _asterisk(case: Case) -> Part:
    uptime = case.ask("core show uptime seconds").rpartition("System uptime: ")[2]
    seconds = uptime.split()[:1]
    since = case.at - int(seconds[0]) * MICRO if seconds and seconds[0].isdigit() else None
    calls, _ = parse_count(case.ask("core show channels count"))
    version = case.version.split("+")[0].removeprefix("Asterisk ")
    return Part("Asterisk", UP, since, f"{version}, {calls} calls")


def _sessions(text: str) -> dict[str, int]:
    """Who is signed in at AMI -> since when."""
    rows = [line.split() for line in text.splitlines()[1:]]
    return {row[0]: int(row[2]) * MICRO for row in rows if len(row) > 4 and row[2].isdigit()}


def _trunks(case: Case, hotline: Hotline) -> dict[str, str]:
    try:
        states = registrations(case.ask("pjsip show registrations"))
    except Unseen:
        states = {}
    return {
        name: states.get(name, "unknown").lower() if trunk.kind == "register" else "by address"
        for name, trunk in hotline.trunks.items()
    }


def _alarms(folder: Folder, found: Overview, last: int | None) -> Iterator[str]:
    for part in found.parts:
        if part.state != UP:
            yield f"{part.name}: {part.state}"
    for name, state in found.trunks.items():
        if state not in ("registered", "by address"):
            yield f"the trunk {name} is not registered: {state}"
    if not found.trunks:
        yield "there is no trunk"
    if trouble := ballast.trouble(ballast.beside(folder.database)):
        yield trouble
    room = os.statvfs(folder.root)
    if room.f_bavail * room.f_frsize < ENOUGH:
        yield f"the disk is nearly full: {room.f_bavail * room.f_frsize >> 20} MB left"
    if folder.damaged:
        yield "a damaged database was put aside"
    if last is not None and found.at - last > WEEK:
        yield "no backup for a week"
    if _text(folder.hotline) != _text(folder.applied):
        yield "hotline.toml is not in force: decroche plan, decroche apply"


def _text(path: Path) -> str | None:
    """A hotline.toml, whatever the ends of its lines are; None if it cannot be read."""
    try:
        return read(path)
    except HotlineError:
        return None


def _record(folder: Folder, hotline: Hotline, found: Overview) -> Overview:
    """What the record says; if it cannot be read, an alarm, and the hours alone."""
    try:
        with closing(reader(folder.database)) as connection:
            connection.execute("BEGIN")  # all of it is of one moment
            found = _opened(found, Opening(hotline, switch.read(connection)))
            return _from_record(connection, found)
    except sqlite3.Error as error:
        found = _opened(found, Opening(hotline))
        return replace(found, alarms=(*found.alarms, f"the record cannot be read: {error}"))


def _opened(found: Overview, opening: Opening) -> Overview:
    """Whether the line is open, by its hours and the switch, until when, and what is by hand."""
    switches = tuple(
        Thrown(queue, one.state, one.until, one.text)
        for queue, one in opening.in_force(found.at).items()
    )
    open_, changes = opening.is_open(found.at), opening.next_change(found.at)
    return replace(found, open=open_, changes=changes, switches=switches)


def _from_record(connection: sqlite3.Connection, found: Overview) -> Overview:
    zone = ZoneInfo(found.timezone)
    midnight = datetime.combine(instant(found.at).astimezone(zone).date(), clock(), zone)
    calls = _calls(views.open_calls(connection))
    agents = _agents(views.presence(connection), found.at)
    alarms = found.alarms
    if found.open and found.is_up and not agents.free + agents.resting + agents.on_calls:
        alarms = (*alarms, "the line is open and no agent is available")
    return replace(
        found,
        calls=calls,
        agents=agents,
        today=views.figures(connection, int(midnight.timestamp()) * MICRO),
        owed=ledger.count(connection),
        promised=callbacks.count(connection),
        unheard=len(messages.unheard(connection)),
        alarms=alarms,
    )


def _calls(rows: list[Row]) -> Calls:
    stages = [row["stage"] for row in rows]
    waits = [row["queued"] for row in rows if row["stage"] in ("waiting", "ringing")]
    return Calls(
        menu=stages.count("greeting") + stages.count("menu"),
        waiting=stages.count("waiting"),
        oldest=min((at for at in waits if at), default=None),
        ringing=stages.count("ringing"),
        talking=stages.count("talking"),
    )


def _agents(rows: list[Row], at: int) -> Agents:
    counts = dict.fromkeys(Agents.__dataclass_fields__, 0)
    for row in rows:
        counts[_does(row, at)] += 1
    return Agents(**counts)


def _does(row: Row, at: int) -> str:
    """What one agent does: a field of :class:`Agents`."""
    if row["stage"] in BUSY:
        return "on_calls"
    if row["state"] != "available":
        return str(row["state"])
    if not row["reachable"]:
        return "unreachable"
    return "resting" if row["rest_until"] > at else "free"
