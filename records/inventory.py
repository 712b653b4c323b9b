"""What the line holds about people: where, for how long, and since when. For the privacy report.

One line for each table and file; a test compares the tables with those of the database.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path

from . import clocks, erasures
from .clocks import DAY, SLACK
from .events import instant
from .folder import Folder
from .numbers import UNDO
from .schema import reader

OWED = "SELECT caller FROM ledger WHERE closed IS NULL"
PROMISED = "SELECT caller FROM callbacks WHERE ended IS NULL"
A_DATE = "SELECT CAST(strftime('%s', min({})) AS INTEGER) * 1000000 FROM {}"
SHIFTS = A_DATE.format("coalesce(removed, last)", "shifts")
CANCELLED, SKIPPED = A_DATE.format("date", "shift_cancelled"), A_DATE.format("date", "signup_skips")
SIGNED = A_DATE.format("last", "signups")
BLOCKED = "SELECT caller FROM blocks WHERE ended IS NULL AND until > :now"
UNDER_WAY = "SELECT caller FROM calls WHERE ended IS NULL AND caller IS NOT NULL"


@dataclass(frozen=True)
class Holding:
    """``days``: its clock, None where a person decides. ``oldest``: microseconds UTC."""

    where: str
    what: str
    days: float | None
    oldest: int | None = None

    def overdue(self, at: int) -> bool:
        """Whether its clock ran out more than SLACK days ago: then no purge has run."""
        if self.days is None or self.oldest is None:
            return False
        return self.oldest <= at - int((self.days + SLACK) * DAY)

    def as_row(self, at: int, zone: tzinfo) -> dict[str, object]:
        """For a list; the time is local."""
        oldest = None if self.oldest is None else instant(self.oldest).astimezone(zone)
        return {
            "where": self.where,
            "what": self.what,
            "days": "" if self.days is None else round(self.days, 2),
            "oldest": "" if oldest is None else oldest.isoformat(" ", "minutes"),
            "state": "OVERDUE" if self.overdue(at) else "ok",
        }


# (table, what, days, the oldest as SQL)
TABLES: tuple[tuple[str, str, float | None, str], ...] = (
    (
        "journal",
        "events of calls, with their callers' tokens",
        clocks.TOKEN,
        f"""SELECT min(c.ended) FROM calls c LEFT JOIN ledger l USING (caller) WHERE caller
            <> '' AND (l.first IS NULL OR l.closed <= :now - {DAY})""",
    ),
    (
        "journal",
        "what agents did",
        clocks.AGENTS,
        "SELECT min(at) FROM journal WHERE kind GLOB 'offer.*'",
    ),
    (
        "journal",
        "what was purged, rotated, forgotten; who recorded a sentence; the switch; connections",
        clocks.AUDIT,
        """SELECT min(at) FROM journal WHERE kind GLOB 'privacy.*' OR kind GLOB 'pbx.*'
            OR kind GLOB 'prompt.*' OR kind GLOB 'line.*'""",
    ),
    ("calls", "one row for each call", clocks.CALLS, "SELECT min(arrived) FROM calls"),
    ("offers", "which agent's phone rang", clocks.AGENTS, "SELECT min(rang) FROM offers"),
    (
        "ledger",
        "callers who are owed a call",
        clocks.OWED,
        "SELECT min(last) FROM ledger WHERE closed IS NULL",
    ),
    (
        "ledger",
        "those to whom nothing is owed any more",
        clocks.TOKEN,
        "SELECT min(closed) FROM ledger",
    ),
    (
        "numbers",
        "encrypted numbers of callers who are owed a call",
        clocks.OWED,
        f"""SELECT min(at) FROM numbers WHERE caller NOT IN ({PROMISED}) AND (
            caller IN ({OWED}) OR caller IN ({UNDER_WAY}))""",
    ),
    (
        "numbers",
        "others, until they are deleted",
        UNDO / 86_400,
        f"""SELECT min(at) FROM numbers WHERE caller NOT IN ({OWED}) AND caller NOT IN
            (SELECT caller FROM ledger WHERE closed > :now - {DAY})
            AND caller NOT IN ({UNDER_WAY}) AND caller NOT IN ({PROMISED})
            AND caller NOT IN ({BLOCKED})""",
    ),
    ("numbers", "encrypted numbers of callers who are blocked, until that ends", None, ""),
    (
        "blocks",
        "callers who are blocked, each until a date",
        clocks.BLOCK_LONGEST,
        f"SELECT min(since) FROM blocks WHERE caller IN ({BLOCKED})",
    ),
    (
        "blocks",
        "blocks that are over",
        clocks.TOKEN,
        f"SELECT min(coalesce(ended, until)) FROM blocks WHERE caller NOT IN ({BLOCKED})",
    ),
    (
        "callbacks",
        "promised call-backs that are over",
        clocks.TOKEN,
        "SELECT min(ended) FROM callbacks",
    ),
    ("callbacks", "call-backs that are promised", None, ""),
    (
        "messages",
        "messages: when, how long, who listened",
        clocks.CALLS,
        "SELECT min(left) FROM messages",
    ),
    (
        "messages",
        "recordings of messages",
        clocks.MESSAGES,
        "SELECT min(left) FROM messages WHERE removed IS NULL",
    ),
    (
        "messages",
        "recordings that somebody has heard",
        clocks.HEARD,
        "SELECT min(heard) FROM messages WHERE removed IS NULL",
    ),
    ("switches", "who closed or opened the line last, and what was said", None, ""),
    ("days", "figures of days; nothing about anybody", None, ""),
    ("presence", "what each agent declared last", None, "SELECT min(since) FROM presence"),
    (
        "agents",
        "agents: name, alias, e-mail; until they are removed",
        None,
        "SELECT min(added) FROM agents",
    ),
    ("starts", "how far each agent's start has come", None, ""),
    (
        "invitations",
        "hashes of personal links",
        clocks.INVITATIONS,
        "SELECT min(made) FROM invitations",
    ),
    ("outside", "agents' own numbers, encrypted", None, "SELECT min(at) FROM outside"),
    ("members", "which agent is in which queue", None, ""),
    ("shifts", "weekly shifts, and those that are over", clocks.AGENTS, SHIFTS),
    ("shift_cancelled", "shifts that do not take place on a date", clocks.AGENTS, CANCELLED),
    ("signups", "who has signed up for single dates", clocks.AGENTS, SIGNED),
    ("signups", "who comes every week", None, ""),
    ("signup_skips", "who does not come on a date", clocks.AGENTS, SKIPPED),
    ("feeds", "links to calendars: a digest", None, "SELECT min(created) FROM feeds"),
    ("accounts", "users of the page, and which agent they are", None, ""),
    ("sessions", "who is signed in", None, ""),
    ("codes", "codes for a first sign-in", None, ""),
    ("sheets", "never write a person's data into one", None, ""),
    ("cursors", "nothing about anybody", None, ""),
)


def tables(path: Path, at: int) -> Iterator[Holding]:
    """What the database holds. :raises sqlite3.Error: it cannot be read."""
    with closing(reader(path)) as connection:
        for table, what, days, sql in TABLES:
            oldest = connection.execute(sql, {"now": at}).fetchone()[0] if sql else None
            yield Holding(f"{path.name}: {table}", what, days, oldest)


def files(folder: Folder) -> Iterator[Holding]:
    """What else is in the folder; Asterisk's own: asterisk/privacy.py."""
    erased = min((one.at for one in erasures.read(folder.erasures)), default=None)
    yield Holding("erasures.jsonl", "tokens that were forgotten", clocks.ERASURES, erased)
    aside, what = _oldest(folder.replaced), "what a restore put aside"
    yield Holding("replaced/", what, clocks.REPLACED, aside)
    damaged = min((path.stat().st_mtime_ns // 1000 for path in folder.damaged), default=None)
    what = "databases that were damaged"
    yield Holding(f"{folder.database.name}.corrupt-*", what, clocks.REPLACED, damaged)
    what = "backups: delete the oldest yourself"
    yield Holding("backups/", what, clocks.BACKUPS, _oldest(folder.backups))


def _oldest(place: Path) -> int | None:
    """When the oldest entry of a folder was written, microseconds UTC."""
    if not place.exists():
        return None
    return min((path.stat().st_mtime_ns // 1000 for path in place.iterdir()), default=None)
