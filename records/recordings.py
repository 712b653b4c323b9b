"""The recorded sentences of a line: which there are, and changing one in one step.

In the folder of the sounds a sentence NAME is its files NAME.alaw, NAME.sln16 (or whatever kind
somebody put there). recordings.json says who recorded it and for which text, drafts.json which
sentences are only drafts. ``.before-NAME`` holds what was heard before the last change (without a
note: a draft), ``.next-NAME`` a change that has begun: whole when it is there, so that one that
was broken off is finished by whoever comes next.
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from . import kinds
from .events import Event, now
from .folder import sync

FORMATS = ("alaw", "sln16")  # what we make: narrow and wide band
ANY = ("alaw", "sln16", "wav", "wav16", "g722", "ulaw", "gsm", "sln")  # what Asterisk plays
NOTES, DRAFTS, NOTE, SAVED = "recordings.json", "drafts.json", "note.json", "saved"
NEXT, BEFORE = ".next-", ".before-"
BEGUN = ""  # the mark of a draft that is just being put into its place
LOOKS, PAUSE = 100, 0.1  # at a folder that somebody changes, and seconds between two
STALE = 3600  # seconds after which a take that nobody kept is deleted
TAKE = ".take-"
Kind = TypeVar("Kind")


class SoundError(Exception):
    """A sound cannot be used or kept; the text says why and what to do."""


class NoStudio(SoundError):
    """There is no program to make a sound with, or it does not run: no sound is to blame."""


@dataclass(frozen=True)
class Take:
    """A sentence that is ready to be kept: its files, one for each of FORMATS, and how long."""

    files: tuple[Path, ...]
    seconds: float

    @property
    def sound(self) -> Path:
        """What Asterisk plays: a path without the ending."""
        return self.files[0].with_suffix("")


class Recording(msgspec.Struct, frozen=True):
    """Whose it is. ``text``: what it was recorded for; ``at``: microseconds UTC; ``by``: an agent,
    or empty for a command; ``way``: phone or import.
    """

    text: str = ""
    at: int = 0
    by: str = ""
    way: str = ""


def notes(folder: Path) -> dict[str, Recording]:
    """What is known of the recordings, by name; a file that cannot be read says nothing."""
    return _read(folder / NOTES, dict[str, Recording]) or {}


def drafts(folder: Path) -> dict[str, str]:
    """The sentences that we made ourselves: name -> a mark of what they were made from."""
    return _read(folder / DRAFTS, dict[str, str]) or {}


def write_drafts(folder: Path, marks: dict[str, str]) -> None:
    _write(folder / DRAFTS, marks)


@contextmanager
def drafting(folder: Path, name: str, mark: str) -> Iterator[None]:
    """While a draft is put into its place, by whoever is :func:`alone`: if that is broken off, its
    files are known for ours, and are made again.
    """
    noted = notes(folder)
    if noted.pop(name, None) is not None:  # whose files somebody has deleted
        _write(folder / NOTES, noted)
    write_drafts(folder, drafts(folder) | {name: BEGUN})
    yield
    write_drafts(folder, drafts(folder) | {name: mark})


def files(folder: Path, name: str) -> list[Path]:
    """The sound files of a sentence."""
    paths = (folder / f"{name}.{kind}" for kind in ANY)
    return [path for path in paths if path.is_file()]


def recorded_files(
    folder: Path, name: str, noted: dict[str, Recording], made: dict[str, str]
) -> list[Path]:
    """Those that somebody recorded or put there: not our drafts, which are made again."""
    if name in noted or name not in made:
        return files(folder, name)
    if made[name] == BEGUN:
        return []
    kind, _, _ = made[name].rpartition(" fallback")
    ours = (kind,) if kind else FORMATS
    return [path for path in files(folder, name) if path.suffix[1:] not in ours]


def recordings(folder: Path) -> list[Path]:
    """All files of recordings with their notes: what a backup must hold."""
    noted, made = notes(folder), drafts(folder)
    names = {path.stem for path in folder.glob("*.*") if path.suffix[1:] in ANY}
    found = [path for name in sorted(names) for path in recorded_files(folder, name, noted, made)]
    return [*found, folder / NOTES] if found and (folder / NOTES).exists() else found


def take_folder(folder: Path) -> Path:
    """A new folder for a take; :func:`drop` it, or :func:`put` it in force."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=TAKE, dir=folder))


def drop(take: Path) -> None:
    shutil.rmtree(take, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Delete takes that nobody kept: a caller or a service that died."""
    for take in folder.glob(f"{TAKE}*"):
        if time.time() - take.stat().st_mtime > STALE:
            drop(take)


def put(folder: Path, name: str, made: Sequence[Path], note: Recording) -> None:
    """Put a recording in force, in one step; what was heard before is kept one step back.

    :param made: its files, one for each of FORMATS. :raises SoundError: the folder is busy.
    """
    with alone(folder):
        _begin(folder, name, made, note)


def put_aside(folder: Path, name: str) -> None:
    """Take a recording out of force; a draft is to be made. :raises SoundError: likewise."""
    with alone(folder):
        _begin(folder, name, [], None)


def restore(folder: Path, name: str) -> bool:
    """Back to what was heard before the last change; True when that is a recording.

    :raises SoundError: there is nothing before, or the folder is busy.
    """
    with alone(folder):
        before = folder / f"{BEFORE}{name}"
        if not before.is_dir():
            raise SoundError(f"{name} was never changed: there is nothing to go back to")
        note = _read(before / NOTE, Recording)
        made = [path for path in before.iterdir() if path.suffix[1:] in ANY]
        _begin(folder, name, made if note else [], note)
        return note is not None


def finish(folder: Path) -> None:
    """Finish a change that was broken off. :raises SoundError: the folder is busy."""
    with alone(folder):
        pass


def changed(kind: str, name: str, by: str, seconds: int = 0) -> Event:
    """The event of a change: one of kinds.PROMPT_KINDS, made now.

    :param by: an agent, or empty for a command.
    """
    at, body = now(), {"prompt": name, "by": "phone" if by else "command"}
    more = {"seconds": seconds} if kind == kinds.PROMPT_RECORDED else {}
    return Event(id=f"{name}:{kind}:{at}", at=at, kind=kind, actor=by, body=body | more)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One change at a time; one that was broken off is finished first.

    :raises SoundError: somebody else changes it for too long.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(folder / ".lock", "w", encoding="utf-8") as lock:
        for _ in range(LOOKS):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(PAUSE)
            else:
                break
        else:
            raise SoundError(f"{folder}: somebody else is changing the sentences; try again")
        for stage in sorted(folder.glob(f"{NEXT}*")):
            _finish(folder, stage)
        yield


def _begin(folder: Path, name: str, made: Sequence[Path], note: Recording | None) -> None:
    """From here on the change happens, whoever dies."""
    fresh, stage = take_folder(folder), folder / f"{NEXT}{name}"
    for path in made:
        _copy(path, fresh / f"{name}{path.suffix}")
    if note is not None:
        _write(fresh / NOTE, note)
    sync(fresh)
    fresh.rename(stage)
    sync(folder)
    _finish(folder, stage)


def _finish(folder: Path, stage: Path) -> None:
    """Carry out a change; doing so twice changes nothing."""
    name = stage.name.removeprefix(NEXT)
    if not (stage / SAVED).exists():
        _save(folder, name)
        (stage / SAVED).touch()
    note, noted, made = _read(stage / NOTE, Recording), notes(folder), drafts(folder)
    fresh = [path for path in stage.iterdir() if path.suffix[1:] in ANY]
    for path in fresh:
        _copy(path, folder / path.name)
    if note is not None:
        noted[name] = note
    else:
        noted.pop(name, None)
    made.pop(name, None)
    _write(folder / NOTES, noted)
    write_drafts(folder, made)
    for path in files(folder, name):
        if path.name not in {one.name for one in fresh}:
            path.unlink()
    sync(folder)
    drop(stage)


def _save(folder: Path, name: str) -> None:
    """Keep what is heard now one step back; of a draft only that it was one."""
    noted, fresh = notes(folder), take_folder(folder)
    found = recorded_files(folder, name, noted, drafts(folder))
    for path in found:
        _copy(path, fresh / path.name)
    if found:
        _write(fresh / NOTE, noted.get(name, Recording()))
    drop(folder / f"{BEFORE}{name}")
    fresh.rename(folder / f"{BEFORE}{name}")


def _copy(source: Path, target: Path) -> None:
    """A whole file under its name, or the one that was there."""
    fresh = target.with_name(f".{target.name}.new")
    shutil.copyfile(source, fresh)
    with open(fresh, "rb") as file:
        os.fsync(file.fileno())
    fresh.replace(target)


def _write(path: Path, value: object) -> None:
    fresh = path.with_name(f".{path.name}.new")
    with open(fresh, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(value, order="sorted")))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _read(path: Path, kind: type[Kind]) -> Kind | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError):
        return None
