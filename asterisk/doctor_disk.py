"""The doctor's look at the disk: room, rights, backups, and what stands in the record."""

import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, time
from pathlib import Path

from ..records import backup as backups
from ..records import ballast, salvage
from ..records.check import quick
from ..records.events import MICRO, instant
from ..records.schema import reader
from . import privacy, processes
from .check import check as against_asterisk
from .doctor_case import Case, Check, Finding, Unseen, good, look, wrong

ENOUGH = 500 << 20  # bytes that should be free
WEEK = 7 * 86_400 * MICRO
OTHERS = stat.S_IRWXG | stat.S_IRWXO


def room(case: Case) -> Iterator[Finding]:
    found = os.statvfs(case.folder.root)
    free = found.f_bavail * found.f_frsize
    inodes = found.f_favail < found.f_files // 100
    if free < ENOUGH or inodes:
        what = "names for files" if inodes and free >= ENOUGH else f"room: {free >> 20} MB left"
        yield wrong(
            f"the disk of {case.folder.root} is nearly full: hardly any {what}",
            "Calls go on; when it is full nothing is written down, and no message is taken.",
            f"du -xh {case.folder.root} | sort -h | tail; then remove what is not needed",
        )
    else:
        yield good(f"{free >> 30} GB free")


def reserve(case: Case) -> Iterator[Finding]:
    path = ballast.beside(case.folder.database)
    if trouble := ballast.trouble(path):
        yield wrong(trouble, "Calls go on; soon nothing is written down.", "make room on the disk")
    elif not path.exists():
        yield look(
            "there is no reserve on the disk",
            "When the disk is full, the journal stops at once.",
            f"decroche init {case.folder.root}, which keeps all that is there",
        )
    else:
        yield good(f"a reserve of {path.stat().st_size >> 20} MB")


def rights(case: Case) -> Iterator[Finding]:
    """What only the line's own user may read, and that it is theirs."""
    owner = _service_user(case)
    problems = []
    for path in _private(case):
        found = path.stat()
        if found.st_mode & OTHERS:
            problems.append((f"{path} can be read by others", f"chmod go= {path}"))
        if found.st_uid != owner:
            who, name = _user(found.st_uid), _user(owner)
            problems.append((f"{path} belongs to {who}, not to {name}", f"chown {name}: {path}"))
    for what, remedy in problems:
        yield wrong(what, "Who may read it may learn who called, or take calls over.", remedy)
    if not problems:
        yield good(f"only {_user(owner)} can read keys, database and messages")


def _private(case: Case) -> list[Path]:
    folder = case.folder
    database = folder.database
    paths = [folder.root, folder.secrets, folder.erasures, folder.messages, folder.etc, database]
    paths += [database.with_name(database.name + end) for end in ("-wal", "-shm")]
    if folder.backups.is_dir():
        paths += [folder.backups, *folder.backups.iterdir()]
    return [path for path in paths if path.exists()]


def _service_user(case: Case) -> int:
    """The user of the services; of the folder while none runs."""
    for pid in processes.holders(case.folder.database):
        if pid != os.getpid():
            try:
                return Path(f"/proc/{pid}").stat().st_uid
            except OSError:
                continue
    return case.folder.root.stat().st_uid


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def backup(case: Case) -> Iterator[Finding]:
    last = backups.last(case.folder)
    if last is None:
        with closing(reader(case.folder.database)) as connection:
            row = connection.execute("SELECT at FROM journal ORDER BY seq LIMIT 1").fetchone()
        since = row["at"] if row else case.at
        if case.at - since < WEEK:
            yield good("no backup yet; the line is younger than a week")
            return
        text = "there is no backup"
    elif case.at - last.at < WEEK:
        yield good(f"the last backup is of {_day(last.at)}")
        return
    else:
        days = (case.at - last.at) // (86_400 * MICRO)
        text = f"no backup for {days} days; the last one: {last.file}"
    yield wrong(
        text,
        "If this disk fails, all that is known is lost: who is owed a call, sheets, people.",
        'decroche backup, and copy the file to another machine (docs/first-hour.md, "Backup")',
    )


def _day(at: int) -> str:
    return f"{instant(at).astimezone():%d %B %Y}"


def database(case: Case) -> Iterator[Finding]:
    if not salvage.is_whole(case.folder.database):
        yield wrong(
            "the database is damaged",
            "Calls go on; what stands on the damaged pages cannot be read.",
            "decroche journal mend",
        )
    else:
        yield good("every page of the database can be read")


def journal(case: Case) -> Iterator[Finding]:
    """The invariants that are cheap to look at; 'journal check' knows one more."""
    zone = case.hotline.zone
    midnight = datetime.combine(instant(case.at).astimezone(zone).date(), time(), zone)
    found = [
        *quick(case.folder.database, int(midnight.timestamp()) * MICRO),
        *against_asterisk(case.folder),
    ]
    bad = [one for one in found if one.problem]
    for one in bad:
        yield wrong(
            f"the record does not add up: {one.invariant}: {one.problem}",
            "Calls go on; figures or the board are wrong.",
            "decroche journal check; then: decroche journal rebuild",
        )
    if not bad:
        yield good(f"the record adds up: {len(found)} checks")


def clocks(case: Case) -> Iterator[Finding]:
    """Whether what should be gone is gone."""
    late = [one for one in privacy.report(case.folder, case.at) if one.overdue(case.at)]
    if late:
        yield wrong(
            f"kept longer than promised: {', '.join(one.where for one in late)}",
            "Callers and agents were promised that this is deleted.",
            "decroche purge; the recorder does so every night, if it runs",
        )
    else:
        yield good("nothing is kept longer than its clock")


def needs_database(check: Check) -> Check:
    """A check that has nothing to look at without a database."""

    def looked(case: Case) -> Iterator[Finding]:
        if not case.folder.database.exists():
            raise Unseen("there is no database")
        yield from check(case)

    return looked


CHECKS: tuple[tuple[str, Check], ...] = (
    ("disk", room),
    ("reserve", reserve),
    ("rights", rights),
    ("backup", needs_database(backup)),
    ("database", needs_database(database)),
    ("record", needs_database(journal)),
    ("clocks of privacy", needs_database(clocks)),
)
