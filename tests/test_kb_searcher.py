"""The library answers an event loop without holding it."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from decroche.kb import searcher as room
from decroche.kb.library import Topic, import_folder
from decroche.kb.schema import migrate
from decroche.kb.searcher import Searcher


@pytest.fixture
async def searcher(tmp_path: Path) -> AsyncIterator[Searcher]:
    folder = tmp_path / "Visio"
    folder.mkdir()
    (folder / "jitsi.md").write_text("# Jitsi\n\n**Ouvrir** le lien.\n", encoding="utf-8")
    migrate(tmp_path / "decroche.db")
    import_folder(tmp_path / "decroche.db", tmp_path)
    searcher = Searcher(tmp_path / "decroche.db")
    yield searcher
    await searcher.aclose()


async def test_it_answers(searcher: Searcher) -> None:
    assert [hit.slug for hit in (await searcher.search("jits")).hits] == ["jitsi"]
    assert [entry.slug for entry in await searcher.list_sheets("Visio")] == ["jitsi"]
    assert await searcher.topics() == [Topic("Visio", 1)]
    page = await searcher.page("jitsi")
    assert page is not None
    assert (page[0].title, page[1]) == ("Jitsi", "<p><strong>Ouvrir</strong> le lien.</p>\n")
    assert await searcher.page("nowhere") is None


async def test_it_answers_many_at_once(searcher: Searcher) -> None:
    answers = await asyncio.gather(*(searcher.search("ouvrir") for _ in range(50)))
    assert all(len(answer.hits) == 1 for answer in answers)


async def test_it_sees_what_was_imported_later(searcher: Searcher, tmp_path: Path) -> None:
    assert (await searcher.search("zoom")).hits == ()
    (tmp_path / "zoom.md").write_text("# Zoom\n\nUn autre outil.\n", encoding="utf-8")
    import_folder(tmp_path / "decroche.db", tmp_path)
    assert len((await searcher.search("zoom")).hits) == 1


async def test_it_reads_only(searcher: Searcher) -> None:
    def write() -> None:
        searcher._readers.connection().execute("DELETE FROM sheets")

    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        await searcher._off_loop(write)


async def test_it_does_not_wait_for_ever(
    searcher: Searcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    freed = threading.Event()
    monkeypatch.setattr(room, "PATIENCE", 0.05)
    with pytest.raises(TimeoutError):
        await searcher._off_loop(lambda: freed.wait(10))
    freed.set()


async def test_it_says_so_when_there_is_no_database(tmp_path: Path) -> None:
    searcher = Searcher(tmp_path / "nowhere.db")
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        await searcher.search("x")
    await searcher.aclose()
