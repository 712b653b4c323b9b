"""The whole line in one process meets a damaged database while somebody talks."""

import http.client
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from decroche.asterisk.fault_acts import holds_events, places
from decroche.records import kinds, salvage

from .conftest import Open
from .live import ALL, LiveLine, until

pytestmark = pytest.mark.pbx

LINE = """
[menu]
default = "demarches"
patience = 1
repeat = 1
[queues.demarches]
label = "Démarches"
wrap_up = 0
ring_time = 15
"""


@pytest.fixture
def line(open_line: Open) -> Iterator[LiveLine]:
    made = open_line(LINE, {"ana": ["demarches"], "bob": ["demarches"]}).start(ALL)
    yield made
    made.end()


def damage(line: LiveLine) -> None:
    """Zeros over every page of the journal."""
    path = line.folder.database
    with closing(sqlite3.connect(path, timeout=10)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = int(connection.execute("PRAGMA page_size").fetchone()[0])
    data = bytearray(path.read_bytes())
    for place in places(path, size):
        if holds_events(bytes(data[place : place + size])):
            with open(path, "r+b") as file:
                file.seek(place)
                file.write(bytes(size))


def answers(line: LiveLine) -> bool:
    """Whether the page is there."""
    wire = http.client.HTTPConnection("127.0.0.1", line.ports["page"], timeout=2)
    try:
        wire.request("GET", "/")
        return wire.getresponse().status < 500
    except OSError:
        return False
    finally:
        wire.close()


def test_talks_go_on_and_everything_begins_anew(line: LiveLine) -> None:
    line.phones("ana", talk=8_000)
    line.declare(kinds.AVAILABLE, "ana")
    caller = line.call(("until-bye", "30000"))
    until(lambda: [row["stage"] for row in line.calls()] == ["talking"], 15, "a talk")
    damage(line)
    second = line.call(("bye-after", "3000"))  # whatever it writes down meets the damage
    until(lambda: list(line.folder.root.glob("decroche.db.corrupt-*")), 10, "the file to be mended")
    until(lambda: answers(line), 10, "the page to be there again")
    assert line.services[ALL].poll() is None
    second.succeed(20)
    caller.succeed(30)
    line.until_quiet(10, calls=2)
    assert [row["outcome"] for row in line.calls()] == ["answered", "abandoned"]
    assert salvage.is_whole(line.folder.database)
    body = line.rows("SELECT body FROM journal WHERE kind = ?", kinds.SALVAGED)
    assert len(body) == 1

    line.phones("bob", talk=300)
    line.declare(kinds.AWAY, "ana")
    line.declare(kinds.AVAILABLE, "bob")
    line.call(("until-bye", "20000")).succeed(30)
    until(lambda: line.calls()[-1]["outcome"] == "answered", 5, "the next call in the record")
