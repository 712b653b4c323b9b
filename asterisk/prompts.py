"""The sentences of the line as sound files: drafts by speech synthesis, and the menu.

A draft is made again when its text changes; a file that somebody recorded (see
records/recordings.py) is never touched, and wins over the draft. The menu is put together from
its pieces, recorded or drafted. Without an engine, or when it fails, a sentence falls back to a
sound that Asterisk brings along: never silence.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import structlog

from ..hotline import Hotline, load, menu_pieces, prompt_texts
from ..records import recordings
from ..records.fallback import BEEP, core_sound
from ..records.folder import Folder
from ..records.recordings import FORMATS, SoundError, alone
from . import studio
from .release import Release

log = structlog.get_logger(__name__)

SPEED = {"plain": 150, "slow": 125}  # words a minute
PAUSE = {"plain": 0.4, "slow": 1.2}  # seconds between two pieces of the menu
MENU = "menu"
# A tenth of a second of silence: A-law has no zero, and sln16 two bytes for a sample.
SILENCE = {"alaw": b"\xd5" * 800, "sln16": bytes(3200)}
MADE = "2"  # how drafts are made; another one, and all are made again


def refresh(
    release: Release,
    folder: Folder,
    hotline: Hotline,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[str]:
    """Make every sentence of the line audible, and put its menu together.

    :returns: the names of those that only a fallback stands for.
    """
    texts, pieces = prompt_texts(hotline), menu_pieces(hotline)
    style, language = hotline.menu.style, hotline.line.language
    spoken = {name: text for name, text in texts.items() if name != MENU or not pieces}
    poor = prepare(release, folder.prompts, spoken, language, progress, SPEED[style])
    if pieces and not _compose(release, folder.prompts, pieces, PAUSE[style]):
        _fall_back(release, folder.prompts, MENU, language)
        poor.append(MENU)
    recordings.sweep(folder.prompts)
    return poor


def in_force(folder: Folder) -> Hotline:
    """What callers meet now; before the first apply, what hotline.toml says.

    :raises HotlineError: it cannot be read.
    """
    return load(folder.applied if folder.applied.exists() else folder.hotline)


def prepare(
    release: Release,
    folder: Path,
    texts: Mapping[str, str],
    language: str,
    progress: Callable[[int, int], None] = lambda done, total: None,
    speed: int = SPEED["plain"],
) -> list[str]:
    """Make every sentence of ``texts`` audible in ``folder``.

    :returns: the names of those that only a fallback stands for.
    """
    folder.mkdir(parents=True, exist_ok=True)
    poor = []
    for done, (name, text) in enumerate(sorted(texts.items()), 1):
        said = f"{MADE}\n{language}\n{speed}\n{text}"
        mark = hashlib.sha256(said.encode()).hexdigest()
        if not _is_made(folder, name, mark):
            with tempfile.TemporaryDirectory(dir=folder, prefix=recordings.TAKE) as scratch:
                speak = ["-v", language, "-s", str(speed), "-g", "4"]
                made = _draft(release, Path(scratch), name, text, speak)
                if made:
                    _place(folder, name, made, mark)
                else:
                    _fall_back(release, folder, name, language)
                    poor.append(name)
        progress(done, len(texts))
    return poor


def _is_made(folder: Path, name: str, mark: str) -> bool:
    """Whether nothing is to be done: it is recorded, or the draft of this very text."""
    with alone(folder):
        noted, made = recordings.notes(folder), recordings.drafts(folder)
        if found := recordings.recorded_files(folder, name, noted, made):
            for ours in set(recordings.files(folder, name)) - set(found):
                ours.unlink()  # somebody put a sound of another kind beside our draft
            if made.pop(name, None):
                recordings.write_drafts(folder, made)
            return True
        return made.get(name) == mark and bool(recordings.files(folder, name))


def _place(folder: Path, name: str, made: Iterable[Path], mark: str) -> None:
    """Put what we made into its place, unless somebody has recorded the sentence meanwhile."""
    with alone(folder):
        noted, marks = recordings.notes(folder), recordings.drafts(folder)
        if recordings.recorded_files(folder, name, noted, marks):
            return
        with recordings.drafting(folder, name, mark):
            names = set()
            for path in made:
                path.replace(folder / f"{name}{path.suffix}")
                names.add(f"{name}{path.suffix}")
            for path in recordings.files(folder, name):
                if path.name not in names:
                    path.unlink()  # a fallback from before


def draft(release: Release, folder: Path, name: str, text: str, language: str) -> bool:
    """Speak a sentence that is none of the catalogue into ``folder``; False when no engine can."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=recordings.TAKE) as scratch:
        speak = ["-v", language, "-s", str(SPEED["plain"]), "-g", "4"]
        made = _draft(release, Path(scratch), name, text, speak)
        for path in made:
            path.replace(folder / path.name)
    return bool(made)


def _draft(
    release: Release, scratch: Path, name: str, text: str, speak: list[str]
) -> tuple[Path, ...]:
    """Speak one sentence; nothing when no engine can."""
    spoken = scratch / "spoken.wav"
    try:
        studio.run(release, "espeak-ng", *speak, "-w", str(spoken), "--", text)
        return studio.make(release, spoken, scratch, name).files
    except SoundError as error:
        log.warning("no draft", prompt=name, reason=str(error))
        return ()


def _fall_back(release: Release, folder: Path, name: str, language: str) -> None:
    """Put one of Asterisk's own sounds in a sentence's place."""
    for core in (core_sound(name), BEEP):
        for sounds in (release.sounds / language, release.sounds / "en"):
            for path in sorted(sounds.glob(f"{core}.*")):
                with tempfile.TemporaryDirectory(dir=folder, prefix=recordings.TAKE) as scratch:
                    copy = Path(scratch, f"{name}{path.suffix}")
                    shutil.copy(path, copy)
                    _place(folder, name, [copy], f"{path.suffix[1:]} fallback")
                return
    log.error("no sound at all", prompt=name)


def _compose(release: Release, folder: Path, pieces: Iterable[str], pause: float) -> bool:
    """Put the menu together, a pause after each piece; False when a piece has no voice."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=recordings.TAKE) as scratch:
        parts = [_part(release, folder, name, Path(scratch)) for name in pieces]
        if not all(parts):
            return False
        whole = {kind: _join([part[kind] for part in parts], kind, pause) for kind in FORMATS}
        mark = "composed " + hashlib.sha256(b"".join(whole.values())).hexdigest()
        if not _is_made(folder, MENU, mark):
            made = [Path(scratch, f"{MENU}.{kind}") for kind in FORMATS]
            for path in made:
                path.write_bytes(whole[path.suffix[1:]])
            _place(folder, MENU, made, mark)
    return True


def _join(parts: list[bytes], kind: str, pause: float) -> bytes:
    return (SILENCE[kind] * round(pause * 10)).join(parts)


def _part(release: Release, folder: Path, name: str, scratch: Path) -> dict[str, bytes]:
    """A piece in each of FORMATS, or nothing: it is only one of Asterisk's own sounds."""
    if recordings.drafts(folder).get(name, "").endswith("fallback"):
        return {}
    paths = [folder / f"{name}.{kind}" for kind in FORMATS]
    try:
        if not all(path.is_file() for path in paths):  # put there by hand, of another kind
            (source,) = recordings.files(folder, name)[:1]
            paths = list(studio.make(release, source, scratch, name).files)
        return {path.suffix[1:]: path.read_bytes() for path in paths}
    except (SoundError, OSError, ValueError) as error:
        log.warning("a piece of the menu is missing", prompt=name, reason=str(error))
        return {}
