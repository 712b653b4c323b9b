"""``decroche journal rebuild``: compute every projection again from the journal."""

from collections.abc import Callable
from pathlib import Path

from .projections import KEYS
from .schema import PROJECTIONS, make_projections
from .store import Store, last_seq, read

CHUNK = 5_000


def rebuild(path: Path, progress: Callable[[int, int], None] = lambda done, total: None) -> int:
    """Replace the projections by what the journal says, in one transaction.

    :param progress: called with (events done, events in all).
    :returns: the number of events read.
    :raises sqlite3.OperationalError: another process holds the file; nothing has changed.
    """
    store = Store(path)
    done = 0
    try:
        store.connection.execute("BEGIN IMMEDIATE")
        total = last_seq(store.connection)
        for table in PROJECTIONS:
            store.connection.execute(f"DROP TABLE {table}")
        make_projections(store.connection)
        after = 0
        while events := list(read(store.connection, after, limit=CHUNK)):
            for event in events:
                store.project(event)
            after = events[-1].seq
            done += len(events)
            progress(after, total)
        store.connection.execute("COMMIT")
    except BaseException:
        if store.connection.in_transaction:
            store.connection.execute("ROLLBACK")
        raise
    finally:
        store.close()
    return done


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
