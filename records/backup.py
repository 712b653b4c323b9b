"""``decroche backup``: one file from which the line can be made again, while it runs.

A gzipped tar of the database (one moment of it, without freed pages: VACUUM INTO), hotline.toml,
the recorded sentences, and ``manifest.json`` with a SHA-256 of each. The keys are not in it:
without them its tokens mean nobody, and its numbers cannot be opened.
"""

import hashlib
import io
import os
import sqlite3
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO

import msgspec

from .events import instant, now
from .folder import Folder, sync, write_private
from .schema import reader
from .store import last_seq

FORMAT = 1
MANIFEST, DATABASE, HOTLINE, SOUNDS = "manifest.json", "decroche.db", "hotline.toml", "sounds/"
LAST = "last-backup.json"  # in the line's folder
Progress = Callable[[int, int], None]


class BackupError(Exception):
    """No backup was made, or none restored; the text says why, and what to do."""


class Member(msgspec.Struct, frozen=True):
    """One file of a backup. ``size`` in bytes."""

    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What a backup is: ``made`` in ISO 8601, UTC; ``newest``: the place of its newest event."""

    format: int
    made: str
    decroche: str
    sqlite: str
    migrations: list[str]
    newest: int
    files: dict[str, Member]


def default_name(folder: Folder) -> Path:
    """Where a backup goes unless told otherwise: by the time in UTC."""
    return folder.backups / f"decroche-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.tar.gz"


def backup(
    folder: Folder, file: Path, sounds: Sequence[Path], progress: Progress, keys: bool = False
) -> Manifest:
    """Write a backup into a new file, mode 0600.

    :param sounds: the recorded sentences. :param progress: called with (bytes done, in all).
    :param keys: also copy secrets.toml, into a file of its own beside it.
    :raises BackupError: the file is there already. :raises OSError, sqlite3.Error: none was made.
    """
    if file.exists():
        raise BackupError(f"{file} is there already; choose another name")
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.root, prefix=".backup-") as scratch:
        copy = Path(scratch, DATABASE)
        _snapshot(folder.database, copy, progress)
        files = {DATABASE: copy, HOTLINE: folder.hotline}
        files |= {f"{SOUNDS}{path.name}": path for path in sounds}
        manifest = _manifest(files)
        fresh = file.with_name(f".{file.name}.new")
        _write(fresh, manifest, files, progress)
        fresh.rename(file)
    if keys:
        write_private(keys_beside(file), folder.secrets.read_text("utf-8"))
    sync(file.parent)
    _remember(folder, file)
    return manifest


class Last(msgspec.Struct, frozen=True):
    """The newest backup that is known of: when (microseconds UTC), and where it was put."""

    at: int
    file: str


def _remember(folder: Folder, file: Path) -> None:
    """So that one can tell later, wherever the file was taken."""
    last = Last(now(), str(file.absolute()))
    write_private(folder.root / LAST, msgspec.json.encode(last).decode())


def last(folder: Folder) -> Last | None:
    """The newest backup: the last that was made, or a file among the backups."""
    found = []
    with suppress(OSError, msgspec.DecodeError):
        found.append(msgspec.json.decode((folder.root / LAST).read_bytes(), type=Last))
    for path in folder.backups.glob("*.tar.gz"):
        found.append(Last(path.stat().st_mtime_ns // 1000, str(path)))
    return max(found, key=lambda one: one.at, default=None)


def keys_beside(file: Path) -> Path:
    """Where the keys of a backup go."""
    return file.with_name(f"{file.name}.secrets.toml")


def _snapshot(path: Path, copy: Path, progress: Progress) -> None:
    """One moment of the database: whoever writes goes on writing meanwhile."""
    total = path.stat().st_size

    def tell() -> None:
        progress(min(copy.stat().st_size if copy.exists() else 0, total), 2 * total)

    with closing(reader(path)) as connection:
        connection.set_progress_handler(tell, 100_000)
        connection.execute("VACUUM INTO ?", (str(copy),))


def _manifest(files: dict[str, Path]) -> Manifest:
    with closing(reader(files[DATABASE])) as connection:
        sql = "SELECT migration_set || '/' || name FROM _sqlite_migrations ORDER BY 1"
        done = [row[0] for row in connection.execute(sql)]
        newest = last_seq(connection)
    return Manifest(
        format=FORMAT,
        made=instant(now()).isoformat(timespec="seconds"),
        decroche=version("decroche"),
        sqlite=sqlite3.sqlite_version,
        migrations=done,
        newest=newest,
        files={name: member(path) for name, path in files.items()},
    )


def member(path: Path) -> Member:
    """A file's size and digest."""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Member(file.tell(), digest)


def _write(fresh: Path, manifest: Manifest, files: dict[str, Path], progress: Progress) -> None:
    """The archive, on the disk when this returns."""
    fresh.unlink(missing_ok=True)
    total = sum(one.size for one in manifest.files.values())
    text = msgspec.json.format(msgspec.json.encode(manifest))
    with open(fresh, "xb", opener=_private) as raw:
        with tarfile.open(fileobj=raw, mode="w:gz", compresslevel=3) as archive:
            _add(archive, MANIFEST, io.BytesIO(text), len(text))
            for name, path in files.items():
                with open(path, "rb") as file:
                    _add(archive, name, file, manifest.files[name].size)
                progress(total + raw.tell(), 2 * total + raw.tell())
        raw.flush()
        os.fsync(raw.fileno())
    progress(1, 1)


def _add(archive: tarfile.TarFile, name: str, file: IO[bytes], size: int) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size, 0o600, now() // 1_000_000
    archive.addfile(info, file)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
