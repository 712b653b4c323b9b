"""What the flows write into the journal themselves: the ids and bodies that the recorder gives."""

import asyncio
from pathlib import Path

import pytest

from decroche.agi.call import AgiChannel
from decroche.agi.notes import Notes
from decroche.agi.wire import Reply
from decroche.asterisk.translate import Record, translate
from decroche.records import kinds
from decroche.records.events import MICRO, Event, now
from decroche.records.writer import JournalFull

TRUNK = "PJSIP/trunk-street-00000001"


class Wire:
    """Takes every command, and keeps them."""

    def __init__(self, channel: str = TRUNK, came: str = "") -> None:
        self.hung_up = asyncio.Event()
        self.environment = {
            "agi_channel": channel,
            "agi_uniqueid": "9.1",
            "agi_dnid": "0900000000",
            "agi_arg_2": came,
        }
        self.said: list[str] = []

    async def command(self, line: str, bound: float) -> Reply:
        self.said.append(line)
        return Reply("0")


class Kept:
    """A journal that takes what it is given, or is full."""

    def __init__(self, full: bool = False) -> None:
        self.events: list[Event] = []
        self._full = full

    def submit(self, *events: Event) -> "asyncio.Future[None]":
        if self._full:
            raise JournalFull("full")
        self.events += events
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.set_result(None)
        return future


def channel(notes: Notes, name: str = TRUNK) -> tuple[AgiChannel, Wire]:
    wire = Wire(name)
    return AgiChannel(wire, Path("/sounds"), notes), wire


async def test_it_writes_what_the_recorder_would_write() -> None:
    kept = Kept()
    notes = Notes(kept.submit)
    call, wire = channel(notes)
    await call.note(kinds.KNOWN, "f00d")
    await call.note(kinds.CHOSE, "1", "demarches")
    notes.flush()
    assert wire.said == []
    seen = [
        Record("CHAN_START", 1, TRUNK, "9.1", "9.1", "0900000000", ""),
        Record(kinds.KNOWN, 1, TRUNK, "9.1", "9.1", "s", '{"extra":"f00d"}'),
        Record(kinds.CHOSE, 1, TRUNK, "9.1", "9.1", "s", '{"extra":"1 demarches"}'),
    ]
    theirs = [translate(record, frozenset()) for record in seen]
    assert [(e.id, e.kind, e.call, e.body) for e in kept.events] == [
        (e.id, e.kind, e.call, e.body) for e in theirs if e
    ]
    assert kept.events[0].at <= kept.events[1].at <= kept.events[2].at


async def test_facts_of_a_moment_go_together_without_being_waited_for() -> None:
    kept = Kept()
    notes = Notes(kept.submit)
    call, _ = channel(notes)
    await call.note(kinds.KNOWN)
    await call.note(kinds.QUEUED, "visio")
    assert kept.events == []
    async with asyncio.timeout(2):
        while len(kept.events) < 3:
            await asyncio.sleep(0.005)
    assert [event.kind for event in kept.events] == [kinds.ARRIVED, kinds.KNOWN, kinds.QUEUED]
    assert kept.events[1].body == {}  # withheld


async def test_asterisk_keeps_what_is_no_callers_story() -> None:
    kept = Kept()
    notes = Notes(kept.submit)
    call, wire = channel(notes, "PJSIP/ana-00000002")
    await call.note(kinds.CHOSE, "1", "demarches")
    notes.flush()
    assert kept.events == []
    assert wire.said == ['EXEC CELGenUserEvent "call.chose,1 demarches"']


async def test_a_full_journal_harms_no_call() -> None:
    notes = Notes(Kept(full=True).submit)
    call, _ = channel(notes)
    await call.note(kinds.QUEUED, "visio")
    notes.flush()


@pytest.mark.parametrize("ago", [0, 1, 9 * MICRO])
def test_a_call_came_when_asterisk_says(ago: int) -> None:
    at = now() - ago
    assert AgiChannel(Wire(came=str(at)), Path()).began == at


@pytest.mark.parametrize(
    "told", ["", "soon", "-1", "1" * 15, "9" * 16, "٣" * 16, "1500000000000000"]
)
def test_what_cannot_be_believed_is_now(told: str) -> None:
    before = now()
    assert before <= AgiChannel(Wire(came=told), Path()).began <= now()
