"""What Asterisk itself writes down, after its clock: channel event log, queue_log, messages.

1. Rows of the channel event log go that the recorder has read. Asterisk waits a millisecond for
   a lock on that file, no longer: so few at a time, without waiting for the disk, and only while
   no channel is up.
2. Its log files are rotated once their first line is a day old and the recorder has read
   queue_log to its end; rotated ones are deleted before any line of theirs is over its clock.
"""

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from ..records import clocks, cursors, dialplan
from ..records.events import MICRO
from ..records.folder import Folder
from ..records.secrets import Secrets
from ..records.tokens import number_of, token
from . import cel, control, quiet
from .catchup import CEL, QUEUE_LOG
from .control import NotRunning
from .sealed import unseal
from .translate import Record, extra_of

FEW = 50  # rows of one transaction, below a millisecond
STAMP = re.compile(r"\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)")
OLD = "rowid < ? AND CAST(eventtime AS REAL) * 1e6 <= ?"


def purge_cel(folder: Folder, at: int, dry_run: bool = False) -> int:
    """Delete what is over its clock as of ``at``; returns how many rows. Stops when a call comes.

    :raises sqlite3.Error: the file cannot be read or stays locked.
    """
    limits = (_read_so_far(folder), clocks.before(at, clocks.ASTERISK))
    with _opened(folder) as connection:
        if connection is None:
            return 0
        if dry_run:
            sql = f"SELECT count(*) FROM cel WHERE {OLD}"
            return int(connection.execute(sql, limits).fetchone()[0])
        sql = f"DELETE FROM cel WHERE rowid IN (SELECT rowid FROM cel WHERE {OLD} LIMIT {FEW})"
        gone = 0
        while not quiet.channels(folder):
            count = connection.execute(sql, limits).rowcount
            gone += count
            if count < FEW:
                _empty_log(connection)
                break
        return gone


def forget(folder: Folder, until: Mapping[str, int], keys: Secrets) -> int:
    """Delete the rows in which the fallback has kept the number of one of these callers, and
    those of calls that were made to them.

    :param until: token -> the instant (microseconds UTC) up to which; what came later stays.
    :returns: how many rows.

    :raises sqlite3.Error: the file cannot be read or stays locked.
    """
    with _opened(folder) as connection:
        if connection is None or not until:
            return 0
        places = [
            place
            for place, at, number in _sealed(connection, keys.fallback_keys)
            if any(at <= until.get(token(number, key), 0) for key in keys.token_keys)
        ]
        for place in places:
            connection.execute("DELETE FROM cel WHERE rowid = ?", (place,))
        gone = len(places) + sum(_forget_calls(connection, *one) for one in until.items())
        if gone:
            _empty_log(connection)
        return gone


def _forget_calls(connection: sqlite3.Connection, caller: str, at: int) -> int:
    """The rows of calls that were made to somebody: such a call is named for them."""
    sql = "DELETE FROM cel WHERE linkedid GLOB ? AND CAST(eventtime AS REAL) * 1e6 <= ?"
    return connection.execute(sql, (f"callback-{caller}-*", at)).rowcount


def _sealed(
    connection: sqlite3.Connection, keys: tuple[str, ...]
) -> Iterator[tuple[int, int, str]]:
    """(row, its time, E.164 number) of all that the fallback has kept."""
    sql = "SELECT rowid, CAST(eventtime AS REAL), extra FROM cel WHERE eventtype = ?"
    for place, at, extra in connection.execute(sql, (dialplan.SEALED,)).fetchall():
        text = extra_of(Record(dialplan.SEALED, 0, "", "", "", "", str(extra)))
        found = (unseal(text, key) for key in keys)
        digits = next((one for one in found if one is not None), None)
        if digits and (number := number_of(f"sip:{digits}@fallback")):
            yield place, round(at * MICRO), number


def unread(folder: Folder) -> int:
    """How many numbers the fallback has kept that the recorder has not read yet."""
    with _opened(folder) as connection:
        if connection is None:
            return 0
        sql = "SELECT count(*) FROM cel WHERE eventtype = ? AND rowid > ?"
        return int(connection.execute(sql, (dialplan.SEALED, _read_so_far(folder))).fetchone()[0])


def oldest(folder: Folder) -> int | None:
    """The time of the oldest row of the channel event log (microseconds UTC) but for the last one,
    which marks the reader's place.
    """
    with _opened(folder) as connection:
        if connection is None:
            return None
        sql = """SELECT CAST(eventtime AS REAL) FROM cel
            WHERE rowid < (SELECT max(rowid) FROM cel) ORDER BY rowid LIMIT 1"""
        found = connection.execute(sql).fetchone()
    return None if found is None else round(found[0] * MICRO)


def _read_so_far(folder: Folder) -> int:
    """The row up to which the recorder has read; 0 when that row is not there."""
    place = cursors.load(folder.database, CEL).place
    with _opened(folder) as connection:
        return 0 if connection is None else cel.row_number(connection, place)


@contextmanager
def _opened(folder: Folder) -> Iterator[sqlite3.Connection | None]:
    """The channel event log, so that Asterisk waits for us as little as possible; None: none."""
    if not folder.cel.exists():
        yield None
        return
    with closing(sqlite3.connect(folder.cel, timeout=5, isolation_level=None)) as connection:
        for pragma in ("synchronous = NORMAL", "wal_autocheckpoint = 0", "secure_delete = ON"):
            connection.execute(f"PRAGMA {pragma}")
        sql = "SELECT count(*) FROM sqlite_master WHERE name = 'cel'"
        yield connection if connection.execute(sql).fetchone()[0] else None


def _empty_log(connection: sqlite3.Connection) -> None:
    """What was deleted leaves the write-ahead log, too: most of it without holding anybody up."""
    for how in ("PASSIVE", "TRUNCATE"):
        connection.execute(f"PRAGMA wal_checkpoint({how})")


# Log files.


def logs(folder: Folder) -> list[Path]:
    """Asterisk's log files, present and rotated."""
    names = ("queue_log", "messages.log")
    found = [path for name in names for path in folder.queue_log.parent.glob(f"{name}*")]
    return sorted(path for path in found if path.is_file() and path.stat().st_size)


def begins(path: Path) -> int:
    """The time of a log file's first line, else when it was written last; microseconds UTC."""
    with open(path, encoding="utf-8", errors="replace") as file:
        line = file.readline(200)
    if line.split("|", 1)[0].isdigit():
        return int(line.split("|", 1)[0]) * MICRO
    if found := STAMP.match(line):
        return int(datetime.fromisoformat(found[1]).timestamp()) * MICRO
    return path.stat().st_mtime_ns // 1000


def purge_logs(folder: Folder, at: int, dry_run: bool = False) -> int:
    """Rotate what is a day old, delete what is nearly over its clock; returns how many went.

    :raises OSError: a file cannot be read or deleted.
    """
    live = [path for path in logs(folder) if path.name in ("queue_log", "messages.log")]
    due = any(begins(path) <= clocks.before(at, 1) for path in live)
    if due and not dry_run and queue_log_is_read(folder) and not quiet.channels(folder):
        _rotate(folder, live)
    gone = [
        path
        for path in logs(folder)
        if path not in live and begins(path) <= clocks.before(at, clocks.ASTERISK - 1)
    ]
    for path in () if dry_run else gone:
        path.unlink()
    return len(gone)


def queue_log_is_read(folder: Folder) -> bool:
    """Whether the recorder has read it to its end: then it may be rotated."""
    try:
        found = folder.queue_log.stat()
    except FileNotFoundError:
        return True
    place = cursors.load(folder.database, QUEUE_LOG).place
    return not found.st_size or place == f"{found.st_ino} {found.st_size}"


def _rotate(folder: Folder, live: list[Path]) -> None:
    try:
        control.ask(quiet.socket(folder), "logger rotate")
    except NotRunning:
        for path in live:
            path.rename(path.with_name(f"{path.name}.{path.stat().st_mtime_ns}"))
