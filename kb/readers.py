"""Read-only connections to the database file, one for each thread that asks."""

import sqlite3
import threading
from pathlib import Path

_CACHE_KIB = 16 * 1024  # the index of 10,000 sheets stays in memory


class Readers:
    """Opens a connection at a thread's first question and keeps it until :meth:`close`."""

    def __init__(self, path: Path) -> None:
        self._uri = f"{path.resolve().as_uri()}?mode=ro"
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._lock = threading.Lock()

    def connection(self) -> sqlite3.Connection:
        """Return this thread's connection. Raises sqlite3.OperationalError without a file."""
        known: sqlite3.Connection | None = getattr(self._local, "connection", None)
        return known or self._open()

    def close(self) -> None:
        """Close every thread's connection; nobody may be asking any more."""
        with self._lock:
            for connection in self._opened:
                connection.close()
            self._opened.clear()
            self._local = threading.local()

    def _open(self) -> sqlite3.Connection:
        # check_same_thread is off for close() alone: no two threads share a connection.
        connection = sqlite3.connect(
            self._uri, uri=True, timeout=5, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        with self._lock:
            self._opened.append(connection)
        self._local.connection = connection
        return connection
