"""``decroche journal rebuild``: compute every projection again from the journal."""

from collections.abc import Callable
from pathlib import Path

import structlog

from . import days
from .events import Event
from .projections import KEYS, fold
from .schema import PROJECTIONS, make_projections
from .store import Store, last_seq, read

log = structlog.get_logger(__name__)

CHUNK = 5_000
Progress = Callable[[int, int], None]


def silent(done: int, total: int) -> None:
    """Progress that nobody looks at."""


def rebuild(path: Path, progress: Progress = silent) -> int:
    """Replace the projections by what the journal says, in one transaction.

    :param progress: called with (events done, events in all).
    :returns: the number of events read.
    :raises sqlite3.OperationalError: another process holds the file; nothing has changed.
    """
    store = Store(path)
    try:
        with store.transaction():
            return recompute(store, progress)
    finally:
        store.close()


def recompute(store: Store, progress: Progress = silent) -> int:
    """The same inside a transaction that is open: after the journal itself was changed there."""
    done, after = 0, 0
    store.rows.flush()
    total = last_seq(store.connection)
    for table in PROJECTIONS:
        store.connection.execute(f"DROP TABLE {table}")
    make_projections(store.connection)
    store.rows.forget()
    store.rows.number_from(days.first_number(store.connection))
    while events := list(read(store.connection, after, limit=CHUNK)):
        for event in events:
            _project(store, event)
        store.rows.flush()
        store.rows.forget_ended()
        after = events[-1].seq
        done += len(events)
        progress(after, total)
    return done


def _project(store: Store, event: Event) -> None:
    try:
        store.rows.apply(fold(store.rows, event))
    except (LookupError, TypeError, ValueError):  # set aside when it was appended, too
        log.warning("event set aside", seq=event.seq, kind=event.kind)


def projections(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every projected row, ordered by key: for comparing before and after."""
    store = Store(path)
    try:
        return {
            table: [
                tuple(row)
                for row in store.connection.execute(f"SELECT * FROM {table} ORDER BY {key}")
            ]
            for table, key in KEYS.items()
        }
    finally:
        store.close()
