"""Messages that callers left: one WAV file each, and a row that says what became of it.

A file lies there before its event: one whose event could not be written is found again
(:func:`orphans`). The clock: seven days after somebody has listened, thirty at most.
Instants: microseconds UTC.
"""

import asyncio
import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import structlog

from . import clocks, kinds
from .changes import Row
from .clocks import DAY
from .events import MICRO, Event, now
from .folder import Folder
from .schema import reader
from .store import Store

log = structlog.get_logger(__name__)

LOOK = 60.0  # seconds between two looks at the clocks
HEARD_FOR, AT_MOST = clocks.HEARD * DAY, clocks.MESSAGES * DAY
HEADER, BYTES = 44, 16_000  # of a WAV file, and of one of its seconds: 16 bits, 8 kHz
SHORTEST = 1  # seconds of a message
SETTLED = 10.0  # seconds after which nobody writes a file any more
CALL = re.compile(r"[A-Za-z0-9.-]{1,80}")


def file_of(folder: Folder, call: str) -> Path:
    """Where a call's message lies.

    :raises ValueError: no id of a call.
    """
    if not CALL.fullmatch(call):
        raise ValueError("no id of a call")
    return folder.messages / f"{call.replace('.', '_')}.wav"


def prepare(folder: Folder) -> None:
    """Make the folder, for its owner alone."""
    folder.messages.mkdir(mode=0o700, parents=True, exist_ok=True)


def seconds(file: Path) -> int:
    """How long a recording is; 0 when there is none."""
    try:
        return max(0, file.stat().st_size - HEADER) // BYTES
    except OSError:
        return 0


def left(call: str, queue: str, length: int, at: int) -> Event:
    """The event of a message, the same whoever finds it."""
    body = {"queue": queue, "seconds": length}
    return Event(id=f"{call}:{kinds.LEFT}", at=at, kind=kinds.LEFT, call=call, body=body)


def kept(connection: sqlite3.Connection, limit: int = 200) -> list[Row]:
    """Messages whose recording is there: those that nobody has heard first, then the oldest."""
    sql = "SELECT * FROM messages WHERE removed IS NULL ORDER BY heard IS NOT NULL, left LIMIT ?"
    return connection.execute(sql, (limit,)).fetchall()


def unheard(connection: sqlite3.Connection) -> list[Row]:
    """Messages that nobody has listened to, the oldest first."""
    return [row for row in kept(connection) if row["heard"] is None]


def find(connection: sqlite3.Connection, call: str) -> Row | None:
    """One message whose recording is there."""
    sql = "SELECT * FROM messages WHERE call = ? AND removed IS NULL"
    found: Row | None = connection.execute(sql, (call,)).fetchone()
    return found


def heard(call: str, by: str, where: str) -> Event:
    """Somebody listens, at the page or the phone; written down once a minute at most."""
    at = now()
    key = f"{call}:{kinds.HEARD}:{by}:{at // (60 * MICRO)}"
    return Event(id=key, at=at, kind=kinds.HEARD, call=call, actor=by, body={"by": where})


def remove(folder: Folder, call: str, by: str, reason: str) -> None:
    """Delete a recording, and write down that it is gone.

    :raises ValueError: no id of a call. :raises sqlite3.Error: not written; the file is gone.
    """
    file_of(folder, call).unlink(missing_ok=True)
    at, body = now(), {"reason": reason}
    key = f"{call}:{kinds.REMOVED_MESSAGE}"
    _append(
        folder,
        Event(id=key, at=at, kind=kinds.REMOVED_MESSAGE, call=call, actor=by, body=body),
    )


def purge(folder: Folder, at: int) -> int:
    """Delete what is past its clock, and note what is not there any more (a database was
    restored without its recordings); returns how many. :raises sqlite3.Error: see above.
    """
    with closing(reader(folder.database)) as connection:
        sql = "SELECT call, heard, left FROM messages WHERE removed IS NULL"
        rows = connection.execute(sql).fetchall()
    gone = 0
    for row in rows:
        over = row["left"] < at - AT_MOST or (row["heard"] or at) < at - HEARD_FOR
        if over or not file_of(folder, row["call"]).exists():
            remove(folder, row["call"], "", "expired" if over else "missing")
            gone += 1
    return gone


def forget(folder: Folder, until: Mapping[str, int]) -> int:
    """Delete the recordings of some callers (tokens), each up to an instant; returns how many.

    :raises sqlite3.Error: the database cannot be read.
    """
    with closing(reader(folder.database)) as connection:
        sql = "SELECT call, caller, left FROM messages WHERE removed IS NULL"
        kept = connection.execute(sql).fetchall()
    calls = [row["call"] for row in kept if row["left"] <= until.get(row["caller"], 0)]
    for call in calls:
        remove(folder, call, "", "forgotten")
    return len(calls)


def adopt(folder: Folder, at: int) -> int:
    """Write down messages of which nothing is known, and delete what is none; returns how many.

    A service that died while a caller spoke, or a database that took nothing.
    """
    adopted = 0
    for file in _strangers(folder):
        age = at / MICRO - file.stat().st_mtime
        call = _call_of(folder, file)
        if age < SETTLED or (call is None and age * MICRO < AT_MOST):
            continue
        if call is None or seconds(file) < SHORTEST:
            file.unlink(missing_ok=True)
        else:
            when = int(file.stat().st_mtime * MICRO)
            adopted += _append(folder, left(call, "", seconds(file), when))
    return adopted


def _strangers(folder: Folder) -> list[Path]:
    """Files that belong to no message that is known."""
    with closing(reader(folder.database)) as connection:
        calls = connection.execute("SELECT call FROM messages WHERE removed IS NULL")
        known = {file_of(folder, row["call"]) for row in calls}
    return [file for file in folder.messages.glob("*.wav") if file not in known]


def _call_of(folder: Folder, file: Path) -> str | None:
    """The call that a file belongs to, once it has ended."""
    sql = "SELECT call FROM calls WHERE replace(call, '.', '_') = ? AND ended IS NOT NULL"
    with closing(reader(folder.database)) as connection:
        row = connection.execute(sql, (file.stem,)).fetchone()
    return str(row["call"]) if row else None


def _append(folder: Folder, event: Event) -> int:
    store = Store(folder.database)
    try:
        return len(store.append([event]))
    finally:
        store.close()


async def keep_clock(folder: Folder) -> None:
    """Adopt and purge now and then, until cancelled; a database that is locked is asked again."""
    while True:
        for act in (adopt, purge):
            try:
                await asyncio.to_thread(act, folder, now())
            except (sqlite3.Error, OSError) as error:
                log.warning("messages wait for their clock", reason=str(error))
        await asyncio.sleep(LOOK)
