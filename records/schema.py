"""The database file: tables and how they came to be (sqlite-utils migrations).

Migrate from one place, before anything else opens the file: the migrations of
sqlite-utils are not safe for several processes at once. One file because the tables are read
together, and their steps in their order.
"""

import os
import sqlite3
from pathlib import Path

from sqlite_utils import Database, Migrations

migrations = Migrations("records")

# Bytes. An event touches some six pages, and each is written whole: half a page is a sixth less
# time for an append than SQLite's 4096.
PAGE = 2048

# Projections: everything in them can be computed again from the journal.
PROJECTIONS = {
    "calls": """
        CREATE TABLE calls (
            call TEXT PRIMARY KEY,       -- unique id of the caller's channel
            number INTEGER UNIQUE,       -- what people call it: 1, 2, 3 ...
            trunk TEXT NOT NULL,
            did TEXT NOT NULL,
            caller TEXT,                 -- token of the number; NULL when withheld, '' when purged
            stage TEXT NOT NULL,         -- greeting, menu, waiting, ringing, talking, ended
            since INTEGER NOT NULL,      -- microseconds UTC, as all instants here
            arrived INTEGER NOT NULL,
            chosen INTEGER,
            choice TEXT,
            queue TEXT,
            queued INTEGER,              -- when the wait began
            answered INTEGER,
            agent TEXT,                  -- who rings or talks
            left INTEGER,                -- when the agent's side of the talk ended
            ended INTEGER,
            outcome TEXT,
            dismissed TEXT,              -- why the line itself ended the call
            rings INTEGER NOT NULL DEFAULT 0,
            fellback INTEGER NOT NULL DEFAULT 0,
            missed INTEGER NOT NULL DEFAULT 0,  -- 1: an attempt that stands in the ledger
            gave_up TEXT                 -- stage in which it ended without a human
        ) STRICT, WITHOUT ROWID""",
    "offers": """
        CREATE TABLE offers (
            offer TEXT PRIMARY KEY,      -- unique id of the agent's channel
            call TEXT NOT NULL,
            agent TEXT NOT NULL,
            rang INTEGER NOT NULL,
            answered INTEGER,
            ended INTEGER,
            result TEXT                  -- answered, missed, rejected, elsewhere, cancelled
        ) STRICT, WITHOUT ROWID""",
    "presence": """
        CREATE TABLE presence (
            agent TEXT PRIMARY KEY,
            state TEXT NOT NULL,         -- available, paused, away
            since INTEGER NOT NULL,
            reachable INTEGER NOT NULL DEFAULT 1,
            stage TEXT NOT NULL DEFAULT 'idle',   -- idle, ringing, talking
            stage_since INTEGER NOT NULL,
            call TEXT,
            rest_until INTEGER NOT NULL DEFAULT 0,
            by TEXT NOT NULL DEFAULT '',          -- where it was declared: phone, missed ...
            capped_until INTEGER NOT NULL DEFAULT 0,    -- a limit of the day is reached
            until INTEGER                -- when an availability ends by itself
        ) STRICT, WITHOUT ROWID""",
    "ledger": """
        CREATE TABLE ledger (
            caller TEXT PRIMARY KEY,     -- token of the number
            first INTEGER NOT NULL,      -- arrival of the first attempt that reached nobody
            last INTEGER NOT NULL,       -- and of the newest
            attempts INTEGER NOT NULL,
            waited INTEGER NOT NULL,     -- the longest wait of them, microseconds
            stage TEXT NOT NULL,         -- where the newest gave up
            queue TEXT,
            tries INTEGER NOT NULL DEFAULT 0,   -- how often somebody called them in vain
            tried INTEGER,
            claimed_by TEXT,             -- account
            claimed_until INTEGER NOT NULL DEFAULT 0,
            closed INTEGER,
            reason TEXT,                 -- answered, talked, ... (records/ledger.py)
            closed_by TEXT               -- agent or account
        ) STRICT, WITHOUT ROWID""",
    "callbacks": """
        CREATE TABLE callbacks (
            caller TEXT PRIMARY KEY,     -- token of the number
            call TEXT NOT NULL,          -- in which it was promised; empty: by a person
            queue TEXT NOT NULL,
            trunk TEXT NOT NULL,
            did TEXT NOT NULL,           -- which number of ours they see
            since INTEGER NOT NULL,      -- the arrival whose place is kept
            due INTEGER NOT NULL,        -- not before
            agent TEXT,                  -- who is asked first
            only INTEGER NOT NULL DEFAULT 0,    -- 1: nobody else
            reason TEXT NOT NULL DEFAULT '',
            stage TEXT NOT NULL,         -- waiting, ringing ... (records/promised.py)
            stage_since INTEGER NOT NULL,
            channel TEXT,                -- the attempt under way
            taken_by TEXT,               -- agent
            tries INTEGER NOT NULL DEFAULT 0,
            tries_max INTEGER NOT NULL,
            pause INTEGER NOT NULL,      -- seconds before the second try; then doubled
            ended INTEGER
        ) STRICT, WITHOUT ROWID""",
    "blocks": """
        CREATE TABLE blocks (
            caller TEXT PRIMARY KEY,     -- token of the number
            since INTEGER NOT NULL,
            until INTEGER NOT NULL,
            blocked_by TEXT NOT NULL,    -- account, agent or "admin"
            reason TEXT NOT NULL,
            ended INTEGER                -- when it was taken back
        ) STRICT, WITHOUT ROWID""",
    "messages": """
        CREATE TABLE messages (
            call TEXT PRIMARY KEY,       -- in which it was left; the file is named for it
            caller TEXT,                 -- token; NULL when withheld
            queue TEXT,
            left INTEGER NOT NULL,
            seconds INTEGER NOT NULL,
            heard INTEGER,               -- when somebody first listened
            heard_by TEXT,               -- agent or account
            removed INTEGER              -- when the recording was deleted
        ) STRICT, WITHOUT ROWID""",
    "switches": """
        CREATE TABLE switches (
            place TEXT PRIMARY KEY,      -- a queue; empty: the line
            state TEXT NOT NULL,         -- open, short, closed, auto
            since INTEGER NOT NULL,
            until INTEGER NOT NULL,
            text TEXT NOT NULL,          -- what callers hear
            sound TEXT NOT NULL,         -- its name among the prompts; empty: none
            actor TEXT NOT NULL,         -- account, or the command line
            clears INTEGER NOT NULL,     -- 1: who waits is told, too
            void INTEGER NOT NULL        -- of the line: what was thrown before is over
        ) STRICT, WITHOUT ROWID""",
    "days": """
        CREATE TABLE days (
            date TEXT PRIMARY KEY,       -- local
            last INTEGER NOT NULL,       -- the highest number of a call when it was counted
            body TEXT NOT NULL           -- JSON, see records/days.py
        ) STRICT, WITHOUT ROWID""",
    "starts": """
        CREATE TABLE starts (
            agent TEXT PRIMARY KEY,
            invited INTEGER,             -- when their newest link was made
            joined INTEGER,              -- when they chose a password for the page
            charter TEXT,                -- SHA-256 of the text that they accepted
            accepted INTEGER,
            phone INTEGER,               -- when their phone got its present password
            echoed INTEGER,              -- when they last made the echo call
            heard INTEGER                -- when they last said that they heard themselves
        ) STRICT, WITHOUT ROWID""",
}
INDEXES = {
    "calls": (
        "CREATE INDEX calls_open ON calls (arrived) WHERE ended IS NULL",
        "CREATE INDEX calls_arrived ON calls (arrived)",
    ),
    "offers": ("CREATE INDEX offers_call ON offers (call)",),
    "presence": (),
    "ledger": ("CREATE INDEX ledger_open ON ledger (attempts DESC, first) WHERE closed IS NULL",),
    "blocks": (),
    "messages": ("CREATE INDEX messages_kept ON messages (left) WHERE removed IS NULL",),
    "callbacks": ("CREATE INDEX callbacks_open ON callbacks (due) WHERE ended IS NULL",),
    "starts": (),
    "switches": (),
    "days": ("CREATE INDEX days_last ON days (last)",),  # a new call's number depends on it
}


@migrations()
def m001_journal(db: Database) -> None:
    db.execute(
        """CREATE TABLE journal (
            seq INTEGER PRIMARY KEY,     -- counts up as long as the newest row is never deleted
            id TEXT NOT NULL UNIQUE,
            at INTEGER NOT NULL,
            kind TEXT NOT NULL,
            call TEXT NOT NULL,
            actor TEXT NOT NULL,
            node TEXT NOT NULL,
            body TEXT NOT NULL
        ) STRICT"""
    )


@migrations()
def m002_projections(db: Database) -> None:
    make_projections(db.conn)


@migrations()
def m003_people(db: Database) -> None:
    db.execute(
        """CREATE TABLE agents (
            name TEXT PRIMARY KEY,       -- also the name of the SIP endpoint
            label TEXT NOT NULL,         -- the alias that colleagues see
            ha1 TEXT NOT NULL,           -- MD5 of name:realm:password (RFC 2617)
            added INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID"""
    )
    db.execute(
        """CREATE TABLE members (
            queue TEXT NOT NULL,
            agent TEXT NOT NULL REFERENCES agents (name) ON DELETE CASCADE,
            position INTEGER NOT NULL,   -- order of the strategy "in-order"
            PRIMARY KEY (queue, agent)
        ) STRICT, WITHOUT ROWID"""
    )


@migrations()
def m004_cursors(db: Database) -> None:
    db.execute(
        """CREATE TABLE cursors (
            source TEXT PRIMARY KEY,     -- what is read on: cel, queue_log
            place TEXT NOT NULL,         -- how far, in the source's own terms
            at INTEGER NOT NULL          -- when it was read so far
        ) STRICT, WITHOUT ROWID"""
    )


@migrations()
def m005_ledger(db: Database) -> None:
    """Numbers; and for a line that is older than the ledger, its table, empty until a rebuild."""
    db.execute(
        """CREATE TABLE numbers (
            caller TEXT PRIMARY KEY,     -- token
            sealed BLOB NOT NULL,        -- the number, encrypted (records/numbers.py)
            at INTEGER NOT NULL          -- when they called last
        ) STRICT, WITHOUT ROWID"""
    )
    if "missed" not in db["calls"].columns_dict:
        db.execute("ALTER TABLE calls ADD COLUMN missed INTEGER NOT NULL DEFAULT 0")
        make_projections(db.conn)


@migrations()
def m006_callbacks(db: Database) -> None:
    """For a line that is older than call-backs."""
    make_projections(db.conn)


@migrations()
def m007_messages(db: Database) -> None:
    """For a line that is older than voicemail."""
    make_projections(db.conn)


@migrations()
def m008_days(db: Database) -> None:
    """For a line that is older: where callers gave up is known after a rebuild."""
    if "gave_up" not in db["calls"].columns_dict:
        db.execute("ALTER TABLE calls ADD COLUMN gave_up TEXT")
    make_projections(db.conn)


@migrations()
def m009_switch(db: Database) -> None:
    """For a line that is older than the switch."""
    make_projections(db.conn)


@migrations()
def m010_abilities(db: Database) -> None:
    """What each agent can, in which tier they stand, and limits of their own (NULL: the line's)."""
    db.execute("ALTER TABLE members ADD COLUMN tier INTEGER NOT NULL DEFAULT 0")
    db.execute("ALTER TABLE agents ADD COLUMN skills TEXT NOT NULL DEFAULT ''")  # with spaces
    for limit in ("calls_a_day", "minutes_a_day", "long_call", "rest_after_long"):
        db.execute(f"ALTER TABLE agents ADD COLUMN {limit} INTEGER")
    db.execute("ALTER TABLE agents ADD COLUMN same_helper INTEGER NOT NULL DEFAULT 0")
    if "by" not in db["presence"].columns_dict:
        db.execute("ALTER TABLE presence ADD COLUMN by TEXT NOT NULL DEFAULT ''")
        db.execute("ALTER TABLE presence ADD COLUMN capped_until INTEGER NOT NULL DEFAULT 0")


@migrations()
def m011_shifts(db: Database) -> None:
    """Shifts and who signs up for them: people, not projections. Dates are local, ISO 8601."""
    if "until" not in db["presence"].columns_dict:
        db.execute("ALTER TABLE presence ADD COLUMN until INTEGER")
    db.execute(
        """CREATE TABLE shifts (
            id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice: feeds name it
            day INTEGER NOT NULL,        -- 0: Monday
            starts TEXT NOT NULL,        -- local wall time, "09:00"
            ends TEXT NOT NULL,          -- not after starts: on the next day
            queues TEXT NOT NULL,        -- separated by spaces; empty: any
            wanted INTEGER NOT NULL,     -- people
            first TEXT NOT NULL,
            last TEXT,                   -- NULL: without end
            removed TEXT,                -- from this date on there is none
            added INTEGER NOT NULL,
            changed INTEGER NOT NULL
        ) STRICT"""
    )
    db.execute(
        """CREATE TABLE shift_cancelled (
            shift INTEGER NOT NULL REFERENCES shifts (id) ON DELETE CASCADE,
            date TEXT NOT NULL,
            changed INTEGER NOT NULL,
            PRIMARY KEY (shift, date)
        ) STRICT, WITHOUT ROWID"""
    )
    db.execute(
        """CREATE TABLE signups (
            shift INTEGER NOT NULL REFERENCES shifts (id) ON DELETE CASCADE,
            agent TEXT NOT NULL REFERENCES agents (name) ON DELETE CASCADE,
            first TEXT NOT NULL,
            last TEXT,                   -- first: this date alone; NULL: every week
            changed INTEGER NOT NULL,
            PRIMARY KEY (shift, agent, first)
        ) STRICT, WITHOUT ROWID"""
    )
    db.execute("CREATE INDEX signups_last ON signups (last)")  # past ones are the most
    db.execute(
        """CREATE TABLE signup_skips (
            shift INTEGER NOT NULL REFERENCES shifts (id) ON DELETE CASCADE,
            agent TEXT NOT NULL REFERENCES agents (name) ON DELETE CASCADE,
            date TEXT NOT NULL,          -- not on this date
            changed INTEGER NOT NULL,
            PRIMARY KEY (shift, agent, date)
        ) STRICT, WITHOUT ROWID"""
    )
    db.execute(
        """CREATE TABLE feeds (
            hash TEXT PRIMARY KEY,       -- SHA-256 of the secret in the link
            agent TEXT REFERENCES agents (name) ON DELETE CASCADE,  -- NULL: the team's
            created INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID"""
    )


@migrations()
def m012_invitations(db: Database) -> None:
    """Volunteers who are invited by a personal link, and how far each has come."""
    db.execute("ALTER TABLE agents ADD COLUMN email TEXT")  # NULL: none is known
    db.execute("ALTER TABLE agents ADD COLUMN disabled INTEGER")  # since when; NULL: takes calls
    db.execute(
        """CREATE TABLE invitations (
            agent TEXT PRIMARY KEY REFERENCES agents (name) ON DELETE CASCADE,
            hash TEXT NOT NULL UNIQUE,   -- SHA-256 of what the link holds
            made INTEGER NOT NULL,
            expires INTEGER NOT NULL,
            given INTEGER,               -- when it was printed, written, taken by a mail server
            used INTEGER,                -- when a password was chosen with it
            failed TEXT NOT NULL DEFAULT ''     -- what the mail server said
        ) STRICT, WITHOUT ROWID"""
    )
    db.execute("CREATE INDEX members_agent ON members (agent)")
    make_projections(db.conn)


@migrations()
def m013_blocked(db: Database) -> None:
    """Callers who are blocked; and agents who are called on a phone of their own, outside."""
    make_projections(db.conn)
    db.execute(
        """CREATE TABLE outside (
            agent TEXT PRIMARY KEY REFERENCES agents (name) ON DELETE CASCADE,
            sealed BLOB NOT NULL,        -- the number, encrypted (records/numbers.py)
            at INTEGER NOT NULL          -- since when
        ) STRICT, WITHOUT ROWID"""
    )


def names() -> list[str]:
    """Every step that this version knows."""
    return [step.name for step in migrations.pending(Database(memory=True))]


def make_projections(connection: sqlite3.Connection) -> None:
    """Create those of the projections' tables that are not there, empty, with their indexes."""
    there = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    for table in PROJECTIONS.keys() - there:
        connection.execute(PROJECTIONS[table])
        for index in INDEXES[table]:
            connection.execute(index)


def prepare(path: Path) -> None:
    """Make the file if it is missing (mode 0600, WAL) and bring its tables up to date."""
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    connection = sqlite3.connect(path, timeout=30)
    try:
        connection.execute(f"PRAGMA page_size = {PAGE}")  # of a new file; an old one keeps its own
        connection.execute("PRAGMA journal_mode = WAL")
        migrations.apply(Database(connection, execute_plugins=False))
        connection.commit()
    finally:
        connection.close()


def reader(path: Path) -> sqlite3.Connection:
    """A read-only connection for one thread; rows are read by column name."""
    connection = sqlite3.connect(
        f"file:{path}?mode=ro", uri=True, timeout=5, check_same_thread=False, isolation_level=None
    )
    connection.row_factory = sqlite3.Row
    return connection
