"""The projections' rows in memory while events are applied: read once, written once.

Many events of one transaction touch the same few rows (a call, its offers, an
agent). They are changed here and written back together before the commit. What
another connection has written makes everything be read anew.
"""

import sqlite3
from collections.abc import Iterable
from typing import Any

from .changes import Change
from .projections import KEYS

Values = dict[str, Any]
RARE = frozenset(KEYS) - {"calls", "offers", "presence"}  # read again each time
# Calls whose rows are deleted keep their numbers: the days that were counted know the highest.
NEXT = """SELECT 1 + max(coalesce((SELECT max(number) FROM calls), 0),
    coalesce((SELECT max(last) FROM days), 0))"""


class Rows:
    """Implements :class:`~.projections.State` over one connection, inside its transactions."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._empty = {table: _defaults(connection, table) for table in KEYS}
        self._select = {
            table: f"SELECT * FROM {table} WHERE {key} = ?" for table, key in KEYS.items()
        }
        self._insert = {
            table: f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})"
            for table, row in self._empty.items()
        }
        self._cache: dict[str, dict[str, Values | None]] = {table: {} for table in KEYS}
        self._offers: dict[str, list[Values]] = {}
        self._new: dict[str, dict[str, Values]] = {table: {} for table in KEYS}
        self._changed: dict[str, dict[str, Values]] = {table: {} for table in KEYS}
        self._touched: set[str] = set()  # tables with new or changed rows
        self._over: set[str] = set()  # calls in the cache that have ended, or never arrived
        self._number: int | None = None
        self._owed: set[str] | None = None  # callers with an open entry, once read

    def row(self, table: str, key: str) -> Values | None:
        cache = self._cache[table]
        if key not in cache:
            found = self._connection.execute(self._select[table], (key,)).fetchone()
            cache[key] = None if found is None else dict(found)
            if table == "calls" and (found is None or found["ended"] is not None):
                self._over.add(key)
        return cache[key]

    def next_number(self) -> int:
        if self._number is None:
            self._number = int(self._connection.execute(NEXT).fetchone()[0])
        return self._number

    def number_from(self, number: int) -> None:
        """The next call has this number, whatever stands in the tables."""
        self._number = number

    def offers_of(self, call: str) -> list[Values]:
        if call not in self._offers:
            sql = "SELECT offer FROM offers WHERE call = ?"
            keys = [found[0] for found in self._connection.execute(sql, (call,))]
            rows = [self.row("offers", key) for key in keys]
            self._offers[call] = [row for row in rows if row is not None]
        return self._offers[call]

    def owed(self, caller: str) -> bool:
        return caller in self._open_entries()

    def _open_entries(self) -> set[str]:
        if self._owed is None:
            sql = "SELECT caller FROM ledger WHERE closed IS NULL"
            self._owed = {found[0] for found in self._connection.execute(sql)}
        return self._owed

    def _owe(self, caller: str, owed: bool) -> None:
        """An entry is opened or closed; what is read first does not know of it yet."""
        found = self._open_entries()
        if owed:
            found.add(caller)
        else:
            found.discard(caller)

    def apply(self, changes: Iterable[Change]) -> None:
        """Carry out what :func:`~.projections.fold` found."""
        for change in changes:
            row = self.row(change.table, change.key)
            if row is None:
                row = self._make(change)
            row.update(change.values)
            self._touched.add(change.table)
            if change.table == "calls":
                if change.values.get("ended") is not None:
                    self._over.add(change.key)
            elif change.table == "ledger" and "closed" in change.values:
                self._owe(change.key, change.values["closed"] is None)
            if change.values and change.key not in self._new[change.table]:
                self._changed[change.table].setdefault(change.key, {}).update(change.values)

    def _make(self, change: Change) -> Values:
        row = self._empty[change.table].copy()
        row[KEYS[change.table]] = change.key
        self._cache[change.table][change.key] = self._new[change.table][change.key] = row
        if change.table == "calls":
            self._number = change.values["number"] + 1
            self._offers[change.key] = []
            self._over.discard(change.key)
        elif change.table == "offers":
            self.offers_of(change.values["call"]).append(row)
        return row

    def flush(self) -> None:
        """Write new rows, and of the others only what changed: an index whose columns
        stand still is not touched. To be called inside the transaction.
        """
        for table in self._touched:
            if rows := self._new[table]:
                values = [tuple(row.values()) for row in rows.values()]
                self._connection.executemany(self._insert[table], values)
                rows.clear()
            for key, changed in self._changed[table].items():
                sets = ", ".join([f"{column} = ?" for column in changed])
                sql = f"UPDATE {table} SET {sets} WHERE {KEYS[table]} = ?"
                self._connection.execute(sql, (*changed.values(), key))
            self._changed[table].clear()
        self._touched.clear()

    def forget(self) -> None:
        """Read everything anew: another connection has written, or a transaction failed."""
        for cache in self._cache.values():
            cache.clear()
        for rows in (*self._new.values(), *self._changed.values()):
            rows.clear()
        self._touched.clear()
        self._over.clear()
        self._offers.clear()
        self._number = self._owed = None

    def forget_ended(self) -> None:
        """Keep what is under way: calls that have ended are read again if ever needed."""
        for table in RARE:
            if cache := self._cache[table]:
                cache.clear()
        for call in self._over:
            self._cache["calls"].pop(call, None)
            for offer in self._offers.pop(call, ()):
                self._cache["offers"].pop(offer["offer"], None)
        self._over.clear()


def _defaults(connection: sqlite3.Connection, table: str) -> Values:
    """A new row of a table: every column in order, with its default."""
    columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
    found: Values = {}
    for column in columns:
        found[column["name"]] = connection.execute(
            f"SELECT {column['dflt_value'] or 'NULL'}"
        ).fetchone()[0]
    return found
