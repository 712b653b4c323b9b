"""The tables of the kb room: sheets, and the full-text index that triggers keep beside them."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlite_utils import Database, Migrations

migrations = Migrations("kb")

# The columns of the index, and what a hit in each is worth: bm25 multiplies by it.
WEIGHTS = {
    "title": 10.0,
    "topic": 4.0,
    "keywords": 4.0,
    "summary": 2.0,
    "plain": 1.0,
    "opened": 1.0,
}
TRIGGERS = ("sheets_ai", "sheets_ad", "sheets_au")


@migrations()
def m001_sheets(db: Database) -> None:
    db.execute(
        """CREATE TABLE sheets (
            id INTEGER PRIMARY KEY,
            slug TEXT NOT NULL UNIQUE,
            title TEXT NOT NULL,
            topic TEXT NOT NULL,
            keywords TEXT NOT NULL,      -- one per line, as declared
            summary TEXT NOT NULL,
            body_markdown TEXT NOT NULL,
            plain TEXT NOT NULL,         -- the body as a reader sees it
            opened TEXT NOT NULL,        -- words with a ligature, opened: soeur
            language TEXT NOT NULL,
            updated TEXT NOT NULL,       -- UTC date, YYYY-MM-DD
            digest TEXT NOT NULL,        -- SHA-256 of what the author wrote
            origin TEXT NOT NULL,        -- the folder it was imported from
            file TEXT NOT NULL           -- its path in that folder
        ) STRICT"""
    )
    db.execute("CREATE INDEX sheets_updated ON sheets (updated DESC, title)")
    db.execute("CREATE INDEX sheets_topic ON sheets (topic, title)")


@migrations()
def m002_full_text(db: Database) -> None:
    # sqlite-utils' enable_fts has no prefix indexes; without them one letter costs 6 ms.
    db.execute(
        """CREATE VIRTUAL TABLE sheets_fts USING fts5(
            title, topic, keywords, summary, plain, opened,
            content = 'sheets', content_rowid = 'id',
            tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3')"""
    )
    _follow(db)


def migrate(path: Path) -> None:
    """Bring the kb room's tables up to date; makes the file (mode 0600) if it is missing.

    Call it from one place, after the records room's own, before anything else opens the
    file. Raises sqlite3.OperationalError when the file stays locked for 30 s.
    """
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        db = Database(connection, execute_plugins=False)
        migrations.apply(db)
        if not _is_followed(db):
            with db.atomic():
                _follow(db)
        connection.commit()


def _is_followed(db: Database) -> bool:
    sql = "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'sheets'"
    return bool(db.execute(sql).fetchone()[0] == len(TRIGGERS))


def _follow(db: Database) -> None:
    """Make the index follow the table, and index what is there.

    sqlite-utils' transform() drops triggers silently, so this must be possible at any time.
    """
    columns = ", ".join(WEIGHTS)
    new, old = (", ".join(f"{row}.{name}" for name in ("id", *WEIGHTS)) for row in ("new", "old"))
    add = f"INSERT INTO sheets_fts (rowid, {columns}) VALUES ({new});"
    drop = f"INSERT INTO sheets_fts (sheets_fts, rowid, {columns}) VALUES ('delete', {old});"
    events = ("INSERT", "DELETE", "UPDATE")
    for trigger, event, body in zip(TRIGGERS, events, (add, drop, drop + add), strict=True):
        db.execute(f"DROP TRIGGER IF EXISTS {trigger}")
        db.execute(f"CREATE TRIGGER {trigger} AFTER {event} ON sheets BEGIN {body} END")
    db.execute("INSERT INTO sheets_fts (sheets_fts) VALUES ('rebuild')")
