"""What is done to a line in a drill, and how it is undone: see asterisk/faults.py."""

import os
import resource
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from random import Random

from ..records import kinds
from .drill_clock import set_clock
from .drill_line import SERVICES, START, DrillError, DrillLine, until
from .drill_record import compare

NOTICE = 10.0  # seconds within which a silent peer must be noticed
HOUR = 3600
MET = 5.0  # seconds
CUTS, BETWEEN = 5, 0.7  # resets in a row, seconds between two
TABLE_LEAF = b"\x0d"  # the first byte of such a page (sqlite.org/fileformat2.html)
Act = Callable[[DrillLine], None]


def nothing(line: DrillLine) -> None:
    """The fault has ended by itself."""


# Asterisk.


def _pid(line: DrillLine) -> int:
    pid = line.pbx.pid()
    if pid is None:
        raise DrillError("Asterisk does not run")
    return pid


def kill_asterisk(line: DrillLine) -> None:
    pid = _pid(line)
    os.kill(pid, signal.SIGKILL)
    until(lambda: line.pbx.pid() is None, 5, "Asterisk to be gone")


def stop_asterisk(line: DrillLine) -> None:
    line.pbx.stop()


def start_asterisk(line: DrillLine) -> None:
    line.pbx.start()


def freeze_asterisk(line: DrillLine) -> None:
    """Until the recorder has noticed, and has said so in the journal."""
    lost = _count(line, kinds.PBX_LOST)
    os.kill(_pid(line), signal.SIGSTOP)
    until(lambda: _count(line, kinds.PBX_LOST) > lost, NOTICE, "the recorder to notice")


def thaw_asterisk(line: DrillLine) -> None:
    os.kill(_pid(line), signal.SIGCONT)


def _count(line: DrillLine, kind: str) -> int:
    found = line.rows("SELECT count(*) AS n FROM journal WHERE kind = ?", kind)
    return int(str(found[0]["n"]))


# AMI.


def reset_ami(line: DrillLine) -> None:
    assert line.relay
    for _ in range(CUTS):
        line.relay.cut()
        time.sleep(BETWEEN)


def silence_ami(line: DrillLine) -> None:
    """The connections are dead and nobody says so, as when a router has forgotten them."""
    assert line.relay
    lost = _count(line, kinds.PBX_LOST)
    forget = line.relay.vanish()
    until(lambda: _count(line, kinds.PBX_LOST) > lost, NOTICE, "the recorder to notice")
    forget()


def slow_ami(line: DrillLine) -> None:
    assert line.relay
    line.relay.slow = True


def quick_ami(line: DrillLine) -> None:
    assert line.relay
    line.relay.slow = False


# The recorder and the flows.


def kill_recorder(line: DrillLine) -> None:
    line.kill("recorder")


def serve_recorder(line: DrillLine) -> None:
    line.spawn("recorder")


def second_recorder(line: DrillLine) -> None:
    """It must refuse by itself, and say why."""
    mine = line.services["recorder"]
    line.spawn("recorder")
    other = line.services["recorder"]
    line.services["recorder"] = mine
    try:
        code = other.wait(START)
    except subprocess.TimeoutExpired:
        other.kill()
        other.wait()
        raise DrillError("a second recorder did not refuse") from None
    if code == 0 or "a recorder runs" not in line.log("recorder").read_text("utf-8"):
        raise DrillError(f"a second recorder ended with {code}, and did not say why")


def kill_flows(line: DrillLine) -> None:
    line.kill("flows")


def serve_flows(line: DrillLine) -> None:
    line.spawn("flows")


def freeze_flows(line: DrillLine) -> None:
    line.services["flows"].send_signal(signal.SIGSTOP)


def thaw_flows(line: DrillLine) -> None:
    line.services["flows"].send_signal(signal.SIGCONT)


# The database and the disk.


def lock_database(seconds: float) -> Act:
    """Somebody else holds the database's write lock for so long."""

    def lock(line: DrillLine) -> None:
        with closing(sqlite3.connect(line.folder.database, isolation_level=None)) as connection:
            until(lambda: _take(connection), 10, "the lock")
            line.call()
            time.sleep(seconds)
            connection.execute("ROLLBACK")

    return lock


def _take(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError:
        return False
    return True


def damage_database(line: DrillLine) -> None:
    """Half of the pages that hold the journal become zeros, under the services.

    Not the index of ids: where it is hit at the same place, events are lost (docs/drills.md).
    """
    path = line.folder.database
    with closing(sqlite3.connect(path, timeout=10)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = int(connection.execute("PRAGMA page_size").fetchone()[0])
    with open(path, "r+b") as file:
        pages = {place: os.pread(file.fileno(), size, place) for place in places(path, size)}
        leaves = [place for place, page in pages.items() if holds_events(page)]
        for place in Random(len(leaves)).sample(leaves, -(-len(leaves) // 2)):
            file.seek(place)
            file.write(bytes(size))
    line.damaged += 1


def places(path: Path, size: int) -> range:
    """Where pages begin, without the first one: the file's head."""
    return range(size, path.stat().st_size, size)


def holds_events(page: bytes) -> bool:
    """A page with rows of the journal: of no other table with row numbers, nor the schema."""
    named = (b":agent.", b":call.", b":offer.", b":pbx.")
    return page.startswith(TABLE_LEAF) and any(name in page for name in named)


def mend_database(line: DrillLine) -> None:
    """Services mend it when they meet the damage; what they do not meet, the command finds."""
    with suppress(DrillError):
        until(lambda: _put_aside(line) == line.damaged, MET, "a service to meet the damage")
    line.command("journal", "mend")
    if _put_aside(line) != line.damaged:
        raise DrillError("the damaged database was not put aside")


def _put_aside(line: DrillLine) -> int:
    files = line.folder.root.glob(f"{line.folder.database.name}.corrupt-*")
    return sum(not file.name.endswith(("-wal", "-shm")) for file in files)


def fill_disk(line: DrillLine) -> None:
    """No file of a service may grow: each write behind its first page fails (RLIMIT_FSIZE)."""
    for process in line.services.values():
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))


def empty_disk(line: DrillLine) -> None:
    """There is room again. Until now no write has succeeded, or it was no drill."""
    if compare(line.folder.database, line.truth(), line.alive(), ()).calls == []:
        raise DrillError("the disk was not full: what happened meanwhile is in the record")
    for process in line.services.values():
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, unlimited)


# The clock.


def wear_clock(line: DrillLine) -> None:
    """The services get a clock that can be set."""
    for part in SERVICES:
        line.stop(part)
        line.serve(part, clock=True)


def hour_ahead(line: DrillLine) -> None:
    set_clock(line.clock, HOUR)


def hour_back(line: DrillLine) -> None:
    set_clock(line.clock, 0)
