"""Changing hotline.toml by command: comments and order stay, and only a valid file is written.

A hand edit is as good; both are put in force by ``decroche apply``.
"""

import difflib
import fcntl
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import InlineTable

from ..hotline import HotlineError, parse, read
from .folder import Folder, write_private
from .placing import in_place

Document = tomlkit.TOMLDocument
NEXT = "Next: decroche apply"
LOOKS, PAUSE = 50, 0.1  # at a file that another command edits, and seconds between two


def edit(folder: Folder, change: Callable[[Document], None]) -> list[str]:
    """Change the file by ``change``; returns what changed as lines of a diff, and what to type.

    :raises HotlineError: what would come out is not valid (with line and reason), or there is no
        file; nothing is written.
    """
    with _alone(folder):
        text = read(folder.hotline)
        parse(text, str(folder.hotline))  # what is wrong already is told with its own line
        try:
            document = tomlkit.parse(text)
            change(document)
            fresh = in_place(text, _written(document))
        except TOMLKitError as error:
            raise HotlineError(f"{folder.hotline}: {error}") from None
        parse(fresh, str(folder.hotline))
        if fresh == text:
            return ["nothing changes: hotline.toml says so already"]
        _keep(folder, fresh)
    return [*changed(text, fresh), NEXT]


def by_hand(
    folder: Folder, edited: Callable[[str], str | None], again: Callable[[str], bool]
) -> list[str]:
    """Let a person change the file; what is not valid is shown to ``again``, which may give up.

    :param edited: opens an editor on a text and returns it as saved, None for not saved.
    :raises HotlineError: somebody else has changed the file meanwhile; the person's text is kept
        beside it.
    """
    before = text = read(folder.hotline)
    while True:
        text = edited(text) or text
        if text == before:
            return ["nothing changes"]
        try:
            parse(text, "hotline.toml")
        except HotlineError as error:
            if not again(str(error)):
                return ["nothing is kept; hotline.toml stays as it was"]
        else:
            break
    with _alone(folder):
        if read(folder.hotline) != before:
            kept = folder.root / "hotline.toml.yours"
            write_private(kept, text)
            raise HotlineError(f"{folder.hotline} has changed meanwhile; your text is in {kept}")
        _keep(folder, text)
    return [*changed(before, text), NEXT]


def changed(old: str, new: str) -> Iterator[str]:
    """The lines that differ, ``-`` before and ``+`` after, without their surroundings."""
    lines = difflib.unified_diff(old.split("\n"), new.split("\n"), lineterm="", n=0)
    for line in lines:
        if not line.startswith(("---", "+++", "@@")):
            yield line


def table(document: Document, *names: str) -> tomlkit.items.Table:
    """A table of the document by its path; made at the end when it is not there."""
    here: tomlkit.items.Table = document  # type: ignore[assignment]
    for at, name in enumerate(names):
        if name not in here:
            within = isinstance(here, InlineTable)
            fresh = tomlkit.table(is_super_table=at < len(names) - 1)
            here[name] = tomlkit.inline_table() if within else fresh
        here = here[name]
    return here


def _written(document: Document) -> str:
    """The text of a document. :raises HotlineError: tomlkit would write something else.

    It does when a new table comes between keys such as ``queues.visio.label = ...``.
    """
    text = tomlkit.dumps(document)
    if tomllib.loads(text) != document.unwrap():
        told = "the way in which its tables are written leaves no place for that"
        raise HotlineError(f"hotline.toml: {told}; write it by hand: decroche config edit")
    return text


def _keep(folder: Folder, text: str) -> None:
    """Write the file with the ends of lines that it has: an editor of Windows writes two bytes."""
    windows = b"\r\n" in folder.hotline.read_bytes()
    write_private(folder.hotline, text.replace("\n", "\r\n") if windows else text)


@contextmanager
def _alone(folder: Folder) -> Iterator[None]:
    """One command at a time edits; the others wait for the moment that it takes."""
    if not folder.root.is_dir():
        raise HotlineError(f"there is no line in {folder.root}; 'decroche init' makes one")
    with open(folder.root / "hotline.lock", "w", encoding="utf-8") as lock:
        for _ in range(LOOKS):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(PAUSE)
            else:
                break
        else:
            raise HotlineError(f"{folder.hotline}: another command is changing it; try again")
        yield
