"""``decroche purge``: what is older than its clock leaves the journal, and all that is computed.

1. Whoever waits in the ledger for too long is no longer owed a call (``expired``).
2. Tokens of callers leave the calls that ended long ago, unless a call is owed.
3. Calls of more than a year ago leave, whole local days, once their figures are kept.
4. What single agents did leaves; a conversation stays, without who had it.
5. The projections are computed again: they are what the journal says, as always.

All in one transaction. Asterisk's own records: asterisk/traces.py.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from . import clocks, days, erasures, invitations, kinds, shifts
from .changes import UNTIL
from .clocks import before
from .events import MICRO, Event, instant, now
from .rebuild import Progress, recompute, silent
from .redact import redact
from .store import Store

DECLARED = f"({', '.join(repr(kind) for kind in sorted(kinds.PRESENCE))})"
# It may have come too late, for what was declared before: that stays, too.
AN_END = f"""(kind = '{kinds.AWAY}' AND instr(body, '"by":"{UNTIL}"'))"""
HEARD = f"('{kinds.REACHABLE}', '{kinds.UNREACHABLE}')"
STARTED = f"({', '.join(repr(kind) for kind in sorted(kinds.START_KINDS))})"

# Whose token may go. A call that still counts as an attempt goes with its caller's entry, so that
# none is opened again by what is left; an entry that was closed today can be opened again.
TOKENS = """
    SELECT j.seq, j.id, j.kind, j.call, json_extract(j.body, '$.caller') AS caller
    FROM journal j
    LEFT JOIN calls c ON c.call = j.call
    LEFT JOIN ledger l ON l.caller = json_extract(j.body, '$.caller')
    LEFT JOIN callbacks b ON b.caller = json_extract(j.body, '$.caller') AND b.ended IS NULL
    LEFT JOIN blocks x ON j.kind GLOB 'caller.*' AND x.caller = json_extract(j.body, '$.caller')
    WHERE instr(j.body, '"caller":"') AND NOT instr(j.body, '"caller":""')
        AND b.caller IS NULL AND (l.caller IS NULL OR l.closed <= :today)
        AND CASE
            WHEN x.caller IS NOT NULL THEN max(j.at, coalesce(x.ended, x.until)) <= :before
            WHEN c.call IS NULL THEN coalesce(l.closed, j.at) <= :before AND j.at <= :before
            WHEN c.ended IS NULL THEN 0
            ELSE max(c.ended, coalesce(c.answered, 0)) <= :before
                OR (c.missed AND coalesce(l.closed <= :before, 0)) END
    ORDER BY j.seq"""


@dataclass(frozen=True)
class Done:
    """What one clock took, or would take: how many ``what`` older than ``days``."""

    clock: str
    what: str
    days: int
    count: int


def purge(
    path: Path,
    at: int,
    zone: ZoneInfo,
    *,
    forgotten: Path | None = None,
    dry_run: bool = False,
    progress: Progress = silent,
) -> list[Done]:
    """Carry every clock of the database out as of ``at`` (microseconds UTC).

    :param zone: where days begin and end.
    :param forgotten: the erasure journal: what came back with an old copy is erased again.
    :param dry_run: change nothing, say what would change.
    :raises sqlite3.OperationalError: another process holds the file; nothing has changed.
    """
    store = Store(path)
    store.connection.execute("PRAGMA temp_store = MEMORY")
    try:
        with store.transaction():
            said = _say(store, at)
            done = list(_carry_out(store, at, zone, forgotten))
            counts = {one.clock: one.count for one in done if one.count}
            if dry_run or not counts:
                raise _Undo
            body = msgspec.json.encode(counts).decode()
            store.connection.execute("UPDATE journal SET body = ? WHERE id = ?", (body, said))
            recompute(store, progress)
    except _Undo:
        pass
    else:
        truncate(store.connection)
    finally:
        store.close()
    return done


class _Undo(Exception):
    """Rolls back what was only tried, or came to nothing."""


def _say(store: Store, at: int) -> str:
    """Note the purge before it begins: so it never deletes the journal's newest event, whose
    place would be given twice, and every process that writes notices. Returns the event's id.
    """
    said = Event(id=f"{kinds.PURGED}:{now()}", at=at, kind=kinds.PURGED)
    store.add(said)
    return said.id


def _carry_out(store: Store, at: int, zone: ZoneInfo, forgotten: Path | None) -> Iterator[Done]:
    connection = store.connection
    if forgotten is not None:
        count = erasures.erase(connection, erasures.until(forgotten))
        yield Done("erasures", "facts about who was forgotten", 0, count)
    yield Done(
        "owed",
        "entries and promises expired",
        clocks.OWED,
        _expire(store, at),
    )
    count = _tokens(connection, before(at, clocks.TOKEN), before(at, 1))
    yield Done("tokens", "facts without their caller's token", clocks.TOKEN, count)
    count = _calls(store, before(at, clocks.CALLS), zone)
    yield Done("calls", "calls that are figures only", clocks.CALLS, count)
    count = _agents(connection, before(at, clocks.AGENTS))
    yield Done("agents", "facts about single agents", clocks.AGENTS, count)
    count = shifts.purge(connection, before(at, clocks.AGENTS))
    yield Done("shifts", "shifts that are over, and who had signed up", clocks.AGENTS, count)
    count = invitations.expire(connection, before(at, clocks.INVITATIONS))
    yield Done("invitations", "personal links that are dead", clocks.INVITATIONS, count)
    count = _audit(connection, before(at, clocks.AUDIT))
    yield Done("audit", "facts about the machine", clocks.AUDIT, count)


def _expire(store: Store, at: int) -> int:
    """Close what has waited too long. An attempt starts the clock anew: it is still owed.

    It closes when the time was over, not now: an attempt since, learnt late, is owed.
    """
    sql = "SELECT caller, last FROM ledger WHERE closed IS NULL AND last <= ?"
    late = store.connection.execute(sql, (before(at, clocks.OWED),)).fetchall()
    for caller, last in late:
        then, body = last + clocks.OWED * clocks.DAY, {"caller": caller, "reason": "expired"}
        key = f"{caller}:{kinds.OWED_CLOSED}:{then}"
        store.add(Event(id=key, at=then, kind=kinds.OWED_CLOSED, body=body))
    sql = "SELECT caller, due FROM callbacks WHERE ended IS NULL AND due <= ?"
    vain = store.connection.execute(sql, (before(at, clocks.OWED),)).fetchall()
    for caller, due in vain:
        then, body = due + clocks.OWED * clocks.DAY, {"caller": caller, "reason": "expired"}
        key = f"{caller}:{kinds.BACK_CANCELLED}:{then}"
        store.add(Event(id=key, at=then, kind=kinds.BACK_CANCELLED, body=body))
    store.rows.flush()
    return len(late) + len(vain)


def _tokens(connection: sqlite3.Connection, limit: int, today: int) -> int:
    events = connection.execute(TOKENS, {"before": limit, "today": today}).fetchall()
    redact(connection, events)
    return len(events)


def _calls(store: Store, limit: int, zone: ZoneInfo) -> int:
    """Whole local days go, from the first call on, and their figures stay: records/days.py.

    A day with a call that is open waits, and all days after it.
    """
    connection = store.connection
    limit = midnight(instant(limit).astimezone(zone).date(), zone)
    sql = "SELECT min(arrived) FROM calls WHERE arrived < ? AND ended IS NULL"
    unfinished = connection.execute(sql, (limit,)).fetchone()[0]
    if unfinished is not None:
        limit = midnight(instant(unfinished).astimezone(zone).date(), zone)
    for day in days.uncounted(connection, limit, zone):
        store.add(days.count_day(connection, day, zone))
    store.rows.flush()
    number = days.deletable(connection, limit)
    gone = "SELECT call FROM calls WHERE number <= ?"
    calls = connection.execute(f"SELECT count(*) FROM ({gone})", (number,)).fetchone()[0]
    connection.execute(f"DELETE FROM journal WHERE call IN ({gone})", (number,))
    return int(calls)


def midnight(day: date, zone: ZoneInfo) -> int:
    """When a local day begins, microseconds UTC."""
    return int(datetime.combine(day, time(), zone).timestamp()) * MICRO


def _agents(connection: sqlite3.Connection, limit: int) -> int:
    """Rings go, and who answered; what an agent of the line declared last is its present state."""
    values = {"before": limit}
    answers = f"""UPDATE journal SET actor = '', body = json_remove(body, '$.agent', '$.offer')
        WHERE kind = '{kinds.ANSWERED}' AND at <= :before AND instr(body, '"agent":')"""
    rings = "DELETE FROM journal WHERE kind GLOB 'offer.*' AND at <= :before"
    declared = f"""DELETE FROM journal WHERE kind GLOB 'agent.*' AND at <= :before
        AND (actor NOT IN (SELECT name FROM agents) OR seq NOT IN (
            SELECT max(seq) FROM journal WHERE kind IN {DECLARED} GROUP BY actor
            UNION ALL SELECT max(seq) FROM journal WHERE kind IN {DECLARED} AND NOT {AN_END}
                GROUP BY actor
            UNION ALL SELECT max(seq) FROM journal WHERE kind IN {HEARD} GROUP BY actor
            UNION ALL SELECT max(seq) FROM journal WHERE kind IN {STARTED} GROUP BY actor, kind))"""
    planned = """DELETE FROM journal WHERE at <= :before
        AND (kind GLOB 'shift.*' OR kind GLOB 'feed.*')"""
    acts = (answers, rings, declared, planned)
    return sum(connection.execute(sql, values).rowcount for sql in acts)


def _audit(connection: sqlite3.Connection, limit: int) -> int:
    sql = """DELETE FROM journal WHERE at <= ? AND (kind GLOB 'privacy.*'
        OR kind GLOB 'pbx.*' OR kind GLOB 'record.*' OR kind GLOB 'prompt.*'
        OR kind GLOB 'line.*')"""
    return connection.execute(sql, (limit,)).rowcount


def truncate(connection: sqlite3.Connection) -> bool:
    """Move the write-ahead log into the file and empty it: what was deleted stands nowhere.

    False when somebody reads just now; the next purge, or the last to close the file, does it.
    """
    connection.execute("PRAGMA busy_timeout = 5000")
    return not connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]


def compact(path: Path) -> None:
    """Write the file anew: what was ever moved about inside it leaves no trace.

    :raises sqlite3.OperationalError: another process holds the file.
    """
    with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as connection:
        connection.execute("VACUUM")
        truncate(connection)
