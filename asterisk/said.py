"""What somebody says into the switch, as a sentence: spoken before the switch is thrown.

The sounds lie in a folder of their own beside the line's sentences; those of switches that are
over are deleted when the next one is made.
"""

import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path

from ..records import switch
from ..records.events import now
from ..records.folder import Folder
from ..records.switched import SAID
from . import prompts
from .release import Release

FRESH = 3600  # seconds in which a sentence may belong to a switch that is being thrown


def speak(folder: Folder, release: Release | None, text: str, language: str) -> str:
    """The name of the sentence; empty when there is nothing to say, or nothing can speak it.

    Takes a second or two.
    """
    if not text or release is None:
        return ""
    mark = hashlib.sha256(f"{language}\n{text}".encode()).hexdigest()[:16]
    place = folder.prompts / SAID
    place.mkdir(parents=True, exist_ok=True)
    for path in place.glob(f"{mark}.*"):
        with suppress(FileNotFoundError):
            os.utime(path)
    _tidy(folder, place, mark)
    made = any(place.glob(f"{mark}.*")) or prompts.draft(release, place, mark, text, language)
    return SAID + mark if made else ""


def _tidy(folder: Folder, place: Path, mark: str) -> None:
    """Delete what belongs to no switch that is in force, nor to one that somebody else throws
    at this moment: that one is spoken already, and not yet written down.
    """
    at, switches = now(), switch.read_from(folder.database).values()
    kept = {one.sound.removeprefix(SAID) for one in switches if one.until > at} | {mark}
    for path in place.iterdir():
        if path.is_file() and path.stem not in kept and _is_old(path):
            path.unlink(missing_ok=True)


def _is_old(path: Path) -> bool:
    try:
        return path.stat().st_mtime < time.time() - FRESH
    except FileNotFoundError:  # somebody else tidies, too
        return False
