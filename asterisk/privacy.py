"""The privacy commands: what concerns the line's database and Asterisk's own files together."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from zoneinfo import ZoneInfo

from ..hotline import load
from ..records import clocks, erasures, inventory, messages, numbers, person, secrets
from ..records import forget as room
from ..records import purge as clockwork
from ..records.events import MICRO
from ..records.folder import Folder, only_one
from ..records.inventory import Holding
from ..records.person import Known
from ..records.purge import Done
from ..records.rebuild import Progress, silent
from . import traces
from .rotation import PrivacyError

LEFT = (".check-*", ".backup-*", ".restore-*")  # folders of commands that were killed


def zone_of(folder: Folder) -> ZoneInfo:
    """Where the line's days begin and end. :raises HotlineError: neither file can be read."""
    return load(folder.applied if folder.applied.exists() else folder.hotline).zone


def purge(
    folder: Folder, at: int, dry_run: bool = False, progress: Progress = silent
) -> list[Done]:
    """Carry every clock out as of ``at`` (microseconds UTC); what each took, or would take.

    Asterisk's record waits for a moment without calls.

    :raises PrivacyError: a rotation or an erasure is under way.
    :raises sqlite3.Error, OSError: what was done is done; the rest is for the next time.
    """
    zone = zone_of(folder)
    with _alone(folder):
        if not dry_run:
            messages.forget(folder, erasures.until(folder.erasures))
        done = clockwork.purge(
            folder.database,
            at,
            zone,
            forgotten=folder.erasures,
            dry_run=dry_run,
            progress=progress,
        )
        if not dry_run:
            count = numbers.forget(folder.database, at)
            done.append(Done("numbers", "numbers of who is owed no call", 0, count))
            traces.forget(folder, erasures.until(folder.erasures), secrets.load(folder.secrets))
        count = traces.purge_cel(folder, at, dry_run)
        done.append(Done("cel", "rows of Asterisk's channel event log", clocks.ASTERISK, count))
        count = traces.purge_logs(folder, at, dry_run)
        done.append(Done("logs", "log files of Asterisk", clocks.ASTERISK, count))
        count = _replaced(folder, clocks.before(at, clocks.REPLACED), dry_run)
        done.append(Done("replaced", "databases put aside", clocks.REPLACED, count))
        if not dry_run:
            count = erasures.shorten(folder.erasures, clocks.before(at, clocks.ERASURES))
            done.append(Done("forgotten", "notes of who was forgotten", clocks.ERASURES, count))
    return done


def _replaced(folder: Folder, before: int, dry_run: bool) -> int:
    """Delete what a restore has put aside, and what a command that was killed has left."""
    found = [path for pattern in LEFT for path in folder.root.glob(pattern)]
    found = [path for path in found if path.stat().st_mtime < time.time() - 86_400]
    aside = [*folder.damaged, *(folder.replaced.iterdir() if folder.replaced.exists() else ())]
    found += [path for path in aside if path.stat().st_mtime * MICRO <= before]
    for path in () if dry_run else found:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return len(found)


def known(folder: Folder, text: str) -> Known:
    """What is known of a telephone number, however it is written.

    :raises NumberError: it is none. :raises SecretsError, HotlineError: cannot be read.
    """
    keys, number = secrets.load(folder.secrets), person.parse(text)
    return person.known(folder.database, number, keys, zone_of(folder))


def still_in_backups(folder: Folder) -> Iterator[str]:
    """What a person should know who has just forgotten somebody."""
    if folder.backups.exists() and (count := sum(1 for _ in folder.backups.iterdir())):
        yield (
            f"{count} files in {folder.backups} may hold the number, encrypted; when one is "
            "restored it is erased again. 'decroche privacy rotate' makes it unreadable at once."
        )


def forget(folder: Folder, number: str, progress: Progress = silent) -> int:
    """Forget an E.164 number; returns how many facts, numbers and records it concerned.

    :raises PrivacyError: a rotation or a purge is under way.
    :raises sqlite3.OperationalError: a database is held by another process; do it again.
    """
    with _alone(folder):
        keys = secrets.load(folder.secrets)
        gone = room.forget(folder, person.tokens(number, keys), progress)
        return gone + traces.forget(folder, erasures.until(folder.erasures), keys)


def report(folder: Folder, at: int) -> Iterator[Holding]:
    """All that the line holds about people.

    :raises SecretsError: the keys cannot be read. :raises sqlite3.Error: a database cannot be.
    """
    renewed = secrets.load(folder.secrets).renewed
    made = None if renewed is None else int(renewed.timestamp()) * MICRO
    yield Holding("secrets.toml", "the keys of tokens and numbers", clocks.KEYS, made)
    yield from inventory.tables(folder.database, at)
    yield from inventory.files(folder)
    what = "Asterisk's record of channels"
    yield Holding("pbx/log/master.db", what, clocks.ASTERISK, traces.oldest(folder))
    logs = min(map(traces.begins, traces.logs(folder)), default=None)
    yield Holding("pbx/log/", "Asterisk's queue_log and messages.log", clocks.ASTERISK, logs)
    yield Holding(
        "pbx/lib/astdb.sqlite3",
        "where agents' phones are, and newer digests of their passwords",
        None,
    )


@contextmanager
def _alone(folder: Folder) -> Iterator[None]:
    with only_one(folder.root, "privacy") as alone:
        if not alone:
            raise PrivacyError(
                "a purge, a rotation or an erasure is under way; try again in a moment"
            )
        yield
