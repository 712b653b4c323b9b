"""The story of one call, from the first ring to its row, against SIPp's own log."""

import asyncio
import threading
import time

import pytest

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
    return open_line(LINE, {"camille": ["demarches"]}).start()


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


def test_it_records_the_story_of_a_call_as_it_was(line: LiveLine) -> None:
    phones = line.phones("camille", answer=500)
    line.dial("camille", "*11")
    with Follower(line) as follower:
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
    assert follower.kinds_of(second) == STORY
    late = [at - seconds(event.at) for at, event in follower.seen if event.call == second]
    assert max(late) < 1
