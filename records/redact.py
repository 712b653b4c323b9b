"""The few ways in which the journal is changed afterwards: a token is removed or renamed in it.

Whoever does so computes the projections again in the same transaction (records/rebuild.py): so
they are always what the journal says. A token stands in an event's body as ``caller`` and, where
the kind may come again, in its id.
"""

import sqlite3
from collections.abc import Iterable, Mapping

from .changes import Row

GONE = ""  # stands where the token stood, in the body and in the id: the two say the same
CARRIERS = """SELECT seq, id, at, kind, call, json_extract(body, '$.caller') AS caller
    FROM journal WHERE instr(body, '"caller":"') ORDER BY seq"""


def carriers(connection: sqlite3.Connection, callers: Iterable[str]) -> list[Row]:
    """The events that name one of these callers: seq, id, at, kind, call, caller."""
    wanted = frozenset(callers)
    if not wanted:
        return []
    return [row for row in connection.execute(CARRIERS) if row["caller"] in wanted]


def redact(connection: sqlite3.Connection, events: Iterable[Row]) -> None:
    """Take the caller out of facts about calls; delete what is about nothing but the caller.

    An empty caller stays, so that who was known once is not counted as withheld.

    The journal's newest event must not be among them: places in it are never given twice.
    """
    for event in events:
        if event["kind"].startswith("call."):
            id = event["id"].replace(event["caller"], GONE)
            _change(connection, event, id, GONE)
        else:
            connection.execute("DELETE FROM journal WHERE seq = ?", (event["seq"],))


def rename(connection: sqlite3.Connection, names: Mapping[str, str]) -> None:
    """Give callers new tokens: old -> new."""
    for event in carriers(connection, names):
        name = names[event["caller"]]
        _change(connection, event, event["id"].replace(event["caller"], name), name)


def _change(connection: sqlite3.Connection, event: Row, id: str, name: str) -> None:
    """What then says the same as another event goes: the same fact is there once."""
    call = event["call"].replace(event["caller"], name)  # an attempt of a call-back names it, too
    sql = """UPDATE OR IGNORE journal SET body = json_set(body, '$.caller', ?), id = ?, call = ?
        WHERE seq = ?"""
    if not connection.execute(sql, (name, id, call, event["seq"])).rowcount:
        connection.execute("DELETE FROM journal WHERE seq = ?", (event["seq"],))
