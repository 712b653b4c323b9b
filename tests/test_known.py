"""Callers whom the line knows: in memory, after the journal."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from decroche.agi.known import DAY, Known
from decroche.records import kinds, schema
from decroche.records.events import MICRO, Event, now
from decroche.records.journal import Journal

ANA, XENIA, YANN = {"agent": "ana", "offer": "o"}, "aa" * 16, "bb" * 16


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    path = tmp_path / "decroche.db"
    schema.prepare(path)
    async with Journal(path) as journal:
        yield journal


async def call(journal: Journal, key: str, caller: str, answered: bool, at: int) -> None:
    steps: list[tuple[str, dict[str, str]]] = [(kinds.ARRIVED, {"trunk": "t", "did": "1"})]
    steps += [(kinds.KNOWN, {"caller": caller}), (kinds.QUEUED, {"queue": "q"})]
    steps += [(kinds.RANG, ANA), (kinds.ANSWERED, ANA)] if answered else []
    steps.append((kinds.ENDED, {"cause": "16"}))
    for after, (kind, body) in enumerate(steps):
        fact = Event(id=f"{key}:{kind}", at=at + after * MICRO, kind=kind, call=key, body=body)
        await journal.append(fact)


async def until(condition: object) -> None:
    async with asyncio.timeout(5):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.01)


async def test_it_knows_who_is_owed_and_who_helped(journal: Journal) -> None:
    await call(journal, "1", XENIA, False, now() - 60 * MICRO)
    await call(journal, "2", YANN, True, now() - 2 * DAY)
    known = Known()
    task = asyncio.create_task(known.keep(journal, lambda: 7))
    await until(lambda: known.owed == {XENIA})
    assert known.helper(YANN, now() - 7 * DAY) == "ana"
    assert known.helper(YANN, now() - DAY) == known.helper(XENIA, 0) == ""
    await call(journal, "3", XENIA, True, now())
    known.note({kinds.ENDED})
    await until(lambda: known.owed == frozenset())
    known.helped(XENIA, "ben", now())
    assert known.helper(XENIA, now() - DAY) == "ben"
    task.cancel()


async def test_it_remembers_no_helper_when_the_line_does_not_want_it(journal: Journal) -> None:
    await call(journal, "1", XENIA, False, now())
    await call(journal, "2", YANN, True, now())
    known = Known()
    task = asyncio.create_task(known.keep(journal, lambda: 0))
    await until(lambda: known.owed == {XENIA})
    assert known.helpers == {}
    task.cancel()


async def test_it_looks_further_back_when_the_line_wants_helpers_of_more_days(
    journal: Journal,
) -> None:
    await call(journal, "1", XENIA, True, now() - DAY)
    await call(journal, "2", YANN, True, now() - 5 * DAY)
    known, days = Known(), 2
    task = asyncio.create_task(known.keep(journal, lambda: days))
    await until(lambda: known.helper(XENIA, 0))
    assert not known.helper(YANN, 0)
    days = 7
    known.note({kinds.ENDED})
    await until(lambda: known.helper(YANN, 0) == "ana")
    task.cancel()


@pytest.mark.parametrize("kind", [kinds.FORGOT, kinds.ROTATED])
async def test_it_forgets_tokens_at_once_that_are_not_valid_any_more(
    journal: Journal, kind: str
) -> None:
    known = Known()
    known.helped(XENIA, "ana", now())
    known.note({kind})
    assert known.helpers == {}


async def test_it_believes_nothing_that_was_read_while_tokens_changed(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, reads = Known(), []

    def read(journal: Journal, since: int | None) -> tuple[frozenset[str], dict[str, object]]:
        reads.append(since)
        if len(reads) == 1:  # a token that is about to be forgotten
            known.note({kinds.FORGOT})
            return frozenset(), {XENIA: ("ana", now())}
        return frozenset({YANN}), {}

    monkeypatch.setattr("decroche.agi.known._read", read)
    monkeypatch.setattr("decroche.agi.known.PAUSE", 0)
    task = asyncio.create_task(known.keep(journal, lambda: 7))
    known.note({kinds.ENDED})
    await until(lambda: len(reads) > 1 or known.helpers)
    assert known.helpers == {}
    task.cancel()
