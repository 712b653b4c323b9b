"""Room that is held for the journal, and given up when the disk is full."""

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from decroche.records import ballast, schema

SIZE = 1 << 20


def test_it_holds_room_until_it_is_given_up(tmp_path: Path) -> None:
    path = ballast.beside(tmp_path / "decroche.db")
    assert ballast.make(path, SIZE, 0)
    assert path.stat().st_blocks * 512 >= SIZE  # really on the disk
    assert path.stat().st_mode & 0o777 == 0o600
    assert ballast.trouble(path) == ""
    assert ballast.release(path)
    assert path.stat().st_blocks == 0
    assert "make room" in ballast.trouble(path)
    assert not ballast.release(path)
    assert ballast.make(path, SIZE, 0)
    assert ballast.trouble(path) == ""


def test_it_is_not_made_where_it_would_fill_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "ballast"
    found = os.statvfs(tmp_path)
    assert not ballast.make(path, SIZE, found.f_blocks * found.f_frsize)
    assert not path.exists()
    assert ballast.trouble(path) == ""  # a line that never had one is not in trouble


def test_a_line_without_one_has_nothing_to_give(tmp_path: Path) -> None:
    assert not ballast.release(tmp_path / "ballast")


# A process whose files cannot grow, as on a full disk: it tells what it saw, line by line.
FULL = """
import asyncio, json, resource, sys
from pathlib import Path
from decroche.records import ballast
from decroche.records.events import Event
from decroche.records.journal import Journal

def event(number):
    return Event(id=f"ana:{number}:agent.available", at=number, kind="agent.available", actor="ana")

async def main():
    path = Path(sys.argv[1])
    async with Journal(path) as journal:
        await journal.append(event(1))
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        waiting = journal.submit(event(2))
        while not ballast.trouble(ballast.beside(path)):
            await asyncio.sleep(0.01)
        said = {"trouble": journal.trouble, "done": waiting.done()}
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
        await waiting
        said["after"] = journal.trouble
        ballast.make(ballast.beside(path), 4096, 0)
        said["at last"] = journal.trouble
        print(json.dumps(said))

asyncio.run(main())
"""


def test_a_full_disk_costs_the_ballast_and_no_event(tmp_path: Path) -> None:
    path = tmp_path / "decroche.db"
    schema.prepare(path)
    assert ballast.make(ballast.beside(path), SIZE, 0)
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert "disk" in said["trouble"]
    assert said["done"] is False
    assert said["after"] == ballast.SPENT  # it goes on, and the board still says why
    assert said["at last"] == ""
    with closing(schema.reader(path)) as connection:
        assert connection.execute("SELECT count(*) FROM journal").fetchone()[0] == 2


LOG = """
import resource
import structlog
from decroche.records.logs import to_stderr

to_stderr()
resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))
for _ in range(3):
    structlog.get_logger().error("the database takes nothing; trying again")
print("goes on")
"""


def test_who_writes_a_log_on_a_full_disk_goes_on(tmp_path: Path) -> None:
    with open(tmp_path / "log", "wb") as log:
        done = subprocess.run(
            [sys.executable, "-c", LOG], stdout=subprocess.PIPE, stderr=log, timeout=30
        )
    assert done.stdout == b"goes on\n"
    assert (tmp_path / "log").stat().st_size == 10
