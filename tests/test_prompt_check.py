"""What `prompt check` finds, each fault on a line that is otherwise well."""

import struct
import wave
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from decroche.asterisk import heard, prompts
from decroche.asterisk.heard import Problem
from decroche.asterisk.release import Release
from decroche.hotline import Hotline, Line, parse
from decroche.records import recordings
from decroche.records.folder import Folder
from decroche.records.recordings import Recording

LINE = parse("""
[line]
name = "Essai"
[menu]
default = "visio"
choices = [{ key = "1", queue = "visio", label = "Visio" }]
[queues.visio]
label = "Visio"
""")
TONE = b"".join(struct.pack("<h", 3000 if at // 20 % 2 else -3000) for at in range(16_000))


@pytest.fixture(scope="module")
def master(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    folder = Folder(tmp_path_factory.mktemp("line"))
    assert prompts.refresh(release, folder, LINE) == []
    return folder


@pytest.fixture
def sounds(master: Folder, tmp_path: Path) -> Path:
    """The folder of a line whose sentences are all drafted."""
    copy = tmp_path / "sounds"
    copy.mkdir()
    for path in master.prompts.iterdir():
        if path.is_file():
            (copy / path.name).write_bytes(path.read_bytes())
    return copy


def check(sounds: Path, hotline: Hotline = LINE) -> list[Problem]:
    return list(heard.check(sounds, hotline))


def record(sounds: Path, name: str, data: bytes, text: str = "") -> None:
    """Put samples of 16 bits, 16 kHz, in a sentence's place, and its A-law beside them."""
    take = recordings.take_folder(sounds)
    (take / f"{name}.sln16").write_bytes(data)
    (take / f"{name}.alaw").write_bytes(b"\x55" * (len(data) // 4))
    recordings.put(sounds, name, sorted(take.iterdir()), Recording(text, 1, "ana", "phone"))
    recordings.drop(take)


def test_a_line_that_is_well_has_nothing_to_find(sounds: Path) -> None:
    assert check(sounds) == []


def test_a_recording_of_this_text_is_well(sounds: Path) -> None:
    text = {one.name: one.text for one in heard.sentences(sounds, LINE)}["wait"]
    record(sounds, "wait", TONE, text)
    assert check(sounds) == []


def remove(sounds: Path) -> None:
    for path in recordings.files(sounds, "wait"):
        path.unlink()


def stand_in(sounds: Path) -> None:
    remove(sounds)
    (sounds / "wait.g722").write_bytes(b"core")
    marks = recordings.drafts(sounds) | {"wait": "g722 fallback"}
    recordings.write_drafts(sounds, marks)


def wav(rate: int, channels: int) -> Callable[[Path], None]:
    def put(sounds: Path) -> None:
        remove(sounds)
        with wave.open(str(sounds / "wait.wav"), "wb") as sound:
            sound.setnchannels(channels)
            sound.setsampwidth(2)
            sound.setframerate(rate)
            sound.writeframes(TONE)

    return put


def halved(sounds: Path) -> None:
    record(sounds, "wait", TONE)
    (sounds / "wait.alaw").write_bytes(b"\x55" * 4000)


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (remove, "there is no sound; callers hear Asterisk's own 'queue-thankyou'"),
        (stand_in, "there is no voice"),
        (lambda sounds: record(sounds, "wait", TONE * 31), "too long: 31 s"),
        (lambda sounds: record(sounds, "wait", bytes(32_000)), "too quiet: -96 dB"),
        (lambda sounds: record(sounds, "wait", b"\x10\0\xf0\xff" * 8000), "too quiet: -66 dB"),
        (lambda sounds: record(sounds, "wait", b"\0\x40\0\xc0" * 8000), "too loud: -6 dB"),
        (lambda sounds: record(sounds, "wait", TONE, "D'autres mots."), "for: D'autres mots."),
        (halved, "different lengths"),
        (wav(44_100, 1), "44100 samples a second instead of 8000"),
        (wav(8000, 2), "cannot be played"),
    ],
)
def test_it_finds(sounds: Path, spoil: Callable[[Path], None], problem: str) -> None:
    spoil(sounds)
    found = [one for one in check(sounds) if one.name == "wait"]
    assert found and problem in found[0].problem
    assert "decroche" in found[0].remedy
    assert {one.name for one in check(sounds)} == {"wait"}


def test_it_finds_what_is_cut_off(sounds: Path) -> None:
    clipped = (struct.pack("<h", 32767) * 8 + bytes(1000)) * 30
    record(sounds, "wait", clipped)
    assert "distorted: cut off 30 times" in [one.problem for one in check(sounds)]


def test_a_menu_in_one_breath_is_out_of_date_when_a_label_changes(sounds: Path) -> None:
    menu = {one.name: one.text for one in heard.sentences(sounds, LINE)}["menu"]
    record(sounds, "menu", TONE, menu)
    assert check(sounds) == []
    text = """[line]\nname = "Essai"\n[queues.visio]\nlabel = "V"\n[menu]\ndefault = "visio"
        choices = [{ key = "1", queue = "visio", label = "La vidéo" }]"""
    assert (
        "its text has changed"
        in [one.problem for one in check(sounds, parse(text)) if one.name == "menu"][0]
    )


def test_the_list_says_what_is_heard(sounds: Path) -> None:
    record(sounds, "wait", TONE)
    record(sounds, "information", TONE)  # has no text
    found = {one.name: one for one in heard.sentences(sounds, LINE)}
    assert found["wait"].heard == "recorded"
    assert found["wait"].note and found["wait"].note.by == "ana"
    assert found["still"].heard == "draft"
    assert found["menu"].heard == "put together"
    assert (found["information"].heard, found["information"].text) == ("recorded", "")
    assert [one.number for one in found.values()] == sorted(
        one.number or 0 for one in found.values()
    )


def test_a_slow_menu_is_spoken_slowly_and_english_is_spoken_too(
    release: Release, master: Folder, tmp_path: Path
) -> None:
    menu = msgspec.structs.replace(LINE.menu, style="slow")
    slow = msgspec.structs.replace(LINE, menu=menu)
    english = msgspec.structs.replace(slow, line=Line(name="Trial", language="en"))
    plain = {one.name: one.seconds or 0 for one in heard.sentences(master.prompts, LINE)}
    for line in (slow, english):
        folder = Folder(tmp_path / line.line.language)
        assert prompts.refresh(release, folder, line) == []
        assert check(folder.prompts, line) == []
    seconds = {
        one.name: one.seconds or 0 for one in heard.sentences(Folder(tmp_path / "fr").prompts, slow)
    }
    assert all(seconds[name] > plain[name] for name in plain)
    assert seconds["menu"] > plain["menu"] + seconds["menu-first"] + seconds["menu-again"] + 3
