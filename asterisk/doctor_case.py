"""What the doctor looks at, and what they can say of it.

A check is a function of a :class:`Case` that yields findings. It is told which check it is by
nobody, knows no other one, and may raise: asterisk/doctor.py says so and goes on.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..hotline import Hotline, HotlineError, Network, load
from ..records.folder import Folder
from . import control
from .control import NotRunning
from .release import Release

GOOD, LOOK, WRONG = "good", "look", "wrong"
UNKNOWN, SKIPPED = "unknown", "skipped"
SHOWN = 5  # names in a sentence
ANSWER = 3.0  # seconds that Asterisk has for one question
UP, FROZEN, DOWN = "up", "frozen", "down"


class Unseen(Exception):
    """What this check looks at is not there; another check says why."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    ``state``: good, look (worth knowing), wrong, unknown (it could not be looked at), or skipped
    (there is nothing to look at, and another finding says why).
    ``means``: what it means for callers. ``remedy``: what to do, a command where there is one.
    """

    state: str
    what: str
    means: str = ""
    remedy: str = ""


Check = Callable[["Case"], Iterator[Finding]]


def good(what: str) -> Finding:
    return Finding(GOOD, what)


def look(what: str, means: str, remedy: str) -> Finding:
    return Finding(LOOK, what, means, remedy)


def wrong(what: str, means: str, remedy: str) -> Finding:
    return Finding(WRONG, what, means, remedy)


def listed(names: Sequence[str]) -> str:
    """Names in a sentence: the first ones."""
    return ", ".join(names[:SHOWN]) + (" ..." if len(names) > SHOWN else "")


class Case:
    """One line as it stands; what is asked for twice is asked once.

    :param at: the present instant, microseconds UTC.
    """

    def __init__(self, folder: Folder, release: Release | None, at: int) -> None:
        self.folder = folder
        self.release = release
        self.at = at

    @cached_property
    def hotline(self) -> Hotline:
        """The model in force, else the one that is written. :raises Unseen: there is neither."""
        for path in (self.folder.applied, self.folder.hotline):
            try:
                return load(path)
            except HotlineError:
                continue
        raise Unseen("hotline.toml cannot be read")

    @property
    def network(self) -> Network:
        return self.hotline.network

    @cached_property
    def asterisk(self) -> str:
        """UP, FROZEN (its process is there and does not answer) or DOWN."""
        try:
            control.ask(self._socket, "core show version", ANSWER)
        except TimeoutError:
            return FROZEN
        except NotRunning:
            return FROZEN if self.asterisk_pid else DOWN
        return UP

    @cached_property
    def asterisk_pid(self) -> int | None:
        """The process of this line's Asterisk, by its pid file and its command line."""
        try:
            pid = int((self.folder.pbx / "run/asterisk.pid").read_text("ascii"))
            line = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        settings = os.fsencode(self.folder.pbx.absolute() / "etc/asterisk.conf")
        return pid if settings in line.split(b"\0") else None

    @property
    def version(self) -> str:
        """Of the Asterisk that runs. :raises Unseen: none does."""
        if self.asterisk != UP:
            raise Unseen("Asterisk does not answer")
        return control.ask(self._socket, "core show version", ANSWER).version

    def ask(self, command: str) -> str:
        """What Asterisk prints. :raises Unseen: it does not run, or does not answer."""
        if self.asterisk != UP:
            raise Unseen("Asterisk does not answer")
        try:
            return control.ask(self._socket, command, ANSWER).text
        except (NotRunning, TimeoutError) as error:
            raise Unseen(f"Asterisk does not answer to {command!r}") from error

    @property
    def _socket(self) -> Path:
        return self.folder.pbx / "run/asterisk.ctl"
