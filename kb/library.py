"""The sheets in the database: what stands there, and how a folder of them gets in."""

import datetime
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from .readers import Readers
from .sheets import Problem, Sheet, list_files, read_folder
from .words import opened_ligatures

_ENTRY = "slug, title, topic, summary, updated, language"
_UPSERT = """INSERT INTO sheets (slug, title, topic, keywords, summary, body_markdown, plain,
        opened, language, updated, digest, origin, file)
    VALUES (:slug, :title, :topic, :keywords, :summary, :body_markdown, :plain,
        :opened, :language, :updated, :digest, :origin, :file)
    ON CONFLICT (slug) DO UPDATE SET title = excluded.title, topic = excluded.topic,
        keywords = excluded.keywords, summary = excluded.summary,
        body_markdown = excluded.body_markdown, plain = excluded.plain,
        opened = excluded.opened, language = excluded.language, updated = excluded.updated,
        digest = excluded.digest, origin = excluded.origin, file = excluded.file"""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Entry:
    """A sheet as a list shows it; ``updated`` is a UTC date."""

    slug: str
    title: str
    topic: str
    summary: str
    updated: datetime.date
    language: str


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic and how many sheets it has; the empty name stands for sheets without one."""

    name: str
    sheets: int


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import did, in sheets; a file with a problem leaves an older version standing."""

    added: int
    changed: int
    unchanged: int
    removed: int
    problems: tuple[Problem, ...]


class Library:
    """Reads sheets; may be shared by threads. Raises sqlite3.OperationalError before migrate()."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    def get(self, slug: str) -> Sheet | None:
        """Return one sheet, or None."""
        sql = "SELECT * FROM sheets WHERE slug = ?"
        row = self._readers.connection().execute(sql, (slug,)).fetchone()
        return None if row is None else _sheet(row)

    def list_sheets(self, topic: str | None = None, limit: int = 10_000) -> list[Entry]:
        """List sheets by title, those of one topic or all."""
        wanted = "" if topic is None else "WHERE topic = :topic"
        sql = f"SELECT {_ENTRY} FROM sheets {wanted} ORDER BY title, slug LIMIT :limit"
        rows = self._readers.connection().execute(sql, {"topic": topic, "limit": limit})
        return [_entry(row) for row in rows]

    def topics(self) -> list[Topic]:
        """Count the sheets of each topic, by name."""
        sql = "SELECT topic, count(*) FROM sheets GROUP BY topic ORDER BY topic"
        return [Topic(*row) for row in self._readers.connection().execute(sql)]


def import_folder(
    db_path: Path,
    folder: Path,
    progress: Progress = lambda done, total: None,
    *,
    remove_missing: bool = False,
) -> ImportResult:
    """Import a folder of Markdown files into the database, in one transaction.

    1. Read all files; what is wrong with one is a problem of the result and stops no other.
    2. Write what is new or differs. A second import of the same folder writes nothing.
    3. With ``remove_missing``, drop what an earlier import of this folder brought and whose
       file is gone.

    ``progress(done, total)`` is told of every file read. Raises NotADirectoryError, and
    sqlite3.OperationalError when the database stays locked for 30 s; nothing is written then.
    """
    sheets, problems = _read(folder, progress)
    origin = str(folder.resolve())
    with closing(sqlite3.connect(db_path, timeout=30, isolation_level=None)) as connection:
        known = _known(connection)
        fresh = [sheet for sheet in sheets if known.get(sheet.slug) != (sheet.digest, origin)]
        connection.execute("BEGIN IMMEDIATE")
        try:
            store(connection, fresh, origin)
            kept = {sheet.file for sheet in sheets} | {problem.file for problem in problems}
            removed = _remove(connection, origin, kept) if remove_missing else 0
            connection.execute("COMMIT")
        except BaseException:
            connection.rollback()
            raise
    added = sum(sheet.slug not in known for sheet in fresh)
    changed = len(fresh) - added
    return ImportResult(added, changed, len(sheets) - len(fresh), removed, tuple(problems))


def store(connection: sqlite3.Connection, sheets: Iterable[Sheet], origin: str) -> None:
    """Insert sheets, or replace those of the same slug; the transaction is the caller's."""
    connection.executemany(_UPSERT, [_row(sheet, origin) for sheet in sheets])


def _read(folder: Path, progress: Progress) -> tuple[list[Sheet], list[Problem]]:
    total = len(list_files(folder))
    progress(0, total)
    sheets: list[Sheet] = []
    problems: list[Problem] = []
    for done, read in enumerate(read_folder(folder), start=1):
        if isinstance(read, Sheet):
            sheets.append(read)
        else:
            problems.append(read)
        progress(done, max(done, total))
    return sheets, problems


def _known(connection: sqlite3.Connection) -> dict[str, tuple[str, str]]:
    rows = connection.execute("SELECT slug, digest, origin FROM sheets")
    return {slug: (digest, origin) for slug, digest, origin in rows}


def _remove(connection: sqlite3.Connection, origin: str, kept: Iterable[str]) -> int:
    rows = connection.execute("SELECT id, file FROM sheets WHERE origin = ?", (origin,)).fetchall()
    gone = [(row[0],) for row in rows if row[1] not in set(kept)]
    connection.executemany("DELETE FROM sheets WHERE id = ?", gone)
    return len(gone)


def _row(sheet: Sheet, origin: str) -> dict[str, str]:
    return {
        "slug": sheet.slug,
        "title": sheet.title,
        "topic": sheet.topic,
        "keywords": "\n".join(sheet.keywords),
        "summary": sheet.summary,
        "body_markdown": sheet.body_markdown,
        "plain": sheet.plain,
        "opened": opened_ligatures(" ".join([sheet.title, sheet.summary, sheet.plain])),
        "language": sheet.language,
        "updated": sheet.updated.isoformat(),
        "digest": sheet.digest,
        "origin": origin,
        "file": sheet.file,
    }


def _sheet(row: sqlite3.Row) -> Sheet:
    names = "slug title topic summary body_markdown plain language digest file".split()
    return Sheet(
        **{name: row[name] for name in names},
        updated=datetime.date.fromisoformat(row["updated"]),
        keywords=tuple(row["keywords"].splitlines()),
    )


def _entry(row: sqlite3.Row) -> Entry:
    updated = datetime.date.fromisoformat(row["updated"])
    return Entry(row["slug"], row["title"], row["topic"], row["summary"], updated, row["language"])
