"""A sentence that somebody recorded wins over the draft, and no apply takes it away."""

import contextlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from decroche.asterisk.prompts import prepare
from decroche.asterisk.release import Release
from decroche.records import recordings
from decroche.records.recordings import Recording

TEXTS = {"greeting": "Bonjour.", "wait": "Un instant."}


@pytest.fixture
def release(tmp_path: Path) -> Release:
    """An Asterisk without a voice, with two sounds of its own."""
    sounds = tmp_path / "data" / "sounds" / "fr"
    sounds.mkdir(parents=True)
    for name in ("beep", "queue-thankyou"):
        (sounds / f"{name}.g722").write_bytes(b"core")
    return Release(tmp_path, "22.0.0", False, tmp_path / "modules", tmp_path / "data")


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name[0] != ".")


def drafted(folder: Path, release: Release) -> dict[str, str]:
    """The folder as if both sentences had been drafted by a voice."""
    prepare(release, folder, TEXTS, "fr")
    for name in TEXTS:
        (folder / f"{name}.g722").unlink()
        for kind in ("alaw", "sln16"):
            (folder / f"{name}.{kind}").write_bytes(b"draft")
    drafts = {name: "mark" for name in TEXTS}
    (folder / "drafts.json").write_text(json.dumps(drafts), "utf-8")
    return drafts


def test_a_recording_beside_a_draft_takes_its_place(tmp_path: Path, release: Release) -> None:
    folder = tmp_path / "pbx"
    drafted(folder, release)
    (folder / "greeting.wav16").write_bytes(b"voice")
    prepare(release, folder, TEXTS, "fr")
    assert [name for name in files(folder) if name.startswith("greeting")] == ["greeting.wav16"]
    assert "greeting" not in json.loads((folder / "drafts.json").read_text("utf-8"))


def test_a_recording_stays_when_the_text_changes(tmp_path: Path, release: Release) -> None:
    folder = tmp_path / "pbx"
    drafted(folder, release)
    (folder / "greeting.wav").write_bytes(b"voice")
    for text in ("Bonjour.", "Bonsoir.", "Bonne nuit."):
        assert "greeting" not in prepare(release, folder, TEXTS | {"greeting": text}, "fr")
    assert (folder / "greeting.wav").read_bytes() == b"voice"


def test_a_recording_takes_the_place_of_a_fallback(tmp_path: Path, release: Release) -> None:
    folder = tmp_path / "pbx"
    assert prepare(release, folder, TEXTS, "fr") == ["greeting", "wait"]
    (folder / "greeting.wav").write_bytes(b"voice")
    assert prepare(release, folder, TEXTS, "fr") == ["wait"]
    assert files(folder) == ["drafts.json", "greeting.wav", "wait.g722"]


def test_a_fallback_is_no_recording(tmp_path: Path, release: Release) -> None:
    folder = tmp_path / "pbx"
    prepare(release, folder, TEXTS, "fr")
    prepare(release, folder, TEXTS, "fr")
    assert set(json.loads((folder / "drafts.json").read_text("utf-8"))) == set(TEXTS)


def test_a_draft_takes_the_place_of_a_fallback(tmp_path: Path, release: Release) -> None:
    folder = tmp_path / "pbx"
    prepare(release, folder, TEXTS, "fr")
    (tmp_path / "bin").mkdir()
    noise = 'for word; do case $word in /*) (printf RIFF; yes ~~ | head -c 64000) >"$word";; esac;'
    for program in ("espeak-ng", "sox"):  # a voice: makes every file that it is told of
        script = tmp_path / "bin" / program
        script.write_text(f"#!/bin/sh\n{noise} done\n")
        script.chmod(0o755)
    for _ in range(2):
        assert prepare(release, folder, TEXTS, "fr") == []
        assert files(folder)[1:] == [f"{n}.{k}" for n in TEXTS for k in ("alaw", "sln16")]


def test_a_recording_that_was_deleted_is_a_draft_again_and_stays_one(
    tmp_path: Path, release: Release
) -> None:
    folder = tmp_path / "pbx"
    drafted(folder, release)
    (tmp_path / "x.alaw").write_bytes(b"voice")
    recordings.put(folder, "greeting", [tmp_path / "x.alaw"], Recording("Bonjour."))
    (folder / "greeting.alaw").unlink()
    prepare(release, folder, TEXTS, "fr")
    assert "greeting" not in recordings.notes(folder)
    assert "greeting" in recordings.drafts(folder)
    assert prepare(release, folder, TEXTS | {"greeting": "Bonsoir."}, "fr")  # it is made again


def test_a_draft_that_was_broken_off_is_not_taken_for_a_recording(
    tmp_path: Path, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the process dies that puts a draft into its place."""
    folder = tmp_path / "pbx"
    for last in range(1, 9):
        shutil.rmtree(folder, ignore_errors=True)
        drafted(folder, release)
        steps = 0
        with monkeypatch.context() as patch:
            for name in ("replace", "unlink"):
                real = getattr(Path, name)

                def act(*values: object, real: Any = real, last: int = last) -> Any:
                    nonlocal steps
                    steps += 1
                    if steps == last:
                        raise KeyboardInterrupt
                    return real(*values)

                patch.setattr(Path, name, act)
            with contextlib.suppress(KeyboardInterrupt):
                prepare(release, folder, TEXTS | {"greeting": "Bonsoir."}, "fr")
        poor = prepare(release, folder, TEXTS | {"greeting": "Bonsoir."}, "fr")
        assert poor == ["greeting", "wait"]  # both are our own, and were made again
        assert not recordings.recordings(folder)
