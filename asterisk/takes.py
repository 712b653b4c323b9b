"""Recordings of the line's sentences, put in force: from a file, or from a phone (agi/record.py).

The next caller hears them; no apply, no restart.
"""

from collections.abc import Mapping
from pathlib import Path

from ..hotline import HotlineError, load, prompt_texts
from ..records import recordings
from ..records.events import now
from ..records.folder import Folder
from ..records.recordings import NoStudio, Recording, SoundError, Take
from . import prompts, studio
from .release import Release, default_home, find_release


class Takes:
    """Makes and keeps the recordings of one line. Errors: SoundError, OSError."""

    def __init__(self, folder: Folder, release: Release | None = None) -> None:
        """:param release: has sox; by default what a start would take, looked for each time."""
        self._folder = folder
        self._release = release

    def make(self, name: str, raw: Path) -> Take:
        """Make a sentence of a sound file, beside it."""
        return studio.make(self._found(), raw, raw.parent, f"made-{name}")

    def keep(self, name: str, made: Take, by: str) -> None:
        """Put it in force. :param by: an agent; empty: a command's user."""
        note = Recording(self._text(name), now(), by, "phone" if by else "import")
        recordings.put(self._folder.prompts, name, made.files, note)
        self.follow()

    def take(self, sources: Mapping[str, Path]) -> dict[str, Take]:
        """Make sentences (name -> somebody's file) and put them in force: all of them, or none."""
        here, made, refused = recordings.take_folder(self._folder.prompts), {}, []
        try:
            for name, source in sources.items():
                try:
                    made[name] = studio.make(self._found(), source, here, f"made-{name}")
                except SoundError as error:
                    refused.append(f"{shown(source)}: {error}")
            if refused:
                raise SoundError("\n".join([*refused, "nothing was taken"]))
            for name, take in made.items():
                self.keep(name, take, "")
        finally:
            recordings.drop(here)
        return made

    def follow(self) -> None:
        """What hangs on a sentence: its draft, and the menu that it is a piece of."""
        prompts.refresh(self._found(), self._folder, prompts.in_force(self._folder))

    def _text(self, name: str) -> str:
        """What it is recorded for: what hotline.toml says now, else what is in force."""
        for path in (self._folder.hotline, self._folder.applied):
            try:
                return prompt_texts(load(path)).get(name, "")
            except HotlineError:
                continue
        return ""

    def _found(self) -> Release:
        release = self._release or find_release(default_home())
        if release is None:
            raise NoStudio("there is no Asterisk yet, nor sox; type: decroche pbx install")
        return release


def shown(what: str | Path) -> str:
    """A name that came from outside, as it may be printed on a terminal."""
    text = what.name if isinstance(what, Path) else what
    return text if text.isprintable() else ascii(text)
