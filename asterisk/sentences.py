"""What an admin does to the sentences by command: other words, recordings, and a way back."""

import sqlite3
from pathlib import Path

from ..hotline import prompt_numbers
from ..records import kinds, recordings
from ..records.editing import Document, edit, table
from ..records.folder import Folder
from ..records.recordings import SoundError
from ..records.store import Store
from .takes import Takes, shown


def name_of(word: str) -> str:
    """The sentence that a person means by its name or its number.

    :raises SoundError: there is none.
    """
    numbers = prompt_numbers()
    names = {str(number): name for name, number in numbers.items()}
    name = names.get(word.strip().removeprefix("*15"), word.strip().lower())
    if name not in numbers:
        raise SoundError(f"there is no sentence {shown(word)}; 'decroche prompt list' shows them")
    return name


def word(folder: Folder, name: str, text: str | None) -> list[str]:
    """Give a sentence other words in hotline.toml, None: those that the line comes with.

    :raises HotlineError: as ``edit`` of records/editing.py.
    """

    def change(document: Document) -> None:
        prompts = table(document, "prompts")
        if text is not None:
            prompts[name] = text
        else:
            prompts.pop(name, None)

    return edit(folder, change)


def take_all(folder: Folder, path: Path, name: str | None) -> list[str]:
    """Take a file, or every file of a folder, by their names; returns what was done.

    :raises SoundError: a file that cannot be used; nothing was taken.
    """
    if path.is_dir():
        if name is not None:
            raise SoundError("a folder holds many sentences: --as is for one file")
        files = sorted(one for one in path.iterdir() if not one.name.startswith("."))
        sources = _by_name(files)
    else:
        sources = {name_of(name if name is not None else path.stem): path}
    done = []
    for taken, take in Takes(folder).take(sources).items():
        _note(folder, kinds.PROMPT_RECORDED, taken, take.seconds)
        done.append(f"{taken}: {take.seconds:.1f} s; the next caller hears it")
    return done


def _by_name(files: list[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    refused = []
    for path in files:
        try:
            name = name_of(path.stem)
        except SoundError as error:
            refused.append(f"{shown(path)}: {error}")
            continue
        if name in found:
            refused.append(f"{shown(path)}: {shown(found[name])} is the same sentence")
        found[name] = path
    if refused:
        raise SoundError("\n".join([*refused, "nothing was taken"]))
    if not found:
        raise SoundError("there is no file in this folder")
    return found


def draft(folder: Folder, name: str) -> list[str]:
    """Put a recording aside: the text is said by the machine's voice."""
    recordings.put_aside(folder.prompts, name)
    Takes(folder).follow()
    _note(folder, kinds.PROMPT_DRAFTED, name)
    return [f"{name}: the text is said; 'decroche prompt restore {name}' takes that back"]


def restore(folder: Folder, name: str) -> list[str]:
    """What was heard before the last change is heard again. :raises SoundError: there is none."""
    recorded = recordings.restore(folder.prompts, name)
    Takes(folder).follow()
    _note(folder, kinds.PROMPT_RESTORED, name)
    what = "the recording from before" if recorded else "the draft of its text"
    return [f"{name}: {what} is heard again"]


def _note(folder: Folder, kind: str, name: str, seconds: float = 0) -> None:
    """Write down what a command has done. :raises SoundError: it is done, but not written down."""
    try:
        store = Store(folder.database)
        try:
            store.append([recordings.changed(kind, name, "", round(seconds))])
        finally:
            store.close()
    except sqlite3.OperationalError as error:
        raise SoundError(f"{name} is changed, but not written down: {error}") from None
