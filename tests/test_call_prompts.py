"""Sentences and the menu with real calls: recorded by phone, heard by the next caller."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from decroche.asterisk import phoned
from decroche.asterisk.levels import ALAW
from decroche.cli import main
from decroche.records import kinds, recordings
from decroche.records.recordings import Recording, SoundError

from .conftest import Open
from .ears import Ears, middle
from .live import DID, LiveLine, until
from .rawsip import RawCall
from .voices import spoken, voice

pytestmark = pytest.mark.pbx

LINE = """
[menu]
default = "visio"
style = "slow"
patience = 2
repeat = 1
choices = [
    { key = "1", queue = "demarches", label = "Un" },
    { key = "#", queue = "demarches", label = "Deux" },
]
[queues.visio]
label = "Visio"
[queues.demarches]
label = "Démarches"
[callbacks]
menu = "9"
waiting = false
[prompts]
greeting = "Bonjour."
wait = "Oui."
choice-1 = "Tapez un."
choice-hash = "Ou dièse."
choice-9 = "Ou neuf."
menu-first = "Doucement."
menu-again = "Réécouter : étoile."
menu-last = "Ou rien."
wrong-key = "Pas grave."
callback-impossible = "Restez en ligne."
callback-promised = "C'est noté."
record-now = "Voici."
record-speak = "Parlez."
record-poor = "Encore."
record-choice = "Garder ?"
record-kept = "Merci."
"""
WITHHELD = {"From": b'"Anonymous" <sip:anonymous@anonymous.invalid>'}


@pytest.fixture(scope="module")
def line(open_line: Open) -> Iterator[LiveLine]:
    line = open_line(LINE, {"ana": ["visio", "demarches"], "bob": [], "eve": []}).start()
    line.phones("ana", answer=200, talk=600)
    line.phones("bob", answer=200, talk=8000)
    yield line
    line.end()


@pytest.fixture(autouse=True)
def nothing_is_left(line: LiveLine) -> Iterator[None]:
    yield
    line.until_quiet(10)


def sound(line: LiveLine, name: str) -> bytes:
    return (line.folder.prompts / f"{name}.alaw").read_bytes()


def caller(line: LiveLine, headers: dict[str, bytes] | None = None) -> Ears:
    return Ears(line.ports["sip"], DID.encode(), headers=headers or {}, user="0612345678")


def agent(line: LiveLine, code: str) -> Ears:
    return Ears(line.ports["sip"], code.encode(), user="ana", password=line.passwords["ana"])


def hears(call: Ears, line: LiveLine, *names: str, seconds: float = 20) -> None:
    sounds = [sound(line, name) for name in names]
    until(lambda: call.has_heard(*sounds), seconds, f"{names} to be heard")


def times(call: Ears, sound: bytes, count: int) -> None:
    """Wait until something was heard that often."""
    until(lambda: call.heard.count(middle(sound)) >= count, 20, f"{count} times")


def last(line: LiveLine) -> dict[str, object]:
    return dict(line.calls()[-1])


def in_queue(line: LiveLine, queue: str) -> None:
    until(lambda: line.calls() and last(line)["queue"] == queue, 10, f"the caller to be in {queue}")


# The menu for people who fear menus.


def test_the_slow_menu_is_its_pieces_with_pauses(line: LiveLine) -> None:
    pieces = ["menu-first", "choice-1", "choice-hash", "choice-9", "menu-again", "menu-last"]
    pause = b"\xd5" * 9600
    assert sound(line, "menu") == pause.join(sound(line, piece) for piece in pieces)
    with caller(line) as call:
        hears(call, line, "greeting", *pieces, seconds=40)


def test_who_presses_nothing_is_with_a_human_after_one_saying(line: LiveLine) -> None:
    line.declare(kinds.AVAILABLE, "ana")
    with caller(line, WITHHELD) as call:
        until(lambda: last(line)["outcome"] == "answered", 40, "a human")
    line.declare(kinds.AWAY, "ana")
    row = last(line)
    assert (row["choice"], row["queue"]) == (None, "visio")
    assert row["caller"] is None  # withheld
    said = int(str(row["queued"])) - int(str(row["arrived"]))
    once = (len(sound(line, "greeting")) + len(sound(line, "menu"))) / 8000 + 2
    assert once <= said / 1e6 < once + 3
    assert call.heard.count(sound(line, "menu-last")) == 1


@pytest.mark.parametrize("moment", ["greeting", "menu-first"])
def test_zero_is_a_human_at_once(line: LiveLine, moment: str) -> None:
    with caller(line) as call:
        until(lambda: len(call.heard) > 1600, 10, "a sound")
        if moment != "greeting":
            hears(call, line, moment)
        call.press("0")
        in_queue(line, "visio")
    assert not call.has_heard(sound(line, "menu-last"))
    line.until_quiet()
    assert last(line)["choice"] == "0"


def test_a_wrong_key_is_forgiven_and_the_right_one_counts(line: LiveLine) -> None:
    with caller(line) as call:
        hears(call, line, "menu-first")
        call.press("7")
        hears(call, line, "wrong-key", "menu-first")
        call.press("1")
        in_queue(line, "demarches")
    assert last(line)["choice"] == "1"


def test_hash_is_a_key_like_the_others(line: LiveLine) -> None:
    with caller(line) as call:
        hears(call, line, "menu-first")
        call.press("#")
        in_queue(line, "demarches")
    assert last(line)["choice"] == "#"


def test_a_star_says_it_once_more(line: LiveLine) -> None:
    with caller(line) as call:
        hears(call, line, "menu-first", "choice-1")
        call.press("*")
        hears(call, line, "menu-first", "choice-1", "menu-first", "choice-1")
        assert not call.has_heard(sound(line, "wrong-key"))
        call.press("1")
        in_queue(line, "demarches")


def test_who_only_presses_nonsense_is_with_a_human_soon(line: LiveLine) -> None:
    with caller(line) as call:
        for count in range(1, 4):
            times(call, sound(line, "menu-first"), count)
            call.press("7")
            times(call, sound(line, "wrong-key"), count)
        in_queue(line, "visio")
    assert last(line)["choice"] is None


def test_a_withheld_number_cannot_be_called_back_and_hears_why(line: LiveLine) -> None:
    with caller(line, WITHHELD) as call:
        hears(call, line, "menu-first")
        call.press("9")
        hears(call, line, "callback-impossible")
        in_queue(line, "visio")
    with caller(line) as call:
        hears(call, line, "menu-first")
        call.press("9")
        hears(call, line, "callback-promised")


# Recorded by phone.


def record(line: LiveLine, code: str, name: str, new: bytes, *decisions: str) -> Ears:
    """Ana records a sentence: the same words each time, until it is decided."""
    with agent(line, code) as call:
        assert call.status == 200
        old = sound(line, name)
        until(lambda: call.has_heard(sound(line, "record-now"), old), 20, "the old sentence")
        for count, decision in enumerate(decisions, 1):
            times(call, sound(line, "record-speak"), count)
            until(lambda: list(line.folder.prompts.glob(".take-*/*.wav16")), 10, "a take")
            call.speak(new)
            call.press("#")
            times(call, sound(line, "record-choice"), count)
            if decision:
                call.press(decision)
        if decisions[-1] == "1":
            hears(call, line, "record-kept")
    line.until_quiet()
    return call


def events(line: LiveLine) -> list[dict[str, object]]:
    rows = line.rows("SELECT * FROM journal WHERE kind = ? ORDER BY seq", kinds.PROMPT_RECORDED)
    return [{"actor": row["actor"], **json.loads(row["body"])} for row in rows]


def test_the_next_caller_hears_what_an_agent_has_recorded(line: LiveLine) -> None:
    before, written = sound(line, "greeting"), len(events(line))
    record(line, "*1510", "greeting", voice(2, 350), "1")
    after = sound(line, "greeting")
    assert after != before
    assert len(after) / 8000 == pytest.approx(2.3, abs=0.4)
    assert line.folder.prompts.joinpath("greeting.sln16").stat().st_size == pytest.approx(
        4 * len(after), rel=0.01
    )
    assert recordings.notes(line.folder.prompts)["greeting"].text == "Bonjour."
    said = {"actor": "ana", "prompt": "greeting", "by": "phone", "seconds": 2}
    assert events(line)[written:] == [said]
    with caller(line) as call:
        hears(call, line, "greeting", "menu-first")
    assert list(line.folder.prompts.glob(".take-*")) == []


def test_a_piece_that_is_recorded_is_heard_in_the_menu(line: LiveLine) -> None:
    record(line, "*1591", "choice-1", voice(1, 610), "2", "1")
    assert sound(line, "choice-1") in sound(line, "menu")
    with caller(line) as call:
        hears(call, line, "menu-first", "choice-1", "choice-hash")
        call.press("1")
        in_queue(line, "demarches")


def test_who_hangs_up_has_changed_nothing(line: LiveLine) -> None:
    before, written = sound(line, "still"), events(line)
    record(line, "*1521", "still", voice(1, 500), "")
    assert sound(line, "still") == before
    assert events(line) == written
    assert list(line.folder.prompts.glob(".take-*")) == []


def test_a_service_that_dies_while_somebody_speaks_changes_nothing(line: LiveLine) -> None:
    before = sound(line, "still")
    with agent(line, "*1521") as call:
        hears(call, line, "record-now", "still", "record-speak")
        until(lambda: list(line.folder.prompts.glob(".take-*/*.wav16")), 10, "a take")
        line.signal(signal.SIGKILL, "flows")
        call.speak(voice(1, 500))
    line.serve("flows")
    assert sound(line, "still") == before


def test_a_trunk_records_nothing(line: LiveLine) -> None:
    for code in (b"*1510", b"*15", b"*1500", b"*151"):
        with RawCall(line.ports["sip"], code) as call:
            assert call.status == 404
    with agent(line, "*1500") as call:
        assert call.status == 404


# While the line is up.


def run(line: LiveLine, *words: str) -> str:
    arguments = ["--dir", str(line.folder.root), "prompt", *words]
    done = CliRunner().invoke(main, arguments, prog_name="decroche")
    assert done.exit_code == 0, done.output
    return done.output


def test_an_imported_file_is_heard_by_the_next_caller(line: LiveLine, tmp_path: Path) -> None:
    run(line, "import", str(spoken(tmp_path / "greeting.wav", 6)))
    with caller(line) as call:  # longer than the old one and its lease
        hears(call, line, "greeting", "menu-first")
    run(line, "restore", "greeting")
    with caller(line) as call:
        hears(call, line, "greeting", "menu-first")


def test_a_command_rings_an_agents_phone(line: LiveLine) -> None:
    """The phone of this test picks up and hangs up; a recording comes meanwhile, or not."""
    told: list[str] = []
    assert phoned.ring(line.folder, line.pbx, "ana", "wait", told.append) is None
    assert told == ["ana's phone rings; what to do is said there"]
    (phones, *_) = line.processes
    assert 'From: "Decroche"' in phones.messages("received", "INVITE")[-1].text

    def keep(said: str) -> None:
        until(lambda: list(line.folder.prompts.glob(".take-*/wait.wav16")), 15, "a take")
        take = recordings.take_folder(line.folder.prompts)
        (take / "x.alaw").write_bytes(voice(1, 500))
        (take / "x.sln16").write_bytes(bytes(32_000))
        recordings.put(line.folder.prompts, "wait", list(take.iterdir()), Recording(by="bob"))
        recordings.drop(take)

    kept = phoned.ring(line.folder, line.pbx, "bob", "wait", keep)
    assert kept is not None and kept.by == "bob"
    run(line, "restore", "wait")
    with pytest.raises(SoundError, match="cannot be reached"):
        phoned.ring(line.folder, line.pbx, "eve", "wait", told.append)
    with pytest.raises(SoundError, match="no agent"):
        phoned.ring(line.folder, line.pbx, "ana&PJSIP/bob", "wait", told.append)


def test_a_missing_sound_is_never_silence(line: LiveLine) -> None:
    """Every file is gone under a running line; callers hear Asterisk's own, and come through."""
    for path in line.folder.prompts.iterdir():
        if path.is_file():
            path.unlink()
    with caller(line) as call:
        until(lambda: loud(call.heard), 10, "one of Asterisk's own sounds")
        call.press("1")
        in_queue(line, "demarches")
    line.until_quiet()
    line.stop_services("flows")
    with caller(line) as call:  # the fallback's own sentence: nobody is there
        until(lambda: loud(call.heard), 30, "one of Asterisk's own sounds")
    line.serve("flows")
    found = CliRunner().invoke(main, ["--dir", str(line.folder.root), "prompt", "check"])
    assert found.exit_code == 1
    assert "greeting\tthere is no sound" in found.output
    line.apply()
    assert run(line, "check").strip() == "every sentence can be heard well"
    with caller(line) as call:
        hears(call, line, "greeting", "menu-first")


def loud(heard: bytes) -> bool:
    """Whether there is a tenth of a second of something in what was heard."""
    return sum(abs(ALAW[code]) > 1000 for code in heard) > 800
