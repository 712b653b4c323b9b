"""Search while somebody types: what fits all words first, nothing that needs a second try."""

import datetime
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from .marks import Segments, mark, snippet
from .query import Query, in_titles, parse_query
from .schema import WEIGHTS

LIMIT = 10
FEW = 3  # fewer hits than this are filled up: one word too many must not hide the right sheet
# Ranking looks at every match; a query that fits more sheets than this is decided by titles.
ENOUGH = 1000

_COUNT = "SELECT count(*) FROM (SELECT 1 FROM sheets_fts WHERE sheets_fts MATCH ? LIMIT ?)"
_RANK = f"""SELECT rowid FROM (
        SELECT rowid, bm25(sheets_fts, {", ".join(map(str, WEIGHTS.values()))}) AS score
        FROM sheets_fts WHERE sheets_fts MATCH ? LIMIT {ENOUGH})
    ORDER BY score, rowid LIMIT ?"""
_SHOWN = "slug, title, topic, summary, updated, plain"

Mode = Literal["recent", "all", "some"]


@dataclass(frozen=True, slots=True)
class Hit:
    """A sheet found, ready to show; ``updated`` is a UTC date, ``partial`` says that some of
    the words are missing."""

    slug: str
    title: Segments
    topic: str
    snippet: Segments
    updated: datetime.date
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Results:
    """Hits, best first. ``mode``: a sheet has "all" words, or only "some" of them; or, without
    a word to look for, these are the most "recent" sheets."""

    mode: Mode
    hits: tuple[Hit, ...]


def search(
    connection: sqlite3.Connection,
    text: str,
    limit: int = LIMIT,
    pause: Callable[[], None] = lambda: None,
) -> Results:
    """Search for what somebody has typed so far; any text will do.

    ``pause`` is called between two questions to the index: a thread lets others go first.

    1. No word in it: the sheets changed last.
    2. Sheets with every word, the last one perhaps unfinished.
    3. Not enough for a list: with every word, whatever the endings.
    4. Fewer than FEW: behind them, sheets with at least one of the words.
    """
    query = parse_query(text)
    if query is None:
        return Results("recent", _recent(connection, limit))
    whole = _rank(connection, query.exact, limit)
    pause()
    if len(whole) < limit and query.loose != query.exact:
        whole = _rank(connection, query.loose, limit)
        pause()
    found = whole
    if len(whole) < FEW and query.some != query.loose:
        found = _join(whole, _rank(connection, query.some, limit), limit)
        pause()
    hits = _show(connection, found, query, frozenset(whole))
    return Results("all" if whole or not found else "some", hits)


def _rank(connection: sqlite3.Connection, expression: str, limit: int) -> list[int]:
    """Return the ids of the best matches; texts are not touched."""
    few = connection.execute(_COUNT, (expression, ENOUGH + 1)).fetchone()[0]
    titled: list[int] = []
    if few == 0:
        return []
    if few > ENOUGH:
        rows = connection.execute(_RANK, (in_titles(expression), limit))
        titled = [row[0] for row in rows]
    if len(titled) == limit:
        return titled
    rows = connection.execute(_RANK, (expression, limit))
    return _join(titled, [row[0] for row in rows], limit)


def _join(first: list[int], more: list[int], limit: int) -> list[int]:
    return list(dict.fromkeys([*first, *more]))[:limit]


def _show(
    connection: sqlite3.Connection, ids: list[int], query: Query, whole: frozenset[int]
) -> tuple[Hit, ...]:
    marks = ", ".join("?" * len(ids))
    rows = connection.execute(f"SELECT id, {_SHOWN} FROM sheets WHERE id IN ({marks})", ids)
    shown = {row["id"]: _hit(row, query.words, partial=row["id"] not in whole) for row in rows}
    # A sheet removed between the two questions is no longer there.
    return tuple(shown[found] for found in ids if found in shown)


def _recent(connection: sqlite3.Connection, limit: int) -> tuple[Hit, ...]:
    sql = f"SELECT {_SHOWN} FROM sheets ORDER BY updated DESC, title LIMIT ?"
    return tuple(_hit(row, ()) for row in connection.execute(sql, (limit,)))


def _hit(row: sqlite3.Row, words: tuple[str, ...], *, partial: bool = False) -> Hit:
    return Hit(
        slug=row["slug"],
        title=mark(row["title"], words),
        topic=row["topic"],
        snippet=snippet(row["plain"], words) or mark(row["summary"], words),
        updated=datetime.date.fromisoformat(row["updated"]),
        partial=partial,
    )
