"""Where a line keeps its things: one folder, the same in every room."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Folder:
    """The folder of one line (``decroche --dir``)."""

    root: Path

    @property
    def hotline(self) -> Path:
        return self.root / "hotline.toml"

    @property
    def secrets(self) -> Path:
        """Generated passwords and keys, mode 0600, never in hotline.toml."""
        return self.root / "secrets.toml"

    @property
    def database(self) -> Path:
        """The journal, its projections, people and sheets, mode 0600."""
        return self.root / "decroche.db"

    @property
    def erasures(self) -> Path:
        """Which tokens were forgotten and when; outside the database and its backups."""
        return self.root / "erasures.jsonl"

    @property
    def backups(self) -> Path:
        """Where ``decroche backup`` puts its files unless told otherwise."""
        return self.root / "backups"

    @property
    def replaced(self) -> Path:
        """What a restore has put aside, for a week."""
        return self.root / "replaced"

    @property
    def damaged(self) -> list[Path]:
        """Databases that were found damaged and put aside, for a week."""
        return sorted(self.root.glob(f"{self.database.name}.corrupt-*"))

    @property
    def pbx(self) -> Path:
        """Asterisk's private folders: etc, lib, log, run, sounds, spool."""
        return self.root / "pbx"

    @property
    def etc(self) -> Path:
        """The Asterisk files in force: a link that ``decroche apply`` switches."""
        return self.pbx / "etc"

    @property
    def applied(self) -> Path:
        """The hotline.toml in force: what the last ``decroche apply`` read."""
        return self.etc / "hotline.toml"

    @property
    def prompts(self) -> Path:
        """The sentences of the line, recorded or drafted: NAME.alaw, NAME.sln16."""
        return self.pbx / "sounds"

    @property
    def messages(self) -> Path:
        """Messages that callers left, one WAV file each (records/messages.py), mode 0700."""
        return self.root / "messages"

    @property
    def cel(self) -> Path:
        """Channel event log, written by Asterisk itself (cel_sqlite3_custom).

        The name is the only one that Asterisk 20 knows.
        """
        return self.pbx / "log" / "master.db"

    @property
    def queue_log(self) -> Path:
        """What Asterisk's own Queue() did, line by line."""
        return self.pbx / "log" / "queue_log"


def write_private(path: Path, text: str) -> None:
    """Write a file for its owner alone, in one step: the old one stands until this one is whole."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with open(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync(path.parent)


def sync(folder: Path) -> None:
    """Have a folder's new and renamed names on the disk when this returns."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def only_one(folder: Path, name: str) -> Iterator[bool]:
    """Whether this process is the only one that does something of this name in a folder."""
    with open(folder / f"{name}.lock", "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
