"""Mending a damaged database: it is put aside, and all that can be read goes into a new one.

What is whole again afterwards:

1. every readable row of every table, in the tables as they were;
2. events whose row is lost and whose id is not: an id says what happened (:func:`revive`);
3. what Asterisk wrote down itself: the cursors are gone, so the recorder reads all of it again;
4. the projections: computed from the journal.

The event ``record.salvaged`` says how many events are missing before step 3. Other processes notice
by the file's identity that it is another one (records/store.py) and begin anew.
"""

import fcntl
import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from . import kinds, schema
from .damaged import read_rows
from .dialplan import NOTES, body_of
from .events import MICRO, Event, now
from .folder import sync
from .rebuild import rebuild
from .store import Store, row_of
from .trouble import is_broken

log = structlog.get_logger(__name__)

MIGRATIONS = "_sqlite_migrations"  # of sqlite-utils: which migrations were applied
AGAIN = frozenset({*schema.PROJECTIONS, "cursors"})  # made anew, not copied
# Kinds whose id says who and when; what else the body said is lost.
EXACT = frozenset({*kinds.PRESENCE, kinds.REACHABLE, kinds.UNREACHABLE, *kinds.PEOPLE_KINDS})
NO_ACTOR = frozenset({kinds.PBX_CONNECTED, kinds.PBX_LOST, kinds.GAP, kinds.SALVAGED})
EXACT |= {*NO_ACTOR, kinds.RESTING}
BEGAN = re.compile(r".*?(\d{10})\.\d+")  # a unique id of Asterisk: the second it was made


@dataclass(frozen=True)
class Made:
    """A line of ``sqlite_master``: a table, an index or a trigger, and how it is made."""

    kind: str
    name: str
    sql: str

    @property
    def virtual(self) -> bool:
        return self.sql.upper().startswith("CREATE VIRTUAL")


@dataclass(frozen=True)
class Salvaged:
    """The damaged file's new name; events that came back by their ids, and those that did not."""

    aside: Path
    revived: int
    lost: int


def is_whole(path: Path) -> bool:
    """Whether SQLite finds every page in order. :raises sqlite3.OperationalError: locked."""
    try:
        with closing(schema.reader(path)) as connection:
            return str(connection.execute("PRAGMA quick_check(1)").fetchone()[0]) == "ok"
    except sqlite3.DatabaseError as error:
        if is_broken(error):
            return False
        raise


def mend(path: Path) -> Salvaged | None:
    """Mend the database if it is damaged; None when it is whole.

    One process does it, others wait for it. Nobody can write into the old file meanwhile.

    :raises OSError, sqlite3.OperationalError: no room, no right; the damaged file stays.
    """
    with alone(path):
        _finish(path)
        if is_whole(path):
            return None
        log.error("the database is damaged; saving what can be read", file=str(path))
        with _held(path) as old:
            found = _save(path, old)
            _swap(path, found.aside)
    log.error(
        "the database is a new one; the damaged one is kept",
        kept=str(found.aside),
        revived=found.revived,
        lost=found.lost,
    )
    return found


def finish(path: Path) -> None:
    """Complete a mending that was interrupted between its last two steps."""
    if _mended(path).exists():
        with alone(path):
            _finish(path)


def _finish(path: Path) -> None:
    if _mended(path).exists():
        _swap(path, _aside(path))


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """One process at a time mends a file, or makes its tables."""
    with open(path.with_name(f".{path.name}.lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _held(path: Path) -> Iterator[sqlite3.Connection]:
    """The old file with its write lock, if it can be had: whoever gets it next finds the file
    replaced.
    """
    connection = sqlite3.connect(path, timeout=5, isolation_level=None)
    try:
        with suppress(sqlite3.DatabaseError):
            connection.execute("BEGIN IMMEDIATE")
        yield connection
    finally:
        connection.close()


def _mended(path: Path) -> Path:
    return path.with_name(f".{path.name}.mended")


def _aside(path: Path) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    return path.with_name(f"{path.name}.corrupt-{stamp}")


def _save(path: Path, old: sqlite3.Connection) -> Salvaged:
    """Make the new file beside the old one, complete and durable."""
    aside, part = _aside(path), path.with_name(f".{path.name}.part")
    for leftover in (part, *_companions(part)):
        leftover.unlink(missing_ok=True)
    schema.prepare(part)
    with closing(sqlite3.connect(part)) as new:
        plan, whole = _schema(old)
        tables = _make_tables(new, plan)
        if not whole:  # a room whose tables are not known makes them as in a new file
            tables.pop(MIGRATIONS, None)
        for table, key in tables.items():
            _copy(old, new, table, key)
        revived, lost = _revive_missing(old, new)
        new.commit()
        _make_the_rest(new, plan)
        new.commit()
    rebuild(part)
    body = {"file": aside.name, "revived": revived, "lost": lost}
    at = now()
    store = Store(part)
    try:
        event = Event(id=f":{kinds.SALVAGED}:{at}", at=at, kind=kinds.SALVAGED, body=body)
        store.append([event])
        store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        store.close()
    os.replace(part, _mended(path))
    return Salvaged(aside, revived, lost)


def _swap(path: Path, aside: Path) -> None:
    """The old file gets another name and never changes; the new one takes its place."""
    for old, kept in ((path, aside), (_companions(path)[0], _companions(aside)[0])):
        with suppress(FileNotFoundError, FileExistsError):
            os.link(old, kept)
    for companion in _companions(path):  # SQLite would play the old log into the new file
        companion.unlink(missing_ok=True)
    os.replace(_mended(path), path)
    sync(path.parent)


def _companions(path: Path) -> tuple[Path, Path]:
    """The write-ahead log and its index."""
    return path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")


# Tables.


def _schema(old: sqlite3.Connection) -> tuple[Sequence[Made], bool]:
    """What the old file consists of, and whether all of that could be read."""
    sql = "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid"
    found, whole = [], True
    try:
        for row in old.execute(sql):
            found.append(Made(*map(str, row)))
    except sqlite3.DatabaseError:
        whole = False
    # What a virtual table consists of is made by itself.
    shadow = tuple(f"{made.name}_" for made in found if made.virtual)
    return [made for made in found if not (shadow and made.name.startswith(shadow))], whole


def _make_tables(new: sqlite3.Connection, plan: Sequence[Made]) -> dict[str, Sequence[str]]:
    """Create the ordinary tables that are missing; returns those to be copied, with their keys."""
    found = {}
    for made in plan:
        if made.kind != "table" or made.virtual or made.name.startswith("sqlite_"):
            continue
        with suppress(sqlite3.OperationalError):  # it is there already
            new.execute(made.sql)
        if made.name not in AGAIN:
            found[made.name] = _key(new, made.name)
    return found


def _key(new: sqlite3.Connection, table: str) -> Sequence[str]:
    listed = new.execute("SELECT wr FROM pragma_table_list WHERE name = ?", (table,)).fetchone()
    if not listed[0]:
        return ["rowid"]
    sql = "SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk"
    return [str(row[0]) for row in new.execute(sql, (table,))]


def _make_the_rest(new: sqlite3.Connection, plan: Sequence[Made]) -> None:
    """Full-text search, indexes and triggers, when the rows are there."""
    there = {row[0] for row in new.execute("SELECT name FROM sqlite_master")}
    for made in plan:
        if made.name in there:
            continue
        try:
            new.execute(made.sql)
            if made.virtual:
                new.execute(f'INSERT INTO "{made.name}" ("{made.name}") VALUES (\'rebuild\')')
        except sqlite3.DatabaseError as error:
            log.error("could not be made again", name=made.name, reason=str(error))


def _copy(old: sqlite3.Connection, new: sqlite3.Connection, table: str, key: Sequence[str]) -> None:
    listed = new.execute("SELECT name FROM pragma_table_info(?)", (table,))
    columns = [str(row[0]) for row in listed]
    names, marks = ", ".join(f'"{name}"' for name in columns), ", ".join("?" * len(columns))
    put = f'INSERT OR IGNORE INTO "{table}" ({names}) VALUES ({marks})'
    for row in read_rows(old, table, columns, key):
        with suppress(sqlite3.Error):  # not a row of this table: what was there is overwritten
            new.execute(put, row)


# Events whose row is lost.


def _revive_missing(old: sqlite3.Connection, new: sqlite3.Connection) -> tuple[int, int]:
    """Events that the index of ids still names: (how many came back, how many did not)."""
    have = {int(row[0]) for row in new.execute("SELECT seq FROM journal")}
    named = {
        int(seq): str(id)
        for id, seq in read_rows(old, "journal", ["id", "seq"], ["id"])
        if isinstance(seq, int) and isinstance(id, str)
    }
    missing = sorted(named.keys() - have)
    holes = set(range(1, max(have | named.keys(), default=0) + 1)) - have - named.keys()
    revived = 0
    for seq in missing:
        event = revive(named[seq], _about_when(new, seq))
        if event is not None:
            put = "INSERT OR IGNORE INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
            revived += new.execute(put, (seq, *row_of(event))).rowcount
    return revived, len(missing) - revived + len(holes)


def _about_when(new: sqlite3.Connection, seq: int) -> int:
    """The time of the event before, or of the one after: they were written down in this order."""
    for sql in (
        "SELECT at FROM journal WHERE seq < ? ORDER BY seq DESC LIMIT 1",
        "SELECT at FROM journal WHERE seq > ? ORDER BY seq LIMIT 1",
    ):
        if row := new.execute(sql, (seq,)).fetchone():
            return int(row[0])
    return now()


def revive(id: str, about: int) -> Event | None:
    """The event that an id names, if the id says all of it; ``about``: when it may have been.

    Not those that Asterisk's own record tells in full. The trunk and the number called of an
    arrival are lost, but without it the other events of the call would mean nothing.
    """
    parts = id.split(":")
    at = next((number for number, part in enumerate(parts) if part in kinds.KINDS), 0)
    kind = parts[at]
    if at == 1 and (kind in NOTES or kind == kinds.ARRIVED):
        body = dict(body_of(kind, parts[2:])) if kind in NOTES else {"trunk": "", "did": ""}
        when = max(about, _began(parts[0])) if kind in NOTES else _began(parts[0]) or about
        return Event(id=id, at=when, kind=kind, call=parts[0], body=body)
    if kind in EXACT and len(parts) == 3 and at and (said := parts[3 - at]).isdigit():
        node, actor = (parts[0], "") if kind in NO_ACTOR else ("", parts[0])
        rest = {"until": int(said)} if kind == kinds.RESTING else {}
        return Event(id=id, at=int(said), kind=kind, node=node, actor=actor, body=rest)
    return None


def _began(call: str) -> int:
    """When a call began, to the second; 0 if its id does not say."""
    found = BEGAN.fullmatch(call)
    return int(found[1]) * MICRO if found else 0
