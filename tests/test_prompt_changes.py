"""A sentence changes its sound in one step, whoever dies in it, and the last change can go back."""

import os
import shutil
import threading
import time
from pathlib import Path

import pytest

from decroche.records import recordings
from decroche.records.recordings import (
    FORMATS,
    NEXT,
    Recording,
    SoundError,
    drafts,
    notes,
    put,
    put_aside,
    restore,
    write_drafts,
)


class Died(BaseException):
    """The process ends here."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One sentence, drafted."""
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    for kind in FORMATS:
        (sounds / f"wait.{kind}").write_bytes(b"draft")
    write_drafts(sounds, {"wait": "mark"})
    return sounds


def made(folder: Path, voice: str) -> list[Path]:
    """A take of somebody's voice, ready to be kept."""
    take = folder.parent / voice
    take.mkdir(exist_ok=True)
    for kind in FORMATS:
        (take / f"made.{kind}").write_bytes(voice.encode())
    return sorted(take.iterdir())


def record(folder: Path, voice: str) -> None:
    put(folder, "wait", made(folder, voice), Recording("Un instant.", 1, voice, "phone"))


def heard(folder: Path) -> tuple[str, str]:
    """What the two files say, and whose recording it is said to be."""
    voices = {path.read_bytes().decode() for path in recordings.files(folder, "wait")}
    by = notes(folder)["wait"].by if "wait" in notes(folder) else ""
    return "+".join(sorted(voices)), by


def test_a_recording_takes_the_drafts_place(folder: Path) -> None:
    record(folder, "ana")
    assert heard(folder) == ("ana", "ana")
    assert drafts(folder) == {}
    assert [path.name for path in recordings.recordings(folder)] == [
        "wait.alaw", "wait.sln16", "recordings.json",
    ]  # fmt: skip


def test_the_last_change_goes_back_and_forth(folder: Path) -> None:
    record(folder, "ana")
    record(folder, "bob")
    assert restore(folder, "wait") is True
    assert heard(folder) == ("ana", "ana")
    assert restore(folder, "wait") is True
    assert heard(folder) == ("bob", "bob")


def test_before_the_first_recording_there_was_a_draft(folder: Path) -> None:
    record(folder, "ana")
    assert restore(folder, "wait") is False
    assert heard(folder) == ("", "")  # it is made again by whoever asked
    assert restore(folder, "wait") is True
    assert heard(folder) == ("ana", "ana")


def test_a_recording_that_was_put_aside_can_come_back(folder: Path) -> None:
    record(folder, "ana")
    put_aside(folder, "wait")
    assert heard(folder) == ("", "")
    restore(folder, "wait")
    assert heard(folder) == ("ana", "ana")


def test_what_was_put_there_by_hand_is_kept_one_step_back_too(folder: Path) -> None:
    for path in recordings.files(folder, "wait"):
        path.unlink()
    (folder / "wait.wav16").write_bytes(b"hand")
    record(folder, "ana")
    assert [path.suffix for path in recordings.files(folder, "wait")] == [".alaw", ".sln16"]
    restore(folder, "wait")
    assert [path.suffix for path in recordings.files(folder, "wait")] == [".wav16"]


def test_nothing_is_before_a_sentence_that_never_changed(folder: Path) -> None:
    with pytest.raises(SoundError, match="nothing to go back to"):
        restore(folder, "wait")
    assert heard(folder) == ("draft", "")


def test_it_is_old_or_new_wherever_it_dies(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step of a change is the last one of a process, and the next process comes."""
    record(folder, "ana")
    begin = folder.parent / "begin"
    shutil.copytree(folder, begin)
    seen = set()
    for last in range(1, 200):
        steps = 0

        def step(name: str, real: object, last: int = last) -> object:
            def act(*values: object, **more: object) -> object:
                nonlocal steps
                steps += 1
                if steps == last:
                    raise Died(name)
                return real(*values, **more)  # type: ignore[operator]

            return act

        shutil.rmtree(folder)
        shutil.copytree(begin, folder)
        takes = made(folder, "bob")
        with monkeypatch.context() as patch:
            for name in ("replace", "rename", "unlink", "touch"):
                patch.setattr(Path, name, step(name, getattr(Path, name)))
            patch.setattr(recordings, "drop", step("drop", recordings.drop))
            patch.setattr(shutil, "copyfile", step("copy", shutil.copyfile))
            try:
                put(folder, "wait", takes, Recording("", 2, "bob", "phone"))
            except Died:
                pass
            else:
                break
        with recordings.alone(folder):  # whoever comes next
            assert heard(folder) in (("ana", "ana"), ("bob", "bob"))
            assert list(folder.glob(f"{NEXT}*")) == []
            seen.add(heard(folder)[0])
    assert last > 10
    assert seen == {"ana", "bob"}


def test_a_take_that_nobody_kept_goes_after_an_hour(folder: Path) -> None:
    old, young = recordings.take_folder(folder), recordings.take_folder(folder)
    os.utime(old, (time.time() - 7200, time.time() - 7200))
    recordings.sweep(folder)
    assert (old.exists(), young.exists()) == (False, True)


def test_two_changes_at_once_are_one_after_the_other(folder: Path) -> None:
    voices = [f"v{number}" for number in range(8)]
    threads = [threading.Thread(target=record, args=(folder, voice)) for voice in voices]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    voice, by = heard(folder)
    assert voice == by
    assert by in voices


def test_a_restored_recording_wins_over_the_draft_that_stood_there(folder: Path) -> None:
    """A backup holds recordings and their notes; the drafts of the line below it stay noted."""
    record(folder, "ana")
    kept = {path.name: path.read_bytes() for path in recordings.recordings(folder)}
    restore(folder, "wait")
    for kind in FORMATS:
        (folder / f"wait.{kind}").write_bytes(b"draft")
    write_drafts(folder, {"wait": "mark"})
    for name, data in kept.items():
        (folder / name).write_bytes(data)
    found = recordings.recorded_files(folder, "wait", notes(folder), drafts(folder))
    assert len(found) == 2
    assert heard(folder) == ("ana", "ana")


def test_a_note_that_cannot_be_read_loses_no_sound(folder: Path) -> None:
    record(folder, "ana")
    (folder / "recordings.json").write_text("{", "utf-8")
    assert heard(folder) == ("ana", "")
    noted, marks = notes(folder), drafts(folder)
    assert len(recordings.recorded_files(folder, "wait", noted, marks)) == 2
