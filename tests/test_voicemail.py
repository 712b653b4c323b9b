"""Voicemail: left by real callers, heard by phone, and gone when its clock says so."""

import os
import signal
import wave
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from decroche.agi.channel import HungUp
from decroche.agi.line import Line
from decroche.agi.message import listen, turn_away
from decroche.asterisk import line as lines
from decroche.hotline import DAYS, parse
from decroche.records import kinds, messages
from decroche.records.clocks import DAY
from decroche.records.events import MICRO, Event, now
from decroche.records.folder import Folder
from decroche.records.rebuild import projections, rebuild
from decroche.records.schema import prepare, reader
from decroche.records.store import Store

from .conftest import Open
from .live import LiveLine, until
from .spy import Spy

TEXT = """
[line]
name = "Essai"
[menu]
default = "visio"
[queues.visio]
label = "Visio"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path)
    prepare(folder.database)
    messages.prepare(folder)
    return folder


def append(folder: Folder, *events: Event) -> None:
    store = Store(folder.database)
    try:
        store.append(events)
    finally:
        store.close()


def called(folder: Folder, call: str, caller: str = "ab" * 16, at: int = 0) -> None:
    """A call that has ended, dismissed by a closed line."""
    at = at or now()
    body = {"trunk": "local", "did": "100"}
    steps = (
        (kinds.ARRIVED, body),
        (kinds.KNOWN, {"caller": caller} if caller else {}),
        (kinds.DISMISSED, {"outcome": "closed"}),
        (kinds.ENDED, {"cause": "16"}),
    )
    for number, (kind, words) in enumerate(steps):
        append(folder, Event(id=f"{call}:{kind}", at=at + number, kind=kind, call=call, body=words))


def recorded(folder: Folder, call: str, seconds: int = 3, at: int = 0) -> Path:
    file = messages.file_of(folder, call)
    file.write_bytes(bytes(messages.HEADER + messages.BYTES * seconds))
    if at:
        os.utime(file, (at / MICRO, at / MICRO))
    return file


def one(folder: Folder, sql: str) -> dict[str, object]:
    with closing(reader(folder.database)) as connection:
        return dict(connection.execute(sql).fetchone())


def test_a_message_is_how_the_call_ended_and_stands_in_the_ledger(folder: Folder) -> None:
    called(folder, "c.1")
    append(folder, messages.left("c.1", "visio", 3, now()))
    assert one(folder, "SELECT outcome FROM calls") == {"outcome": "message-left"}
    assert one(folder, "SELECT attempts, closed FROM ledger") == {"attempts": 1, "closed": None}
    message = one(folder, "SELECT * FROM messages")
    assert (message["seconds"], message["caller"], message["heard"]) == (3, "ab" * 16, None)
    before = projections(folder.database)
    rebuild(folder.database)
    assert projections(folder.database) == before


def test_a_withheld_number_may_leave_one_too(folder: Folder) -> None:
    called(folder, "c.1", caller="")
    append(folder, messages.left("c.1", "visio", 3, now()))
    assert one(folder, "SELECT count(*) AS n FROM ledger") == {"n": 0}
    assert one(folder, "SELECT caller FROM messages") == {"caller": None}


@pytest.mark.parametrize(
    ("left", "heard", "gone"),
    [(29, None, False), (31, None, True), (8, 6, False), (9, 8, True), (31, 1, True)],
)
def test_it_goes_a_week_after_somebody_heard_it_and_after_a_month_at_most(
    folder: Folder, left: int, heard: int | None, gone: bool
) -> None:
    at = now()
    called(folder, "c.1", at=at - left * DAY)
    file = recorded(folder, "c.1", at=at - left * DAY)
    append(folder, messages.left("c.1", "visio", 3, at - left * DAY))
    if heard is not None:
        event = messages.heard("c.1", "ana", "phone")
        made = {"id": event.id, "kind": event.kind, "call": "c.1", "actor": "ana"}
        append(folder, Event(**made, at=at - heard * DAY))  # type: ignore[arg-type]
    assert messages.purge(folder, at) == int(gone)
    assert file.exists() == (not gone)
    assert (one(folder, "SELECT removed FROM messages")["removed"] is not None) == gone


def test_a_message_of_which_nothing_is_known_is_found_again(folder: Folder) -> None:
    """A service that died while somebody spoke."""
    at = now()
    called(folder, "c.1")
    recorded(folder, "c.1", at=at - 60 * MICRO)
    recorded(folder, "c.2", at=at - 60 * MICRO)  # whose call goes on
    assert messages.adopt(folder, at) == 1
    assert one(folder, "SELECT call, seconds FROM messages") == {"call": "c.1", "seconds": 3}
    assert messages.adopt(folder, at) == 0


def test_what_is_no_message_is_deleted(folder: Folder) -> None:
    at = now()
    called(folder, "c.1")
    file = recorded(folder, "c.1", seconds=0, at=at - 60 * MICRO)
    stranger = recorded(folder, "x", at=at - 31 * DAY)
    fresh = recorded(folder, "c.3", at=at)
    assert messages.adopt(folder, at) == 0
    assert (file.exists(), stranger.exists(), fresh.exists()) == (False, False, True)


@pytest.mark.parametrize("call", ["../secrets", "a/b", "", "a\x00b"])
def test_a_file_lies_in_its_folder_only(folder: Folder, call: str) -> None:
    with pytest.raises(ValueError, match="no id"):
        messages.file_of(folder, call)


# The flow.


def line_of(folder: Folder, text: str = "[voicemail]\n") -> Line:
    async def written(event: Event) -> None:
        append(folder, event)

    hotline = parse(TEXT + text)
    return Line(hotline, folder.prompts, "00", lambda n: n == "ana", written, folder=folder)


@pytest.mark.parametrize("end", ["", "record"])
async def test_who_is_not_answered_leaves_a_message(folder: Folder, end: str) -> None:
    channel = Spy(gone_at=end)
    called(folder, channel.call)
    channel.says = 4
    try:
        await turn_away(channel, line_of(folder), "visio", "overflow", "too-long")
    except HungUp:
        assert end
    assert one(folder, "SELECT seconds FROM messages") == {"seconds": 4}
    assert ("say", "voicemail-nobody") in channel.done
    assert (("say", "voicemail-noted") in channel.done) == (not end)


async def test_who_says_nothing_has_left_nothing(folder: Folder) -> None:
    channel = Spy()
    await turn_away(channel, line_of(folder), "visio", "closed", "closed")
    assert channel.of("say")[0] == ("say", "voicemail-closed")
    assert one(folder, "SELECT count(*) AS n FROM messages") == {"n": 0}


@pytest.mark.parametrize(
    ("text", "outcome"),
    [("", "closed"), ("[voicemail]\nclosed = false\n", "closed")],
)
async def test_without_voicemail_there_is_a_sentence(
    folder: Folder, text: str, outcome: str
) -> None:
    channel = Spy()
    await turn_away(channel, line_of(folder, text), "visio", outcome, "closed")
    assert channel.of("say", "record") == [("say", "closed")]


async def test_an_agent_hears_what_nobody_has_heard(folder: Folder) -> None:
    for call in ("c.1", "c.2"):
        called(folder, call)
        recorded(folder, call)
        append(folder, messages.left(call, "visio", 3, now()))
    channel = Spy([("voicemail-next", "1"), ("c_2.wav", "2")])
    await listen(channel, line_of(folder))
    said = [step[1] for step in channel.of("say")]
    assert said == [
        "c_1.wav", "voicemail-next", "c_1.wav", "voicemail-next", "c_2.wav", "voicemail-done",
    ]  # fmt: skip
    assert one(folder, "SELECT count(*) AS n FROM messages WHERE heard_by = 'ana'") == {"n": 2}
    again = Spy()
    await listen(again, line_of(folder))
    assert [step[1] for step in again.of("say")] == ["voicemail-none"]


async def test_a_stranger_hears_nothing(folder: Folder) -> None:
    channel = Spy()
    channel.endpoint = "stranger"
    await listen(channel, line_of(folder))
    assert channel.of("say") == [("say", "failed")]


# Real calls.

CLOSED = """
[menu]
default = "visio"
[queues.visio]
label = "Visio"
[voicemail]
silence = 2
[hours]
"""


@pytest.fixture(scope="module")
def line(open_line: Open) -> Iterator[LiveLine]:
    at = datetime.now(ZoneInfo("Europe/Paris"))
    day = DAYS[(at.weekday() + 3) % 7]
    made = open_line(CLOSED + f'{day} = ["09:00-18:00"]\n', {"ana": ["visio"]}).start()
    yield made
    made.end()


@pytest.mark.pbx
def test_real_callers_leave_messages_and_an_agent_hears_them(line: LiveLine) -> None:
    line.phones("ana", answer=None)
    speaks = (("pause", "2500"), ("speak", "3"))
    line.call(*speaks, ("bye",), user="0655443322").succeed(30)  # hangs up: that is how it ends
    ends = (("key", "#"), ("until-bye", "20000"))
    line.call(*speaks, *ends, user="anonymous").succeed(30)  # says that it is all
    line.call(("pause", "500"), ("bye",), user="0711111111").succeed(30)  # does not wait for it
    line.until_quiet(calls=3)
    until(lambda: len(line.rows("SELECT * FROM messages")) == 2, 5, "two messages")
    rows = line.rows("SELECT * FROM messages ORDER BY left")
    outcomes = [row["outcome"] for row in line.calls()]
    assert outcomes == ["message-left", "message-left", "closed"]
    assert [row["caller"] is None for row in rows] == [False, True]
    for row in rows:
        file = messages.file_of(line.folder, row["call"])
        with wave.open(str(file)) as sound:
            assert (sound.getframerate(), sound.getsampwidth()) == (8000, 2)
            assert any(sound.readframes(sound.getnframes()))
            assert 1 <= sound.getnframes() // 8000 <= 6
        assert file.parent.stat().st_mode & 0o077 == 0
    entries = line.rows("SELECT attempts FROM ledger WHERE closed IS NULL")
    assert entries == [{"attempts": 1}]

    keys = (("pause", "1500"), ("key", "2"), ("pause", "1500"), ("key", "2"))
    line.dial("ana", "*13", story=(*keys, ("until-bye", "20000")))
    heard = line.rows("SELECT heard_by FROM messages")
    assert heard == [{"heard_by": "ana"}] * 2
    assert [f.problem for f in lines.check(line.folder, lambda d, t: None) if f.problem] == []


@pytest.mark.pbx
def test_a_message_survives_the_service_that_took_it(line: LiveLine) -> None:
    left = line.call(("pause", "2500"), ("speak", "4"), ("bye-after", "1000"))
    kept = len(list(line.folder.messages.glob("*.wav")))
    until(lambda: len(list(line.folder.messages.glob("*.wav"))) > kept, 20, "a recording")
    until(lambda: newest(line).stat().st_size > 2 * messages.BYTES, 10, "two seconds of it")
    line.signal(signal.SIGKILL, "flows")
    left.succeed(30)
    line.until_quiet()
    file = newest(line)
    os.utime(file, (file.stat().st_atime, file.stat().st_mtime - 60))  # a minute later
    assert messages.adopt(line.folder, now()) == 1
    call = line.calls()[-1]["call"]
    (message,) = line.rows("SELECT * FROM messages WHERE call = ?", call)
    assert messages.file_of(line.folder, message["call"]) == file
    assert int(message["seconds"]) >= 2
    assert line.calls()[-1]["outcome"] == "message-left"


def newest(line: LiveLine) -> Path:
    return max(line.folder.messages.glob("*.wav"), key=lambda file: file.stat().st_ctime)
