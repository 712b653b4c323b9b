"""``decroche privacy forget NUMBER``: of one person nothing is left, and nothing comes back.

1. The tokens are noted in the erasure journal: from now on every restored copy loses them.
2. What they said after the tone is deleted.
3. The tokens leave the journal, the number goes, everything is computed again; in each database
   of the line's folder, also those that a restore has put aside.
4. Each file is written anew, so that nothing stands in its freed parts.

What Asterisk keeps: asterisk/traces.py.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from . import erasures, kinds, messages
from .events import Event, now
from .folder import Folder
from .purge import compact
from .rebuild import Progress, recompute, silent
from .store import Store

UNUSABLE = (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def databases(folder: Folder) -> Iterator[Path]:
    """The line's, and those put aside."""
    if folder.database.exists():
        yield folder.database
    yield from sorted(folder.replaced.glob(f"*/{folder.database.name}"))
    yield from folder.damaged


def forget(folder: Folder, callers: Sequence[str], progress: Progress = silent) -> int:
    """Forget these tokens; returns how many facts and numbers it concerned.

    :raises sqlite3.OperationalError: a database is held by another process; do it again.
    """
    at = now()
    erasures.note(folder.erasures, callers, at)
    gone = messages.forget(folder, dict.fromkeys(callers, at))
    for path in databases(folder):
        try:
            gone += _erase(path, callers, at, progress)
        except sqlite3.DatabaseError as error:
            if path == folder.database or error.sqlite_errorcode & 0xFF not in UNUSABLE:
                raise
            path.unlink()  # put aside, and broken or of an older make: nothing can be taken out
    return gone


def _erase(path: Path, callers: Sequence[str], at: int, progress: Progress) -> int:
    store = Store(path)
    try:
        with store.transaction():
            store.add(Event(id=f"{kinds.FORGOT}:{at}", at=at, kind=kinds.FORGOT))
            gone = erasures.erase(store.connection, dict.fromkeys(callers, at))
            if gone:
                recompute(store, progress)
    finally:
        store.close()
    compact(path)
    return gone
