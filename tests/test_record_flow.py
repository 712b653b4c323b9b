"""*15 by value: what an agent hears and what becomes of the take, without an Asterisk."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from decroche.agi.channel import HungUp
from decroche.agi.line import NEWS, Line
from decroche.agi.record import TAKES, record
from decroche.hotline import parse
from decroche.records import dialplan, kinds, recordings
from decroche.records.events import Event
from decroche.records.recordings import NoStudio, Recording, SoundError, Take

from .spy import Spy

LINE = """
[line]
name = "Essai"
[menu]
default = "visio"
[queues.visio]
label = "Visio"
"""


class Booth:
    """A studio that notes what it is asked; ``poor`` takes cannot be heard, ``bare`` has no sox."""

    def __init__(self, poor: int = 0, full: bool = False, bare: bool = False) -> None:
        self.poor, self.full, self.bare = poor, full, bare
        self.kept: list[tuple[str, str]] = []

    def make(self, name: str, raw: Path) -> Take:
        assert raw.suffix == ".wav16"
        if self.bare:
            raise NoStudio("sox is not on this machine")
        if self.poor:
            self.poor -= 1
            raise SoundError("there is nothing to be heard in it")
        return Take((raw.with_name("made.alaw"),), 3.4)

    def keep(self, name: str, made: Take, by: str) -> None:
        if self.full:
            raise OSError("no space left on device")
        self.kept.append((name, by))


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    return tmp_path / "sounds"


async def call(
    sounds: Path, booth: Booth | None, keys: Sequence[tuple[str, str]] = (), **spy: str
) -> tuple[list[str], list[Event]]:
    """What is said to an agent who presses these keys, and what is written down."""
    channel, written = Spy(keys, spy.get("gone_at", "")), list[Event]()
    channel.endpoint = spy.get("endpoint", "ana")

    async def append(event: Event) -> None:
        written.append(event)

    line = Line(parse(LINE), sounds, "00", lambda name: name == "ana", append)
    try:
        await record(channel, line, booth, spy.get("name", "wait"))
        assert channel.done[-2:] == [("set", dialplan.OK, "1"), ("settle",)]
    except HungUp:
        assert "gone_at" in spy
    assert list(sounds.glob(".take-*")) == []
    assert channel.done[0][0] == "lease"
    return [step[1] for step in channel.of("say", "record")], written


INTRO = ["record-now", "wait", "record-speak", "wait.wav16", "made"]


async def test_it_is_kept_when_the_agent_says_so(sounds: Path) -> None:
    booth = Booth()
    said, written = await call(sounds, booth, [("record-choice", "1")])
    assert said == [*INTRO, "record-choice", "record-kept"]
    assert booth.kept == [("wait", "ana")]
    (event,) = written
    assert (event.kind, event.actor) == (kinds.PROMPT_RECORDED, "ana")
    assert event.body == {"prompt": "wait", "by": "phone", "seconds": 3}


async def test_a_key_may_be_pressed_while_it_is_played_back(sounds: Path) -> None:
    booth = Booth()
    said, _ = await call(sounds, booth, [("made", "1")])
    assert said == [*INTRO, "record-kept"]
    assert booth.kept


async def test_it_begins_again_as_often_as_wished(sounds: Path) -> None:
    booth = Booth()
    keys = [("made", "2"), ("record-choice", "2"), ("record-choice", "1")]
    said, _ = await call(sounds, booth, keys)
    assert said.count("record-speak") == 3
    assert len(booth.kept) == 1


@pytest.mark.parametrize("moment", ["record-now", "wait", "record", "made", "record-choice"])
async def test_whoever_hangs_up_leaves_all_as_it_was(sounds: Path, moment: str) -> None:
    booth = Booth()
    _, written = await call(sounds, booth, gone_at=moment)
    assert (booth.kept, written) == ([], [])


async def test_whoever_does_not_decide_leaves_all_as_it_was(sounds: Path) -> None:
    booth = Booth()
    said, written = await call(sounds, booth, [("record-choice", "7")])
    assert said.count("record-choice") == 3
    assert (booth.kept, written) == ([], [])


async def test_what_cannot_be_heard_is_said_and_tried_again(sounds: Path) -> None:
    booth = Booth(poor=2)
    said, _ = await call(sounds, booth, [("record-choice", "1")])
    assert said.count("record-poor") == 2
    assert booth.kept
    booth = Booth(poor=99)
    said, written = await call(sounds, booth)
    assert said.count("record-poor") == TAKES
    assert (booth.kept, written) == ([], [])


async def test_a_full_disk_is_said(sounds: Path) -> None:
    said, written = await call(sounds, Booth(full=True), [("record-choice", "1")])
    assert said[-1] == "failed"
    assert written == []


@pytest.mark.parametrize("endpoint", ["stranger", "trunk-street"])
async def test_nobody_else_records(sounds: Path, endpoint: str) -> None:
    said, written = await call(sounds, Booth(), endpoint=endpoint)
    assert (said, written) == (["failed"], [])


async def test_without_a_studio_it_says_that_it_failed(sounds: Path) -> None:
    assert await call(sounds, None) == (["failed"], [])
    said, written = await call(sounds, Booth(bare=True))
    assert (said, written) == ([*INTRO[:-1], "failed"], [])


@pytest.mark.parametrize("name", ["", "choice", "../secrets", "wait/../wait"])
async def test_only_a_sentence_of_the_line_is_recorded(sounds: Path, name: str) -> None:
    said, written = await call(sounds, Booth(), name=name)
    assert (said, written) == (["failed"], [])


# What a flow knows of the sentences.


def line_of(sounds: Path) -> Line:
    async def nowhere(event: Event) -> None:
        await asyncio.sleep(0)

    return Line(parse(LINE), sounds, "00", lambda name: True, nowhere)


def test_a_longer_recording_has_a_longer_lease_at_once(sounds: Path) -> None:
    """Another process puts it there; the next caller must hear it to its end."""
    line = line_of(sounds)
    assert line.seconds("wait") == 1
    for length in (3, 30, 7):
        take = recordings.take_folder(sounds)
        (take / "x.alaw").write_bytes(bytes(8_000 * length))
        recordings.put(sounds, "wait", list(take.iterdir()), Recording())
        recordings.drop(take)
        assert line.seconds("wait") == length + 1


def test_the_news_are_said_once_they_are_recorded(sounds: Path) -> None:
    line = line_of(sounds)
    assert not line.has(NEWS)
    take = recordings.take_folder(sounds)
    (take / "x.alaw").write_bytes(bytes(16_000))
    recordings.put(sounds, NEWS, list(take.iterdir()), Recording())
    recordings.drop(take)
    assert line.has(NEWS)
    recordings.restore(sounds, NEWS)
    assert not line.has(NEWS)
    (sounds / f"{NEWS}.alaw").write_bytes(bytes(8000))
    recordings.write_drafts(sounds, {NEWS: "a draft of a text that is gone"})
    assert not line.has(NEWS)
