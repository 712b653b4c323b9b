"""The steps of a volunteer who begins: read, and written down (records/starting.py folds them)."""

from contextlib import closing
from pathlib import Path

from .changes import Row
from .events import Event, now
from .schema import reader
from .starting import NOTHING
from .store import Store

REGISTERED = "SELECT reachable FROM presence WHERE agent = ?"


def steps_of(path: Path, agent: str) -> Row:
    """How far an agent has come: instants (microseconds UTC) or None, the charter's hash, and
    whether the phone is ``registered``.
    """
    with closing(reader(path)) as connection:
        row = connection.execute("SELECT * FROM starts WHERE agent = ?", (agent,)).fetchone()
        there = connection.execute(REGISTERED, (agent,)).fetchone()
    registered = {"registered": bool(there and there["reachable"])}
    return {**NOTHING, **(dict(row) if row else {}), **registered}


def happened(kind: str, agent: str, **body: object) -> Event:
    """An event of kinds.START_KINDS, made now."""
    at = now()
    return Event(id=f"{agent}:{kind}:{at}", at=at, kind=kind, actor=agent, body=body)


def note(path: Path, kind: str, agent: str, **body: object) -> None:
    """Write such an event down; durable when this returns.

    :raises sqlite3.OperationalError: the database stays locked or is full.
    """
    store = Store(path)
    try:
        store.append([happened(kind, agent, **body)])
    finally:
        store.close()
