"""Services that meet a damaged database mend it, lose nothing that they hold, and begin anew."""

import asyncio
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from decroche.records import schema
from decroche.records.events import Event
from decroche.records.journal import Journal
from decroche.records.salvage import is_whole, mend
from decroche.records.serving import TIMES, keep_serving
from decroche.records.store import Store
from decroche.records.trouble import Replaced, needs_mending

from .test_salvage import damage, leaves_of

KIND = "agent.available"


def event(number: int) -> Event:
    return Event(id=f"ana:{number}:{KIND}", at=number, kind=KIND, actor="ana")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "decroche.db"
    schema.prepare(path)
    store = Store(path)
    store.append([event(number) for number in range(1, 1001)])
    store.close()
    return path


def hurt(path: Path) -> None:
    """Damage where the next event is written."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    damage(path, leaves_of(path, "journal")[-3:], random.Random(1))


def ids(path: Path) -> list[str]:
    with closing(schema.reader(path)) as connection:
        sql = "SELECT id FROM journal WHERE kind = ? ORDER BY at"
        return [row[0] for row in connection.execute(sql, (KIND,))]


async def test_the_writer_mends_and_writes_what_it_holds(path: Path) -> None:
    async with Journal(path) as journal:
        hurt(path)
        sound = asyncio.create_task(journal.sound())
        async with asyncio.timeout(20):
            await journal.append(event(1001))
            with pytest.raises(Replaced):
                await sound
        assert journal.trouble == ""
    assert ids(path) == [event(number).id for number in range(1, 1002)]
    assert is_whole(path)


async def test_who_only_waits_hears_of_it_too(path: Path) -> None:
    """Another process has mended the file; the next event goes into the new one."""
    async with Journal(path) as journal, asyncio.timeout(20):
        hurt(path)
        await asyncio.to_thread(mend, path)
        with pytest.raises(Replaced):
            await journal.sound()
        await journal.append(event(1001))
    assert ids(path)[-1] == event(1001).id


def test_serving_begins_anew_on_a_mended_file(path: Path) -> None:
    hurt(path)
    seen: list[str] = []

    def serve() -> None:
        with closing(schema.reader(path)) as connection:
            connection.execute("SELECT * FROM journal").fetchall()
        seen.append("served")

    keep_serving(path, serve, lambda: seen.append("prepared"))
    assert seen == ["prepared", "served"]
    assert len(ids(path)) == 1000


def test_serving_gives_up_on_what_mending_does_not_help(path: Path) -> None:
    tries: list[int] = []

    def serve() -> None:
        tries.append(1)
        raise ExceptionGroup("tasks", [Replaced("again")])

    with pytest.raises(ExceptionGroup):
        keep_serving(path, serve, lambda: None)
    assert len(tries) == TIMES + 1


def test_serving_ends_with_any_other_error(path: Path) -> None:
    def serve() -> None:
        raise ExceptionGroup("tasks", [ValueError("no database's fault")])

    with pytest.raises(ExceptionGroup):
        keep_serving(path, serve, lambda: None)
    assert not needs_mending(sqlite3.OperationalError("no such table"))
