"""``decroche restore``: a line from its backup, into an empty folder or over one that stands still.

1. The archive is unpacked beside the line and compared with its manifest: nothing is believed of
   it, and whatever is damaged or strange is refused with nothing changed.
2. In the copy, who was forgotten since is erased again, the clocks are carried out, nobody is
   signed in, and everything is computed anew.
3. What stands in the line's folder is put aside, never overwritten; the copy takes its place in
   one step. Killed anywhere, the old line or the new one is there.
"""

import os
import re
import shutil
import sqlite3
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from ..hotline import load
from . import numbers, phones, purge, schema, secrets
from .backup import DATABASE, FORMAT, HOTLINE, MANIFEST, SOUNDS, BackupError, Manifest, Progress
from .backup import member as digest
from .events import now
from .folder import Folder, sync

NAME = re.compile(
    r"decroche\.db|hotline\.toml|manifest\.json|sounds/[a-z0-9][a-z0-9_-]*\.[a-z0-9]+"
)
LARGEST = 64 << 20  # bytes of anything but the database
SIGNED_IN = ("sessions", "codes")  # nobody is signed in by what was true once


def restore(folder: Folder, file: Path, progress: Progress, keys: Path | None = None) -> list[str]:
    """Restore; returns what was done, in sentences.

    :param keys: secrets.toml of another machine, for a folder that has none.
    :raises BackupError: nothing has changed. :raises OSError, sqlite3.Error: likewise.
    """
    folder.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.root, prefix=".restore-") as scratch:
        manifest = _unpack(file, Path(scratch), progress)
        copy = Path(scratch, DATABASE)
        with _standing(folder):
            if keys is not None:
                _take_keys(folder, keys)
            done = _prepare(folder, copy, Path(scratch, HOTLINE), progress)
            aside = _aside(folder)
            for name in manifest.files:
                _place(Path(scratch, name), _target(folder, name), aside)
    if aside.exists():
        done.append(f"what stood there is in {aside}, for a week")
    return [f"restored the line of {manifest.made}", *done]


def _unpack(file: Path, scratch: Path, progress: Progress) -> Manifest:
    """Only plain files of names that we know, each as its manifest says."""
    try:
        with tarfile.open(file, "r:gz") as archive:
            for info in archive:
                if not info.isreg() or not NAME.fullmatch(info.name):
                    raise BackupError(f"{file}: {info.name!r} is in no backup of ours")
                if info.name != DATABASE and info.size > LARGEST:
                    raise BackupError(f"{file}: {info.name} is too large")
                _extract(archive, info, scratch / info.name)
                progress(archive.offset, max(archive.offset, 1) * 2)
        return _verify(file, scratch)
    except (tarfile.TarError, EOFError, OSError, msgspec.MsgspecError, zlib.error) as error:
        raise BackupError(f"{file} is damaged or no backup: {error}") from None


def _extract(archive: tarfile.TarFile, info: tarfile.TarInfo, target: Path) -> None:
    target.parent.mkdir(mode=0o700, exist_ok=True)
    source = archive.extractfile(info)
    assert source is not None  # a plain file
    with open(target, "xb") as file:
        shutil.copyfileobj(source, file)
        file.flush()
        os.fsync(file.fileno())


def _verify(file: Path, scratch: Path) -> Manifest:
    manifest = msgspec.json.decode((scratch / MANIFEST).read_bytes(), type=Manifest)
    if manifest.format != FORMAT:
        raise BackupError(f"{file} was made by another version of decroche: {manifest.decroche}")
    there = {str(path.relative_to(scratch)) for path in scratch.rglob("*") if path.is_file()}
    if there - {MANIFEST} != manifest.files.keys() or not {DATABASE, HOTLINE} <= there:
        raise BackupError(f"{file} is damaged: it does not hold what its manifest says")
    for name, one in manifest.files.items():
        if digest(scratch / name) != one:
            raise BackupError(f"{file} is damaged: {name} is not what was backed up")
    own = {f"records/{one}" for one in schema.names()}
    newer = [one for one in manifest.migrations if one.startswith("records/") and one not in own]
    if newer:
        raise BackupError(f"{file} was made by a newer decroche ({manifest.decroche}): install it")
    return manifest


@contextmanager
def _standing(folder: Folder) -> Iterator[None]:
    """Refuse while any process has the line's database open.

    A connection holds a lock on a file in WAL mode for as long as it is open; only an exclusive
    one notices (https://sqlite.org/wal.html, section 9).
    """
    if not folder.database.exists():
        yield
        return
    try:
        with closing(sqlite3.connect(folder.database, timeout=1, isolation_level=None)) as alone:
            alone.execute("PRAGMA locking_mode = EXCLUSIVE")
            alone.execute("BEGIN EXCLUSIVE")
            alone.execute("COMMIT")
            alone.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise
        text = f"the line in {folder.root} is being served: stop its services first"
        raise BackupError(text) from None
    except sqlite3.DatabaseError:
        pass  # a broken file: put aside like any other
    yield


def _take_keys(folder: Folder, keys: Path) -> None:
    if folder.secrets.exists():
        raise BackupError(f"{folder.secrets} is there already: the line keeps its own keys")
    handle = os.open(folder.secrets, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with open(handle, "wb") as file:
        file.write(keys.read_bytes())
    try:
        secrets.load(folder.secrets)
    except secrets.SecretsError as error:
        folder.secrets.unlink()
        raise BackupError(f"{keys} holds no keys of a line: {error}") from None


def _prepare(folder: Folder, copy: Path, model: Path, progress: Progress) -> list[str]:
    """Bring the copy to what may be known today; it is whole and closed when this returns."""
    zone = load(model).zone
    schema.prepare(copy)
    keys = secrets.load(folder.secrets) if folder.secrets.exists() else None
    sealed = _leave_out(copy, keys.number_keys if keys else ())
    done = purge.purge(copy, now(), zone, forgotten=folder.erasures, progress=progress)
    numbers.forget(copy)
    purge.compact(copy)
    said = [f"{one.count} {one.what}" for one in done if one.count]
    if sealed:
        said.append(f"{sealed} numbers cannot be opened with the keys of today and are deleted")
    return said


def _leave_out(copy: Path, keys: tuple[str, ...]) -> int:
    """Sessions, and numbers that no key opens."""
    with closing(sqlite3.connect(copy)) as connection, connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
        for table in tables.intersection(SIGNED_IN):
            connection.execute(f"DELETE FROM {table}")
        rows = connection.execute("SELECT caller, sealed FROM numbers").fetchall()
        lost = [(row[0],) for row in rows if numbers.unseal(row[1], row[0], keys) is None]
        connection.executemany("DELETE FROM numbers WHERE caller = ?", lost)
        return len(lost) + phones.drop_sealed_otherwise(connection, keys)


def _aside(folder: Folder) -> Path:
    """A name for what stands there now."""
    at = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    return folder.replaced / at


def _target(folder: Folder, name: str) -> Path:
    if name.startswith(SOUNDS):
        return folder.prompts / name.removeprefix(SOUNDS)
    return {DATABASE: folder.database, HOTLINE: folder.hotline}[name]


def _place(source: Path, target: Path, aside: Path) -> None:
    """Put a file in its place in one step; another one that stands there is kept aside."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if target.exists() and (target.name == DATABASE or digest(target) != digest(source)):
        aside.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.link(target, aside / target.name)
        for more in ("-wal", "-shm") if target.name == DATABASE else ():
            if (rest := target.with_name(target.name + more)).exists():
                rest.rename(aside / rest.name)  # of a broken file: whole ones have none
        sync(aside)
    source.chmod(0o600)
    source.replace(target)
    sync(target.parent)
