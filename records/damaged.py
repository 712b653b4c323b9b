"""Reading a table of a damaged SQLite file: all rows that SQLite can still reach.

Rows are read in the order of their key. At a page that cannot be read, a table with row
numbers is read on behind the hole; any other one is read from its other end.
"""

import sqlite3
from collections.abc import Iterator, Sequence

Row = tuple[object, ...]
LAST = 2**63 - 1


def read_rows(
    connection: sqlite3.Connection, table: str, columns: Sequence[str], key: Sequence[str]
) -> Iterator[Row]:
    """Every row that can be reached, each once.

    :param key: the columns of the primary key, or ``["rowid"]``.
    """
    reach = _Reach(connection, table, columns, key)
    yield from reach.forward()
    while reach.broken and list(key) == ["rowid"] and reach.leap():
        yield from reach.forward()
    if reach.broken:
        yield from reach.backward()


class _Reach:
    """How far one table has been read from each end."""

    def __init__(
        self, connection: sqlite3.Connection, table: str, columns: Sequence[str], key: Sequence[str]
    ) -> None:
        self._connection = connection
        self._table = table
        self._key = ", ".join(key)
        self._what = ", ".join([*key, *(f'"{name}"' for name in columns)])
        self._width = len(key)
        self._marks = ", ".join("?" * len(key))
        self._last: Row = ()  # key of the last row that was read
        self._landed = 0  # where the last leap led to
        self.broken = False

    def forward(self) -> Iterator[Row]:
        yield from self._read(">", "", self._last)

    def backward(self) -> Iterator[Row]:
        """From the end down to the first page that cannot be read, or to what was read already."""
        behind = self._last
        self._last = ()
        for row in self._read("<", "DESC", ()):
            if self._last == behind:
                return
            yield row

    def _read(self, sign: str, order: str, after: Row) -> Iterator[Row]:
        where = f"WHERE ({self._key}) {sign} ({self._marks})" if after else ""
        by = ", ".join(f"{name} {order}" for name in self._key.split(", "))
        sql = f'SELECT {self._what} FROM "{self._table}" {where} ORDER BY {by}'
        self.broken = False
        try:
            for row in self._connection.execute(sql, after):
                self._last = tuple(row[: self._width])
                yield tuple(row[self._width :])
        except sqlite3.DatabaseError:
            self.broken = True

    def leap(self) -> bool:
        """Go to just before the next row number that can be reached; False when there is none."""
        last = max(int(str(self._last[0])) if self._last else 0, self._landed)
        step, ends = 1, last
        while (reached := self._first(last + step)) is None:
            if last + step >= LAST // 4:
                return False
            ends, step = last + step, step * 2
        low, high = ends, last + step  # low cannot be reached, high can
        while high - low > 1:
            middle = (low + high) // 2
            found = self._first(middle)
            if found is None:
                low = middle
            else:
                high, reached = middle, found
        self._last, self._landed = (reached - 1,), reached  # never to the same one again
        return reached <= LAST // 4

    def _first(self, number: int) -> int | None:
        """The first row number from ``number`` on; None when it cannot be said."""
        sql = f'SELECT rowid FROM "{self._table}" WHERE rowid >= ? ORDER BY rowid LIMIT 1'
        try:
            row = self._connection.execute(sql, (number,)).fetchone()
        except sqlite3.DatabaseError:
            return None
        return LAST if row is None else int(row[0])
