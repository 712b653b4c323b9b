"""What a drill compares: Asterisk's own record, read anew, against the journal.

This is a second translation, on purpose apart from asterisk/translate.py: it makes only
the ids that must be there.
"""

import re
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from ..records.schema import reader

CHANNEL = re.compile(r"PJSIP/(.+)-[0-9a-f]{8}")
OURS = {"CHAN_START": "call.arrived", "HANGUP": "call.ended"}
THEIRS = {"CHAN_START": "offer.rang", "BRIDGE_ENTER": "call.answered", "HANGUP": "offer.ended"}


@dataclass(frozen=True)
class Fact:
    """One row of Asterisk's channel event log."""

    event: str
    channel: str
    unique: str
    linked: str


@dataclass
class Truth:
    """The calls and the journal's ids that must be there, by Asterisk's own account."""

    calls: list[str] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)


def truth(facts: Iterable[Fact], agents: Collection[str]) -> Truth:
    """What the facts demand of the record."""
    found = Truth()
    for fact in facts:
        if id := _id(fact, agents):
            found.ids.add(id)
        if id.endswith("call.arrived"):
            found.calls.append(fact.unique)
    return found


def _id(fact: Fact, agents: Collection[str]) -> str:
    name = CHANNEL.fullmatch(fact.channel)
    if name is None:
        return ""
    if name[1].startswith("trunk-") and fact.unique == fact.linked and fact.event in OURS:
        return f"{fact.linked}:{OURS[fact.event]}"
    if name[1] in agents and fact.unique != fact.linked and fact.event in THEIRS:
        return f"{fact.linked}:{fact.unique}:{THEIRS[fact.event]}"
    return ""


def read_facts(cel: Path, after: int = 0) -> Iterator[Fact]:
    """Rows behind a row number. :raises sqlite3.Error: the file cannot be read."""
    with closing(sqlite3.connect(f"file:{cel}?mode=ro", uri=True, timeout=5)) as connection:
        sql = (
            "SELECT eventtype, channel, uniqueid, linkedid FROM cel WHERE rowid > ? ORDER BY rowid"
        )
        for row in connection.execute(sql, (after,)).fetchall():
            yield Fact(*map(str, row))


@dataclass(frozen=True)
class Lost:
    """Calls without a row, ids without an event, calls that are open though they ended."""

    calls: list[str]
    events: list[str]
    open: list[str]

    def __bool__(self) -> bool:
        return bool(self.calls or self.events or self.open)


def compare(database: Path, wanted: Truth, alive: Collection[str], known: Collection[str]) -> Lost:
    """What the record lacks.

    :param alive: unique ids of Asterisk's channels now. :param known: ids that somebody has
        read in the journal already: acknowledged.
    """
    with closing(reader(database)) as connection:
        rows = {row["call"]: row["ended"] for row in connection.execute("SELECT * FROM calls")}
        ids = {row["id"] for row in connection.execute("SELECT id FROM journal")}
    ended = {f"{call}:call.ended" for call in wanted.calls if call not in alive}
    ended = {id for id in ended if f"{id}:interrupted" not in ids}
    return Lost(
        calls=[call for call in wanted.calls if call not in rows],
        events=sorted((wanted.ids | ended | set(known)) - ids),
        open=[call for call, end in rows.items() if end is None and call not in alive],
    )
