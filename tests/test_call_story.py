"""The story of one call, from the first ring to its row, against SIPp's own log."""

import asyncio
import contextlib
import http.client
import json
import re
import socket
import threading
import time

import pytest

from decroche.dashboard import accounts
from decroche.records import kinds
from decroche.records.events import Event
from decroche.records.journal import Journal

from .conftest import Open
from .live import DID, LiveLine, seconds, until

pytestmark = pytest.mark.pbx

LINE = """
[menu]
default = "visio"
choices = [{ key = "1", queue = "demarches", label = "Un" }]
[queues.demarches]
label = "Démarches"
wrap_up = 1
[queues.visio]
label = "Visio"
"""
STORY = [
    kinds.ARRIVED,
    kinds.KNOWN,
    kinds.ASKED,
    kinds.CHOSE,
    kinds.QUEUED,
    kinds.RANG,
    kinds.ANSWERED,
    kinds.OFFER_ENDED,
    kinds.ENDED,
]
CLOSE = 0.2  # seconds between the record and SIPp's own log


@pytest.fixture(scope="module")
def line(open_line: Open) -> LiveLine:
    return open_line(LINE, {"camille": ["demarches"]}).start("recorder", "flows", "dashboard")


class Follower:
    """Follows the journal as the board does, and notes when each event came."""

    def __init__(self, line: LiveLine) -> None:
        self._line = line
        self._stop = threading.Event()
        self.seen: list[tuple[float, Event]] = []
        self._thread = threading.Thread(target=lambda: asyncio.run(self._follow()))

    def __enter__(self) -> "Follower":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join(10)

    async def _follow(self) -> None:
        async def read(journal: Journal) -> None:
            async for batch in journal.follow(0):
                self.seen += [(time.time(), event) for event in batch]

        async with Journal(self._line.folder.database) as journal:
            task = asyncio.create_task(read(journal))
            while not self._stop.is_set():
                await asyncio.sleep(0.05)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def kinds_of(self, call: str) -> list[str]:
        return [event.kind for _, event in self.seen if event.call == call]


class Board:
    """A browser that has the board open, and notes when each call showed which stage."""

    def __init__(self, line: LiveLine) -> None:
        database = line.folder.database
        accounts.claim(database, accounts.issue_code(database), "camille", "une petite phrase")
        cookie = accounts.open_session(database, "camille")
        self._wire = http.client.HTTPConnection("127.0.0.1", line.ports["page"], timeout=60)
        self._wire.request("GET", "/stream", headers={"Cookie": f"decroche={cookie}"})
        self._socket = self._wire.sock
        self._answer = self._wire.getresponse()
        assert self._answer.status == 200
        self.seen: list[tuple[float, str, str]] = []  # when, call's element, stage
        self._thread = threading.Thread(target=self._read)

    def __enter__(self) -> "Board":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._answer.close()
        self._wire.close()

    def _read(self) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            while text := self._answer.readline().decode():
                if text.startswith("data: "):
                    self._take(json.loads(text.removeprefix("data: ")))

    def _take(self, message: dict[str, list[str]]) -> None:
        for piece in message.get("set", []):
            if found := re.search(r'<tr id="(call-\d+)".*?class="steps (\w+)"', piece):
                self.seen.append((time.time(), found[1], found[2]))
        self.seen += [(time.time(), element, "ended") for element in message.get("gone", [])]

    def stages(self, element: str) -> dict[str, float]:
        """Stage -> when it was shown first, in order."""
        found: dict[str, float] = {}
        for at, call, stage in self.seen:
            if call == element:
                found.setdefault(stage, at)
        return found


def test_it_records_the_story_of_a_call_as_it_was(line: LiveLine) -> None:
    phones = line.phones("camille", answer=500)
    line.dial("camille", "*11")
    with Follower(line) as follower, Board(line) as board:
        first = line.call(("pause", "2000"), ("key", "1"), ("pause", "5500"), ("bye",))
        until(lambda: [c for c in line.calls() if c["stage"] == "talking"], 10, "the first talk")
        # Waits about 4 s; then Camille has rested 1 s, rings 0.5 s and talks about 5 s.
        caller = line.call(("pause", "2000"), ("key", "1"), ("pause", "9300"), ("bye",))
        second = until(lambda: line.rows("SELECT * FROM calls WHERE number = 2"), 5)[0]["call"]
        until(lambda: kinds.QUEUED in follower.kinds_of(second), 10, "the second caller to wait")
        assert kinds.RANG not in follower.kinds_of(second)
        first.succeed(20)
        caller.succeed(40)
        until(lambda: kinds.ENDED in follower.kinds_of(second), 5)
        until(lambda: "ended" in board.stages("call-2"), 5, "the board to show the end")
    line.until_quiet(calls=2)

    rows = line.calls()
    assert [row["outcome"] for row in rows] == ["answered", "answered"]
    row = rows[1]
    assert (row["choice"], row["queue"], row["agent"]) == ("1", "demarches", "camille")
    assert (row["did"], row["trunk"], row["rings"], row["fellback"]) == (DID, "street", 1, 0)
    arrived, chosen = caller.when("sent", "INVITE"), caller.when("sent", "INFO")
    rang = phones.log.when("received", "INVITE", 1)
    answered = phones.log.when("sent", "SIP/2.0 200", 1, "INVITE")
    ended = caller.when("sent", "BYE")
    truth = {
        "arrived": arrived,
        "chosen": chosen,
        "queued": chosen,
        "answered": answered,
        "left": ended,
        "ended": ended,
    }
    assert {name: seconds(row[name]) for name in truth} == pytest.approx(truth, abs=CLOSE)
    (offer,) = line.rows("SELECT * FROM offers WHERE call = ?", second)
    assert seconds(offer["rang"]) == pytest.approx(rang, abs=CLOSE)
    assert 4 < seconds(row["answered"] - row["queued"]) < 7
    assert 4 < seconds(row["ended"] - row["answered"]) < 7
    # Nobody is rung while still talking, and the agent had a rest of one second.
    assert 1 <= rang - first.when("sent", "BYE") < 1.5

    # Each state reached the follower, in order, and each within a second.
    # Asterisk ends both channels at once, in either order.
    told = follower.kinds_of(second)
    assert told[:-2] == STORY[:-2]
    assert set(told[-2:]) == set(STORY[-2:])
    late = [at - seconds(event.at) for at, event in follower.seen if event.call == second]
    assert max(late) < 1

    # The board showed each stage, and each within a second of the truth.
    shown = board.stages("call-2")
    truth = {
        "greeting": arrived,
        "waiting": chosen,
        "ringing": rang,
        "talking": answered,
        "ended": ended,
    }
    assert list(shown) == ["greeting", "menu", "waiting", "ringing", "talking", "ended"]
    assert {stage: shown[stage] for stage in truth} == pytest.approx(truth, abs=1)
