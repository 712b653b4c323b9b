"""What the agents have taken today, with a calendar of our own and no Asterisk."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from decroche.agi import today
from decroche.agi.hunt import Hunt
from decroche.hotline import Agents, Queue
from decroche.records import kinds, schema
from decroche.records.abilities import Ability, Place
from decroche.records.events import MICRO, Event, now
from decroche.records.journal import Journal
from decroche.records.views import answered_per_agent

DAY = 86_400 * MICRO


class Line:
    """One agent who takes two calls a day at most, and a calendar."""

    def __init__(self, journal: Journal) -> None:
        self.midnight = now() - 3600 * MICRO
        self.hunt = Hunt({"q": Queue(label="q")}, rules=Agents(calls_a_day=2))
        self.hunt.staff({"ana": Ability(places={"q": Place()})})
        self.hunt.declare("ana", True, 0)
        self.journal = journal
        self.today = today.Today(self.hunt, journal, lambda: self.midnight)

    async def answer(self, number: int) -> None:
        """A call that the hunt knows nothing of, as those of the fallback."""
        call, ring = f"c{number}", {"agent": "ana", "offer": f"o{number}"}
        arrived = {"trunk": "t", "did": "1"}
        steps = [(kinds.ARRIVED, arrived), (kinds.RANG, ring), (kinds.ANSWERED, ring)]
        steps.append((kinds.OFFER_ENDED, ring | {"cause": "16"}))
        for kind, body in steps:
            event = Event(id=f"{call}:{kind}", at=now(), kind=kind, call=call, body=body)
            await self.journal.append(event)

    async def until_free(self, free: bool) -> None:
        agent = self.hunt.agent("ana")
        assert agent is not None
        async with asyncio.timeout(5):
            while agent.there is not free:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def kept(line: Line) -> AsyncIterator[None]:
    task = asyncio.create_task(line.today.keep())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Line]:
    monkeypatch.setattr(today, "LOOK", 0.01)
    monkeypatch.setattr(today, "COUNT", 3)
    path = tmp_path / "decroche.db"
    schema.prepare(path)
    async with Journal(path) as journal:
        yield Line(journal)


async def test_calls_that_others_gave_an_agent_count(line: Line) -> None:
    async with kept(line):
        await line.answer(1)
        await line.answer(2)
        await line.until_free(False)


async def test_all_begin_anew_at_midnight(line: Line) -> None:
    async with kept(line):
        await line.answer(1)
        await line.answer(2)
        await line.until_free(False)
        line.midnight += DAY
        await line.until_free(True)


async def test_a_database_that_cannot_be_read_is_looked_at_again(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    await line.answer(1)
    await line.answer(2)
    looks = []

    def broken(*arguments: object) -> dict[str, object]:
        looks.append(arguments)
        if len(looks) < 3:
            raise sqlite3.OperationalError("database is locked")
        return real(*arguments)  # type: ignore[arg-type, return-value]

    real = answered_per_agent
    monkeypatch.setattr(today, "answered_per_agent", broken)
    async with kept(line):
        await line.until_free(False)
