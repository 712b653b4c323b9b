"""The journal: appended twice is once, durable when it returns, followed from anywhere."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from decroche.records import kinds, rebuild, schema, views
from decroche.records.events import Event
from decroche.records.journal import Journal
from decroche.records.schema import reader
from decroche.records.store import Store, read


def step(kind: str, at: int, call: str = "b-1.0", actor: str = "", **body: object) -> Event:
    """An event of call ``b-1.0`` at second ``at``."""
    key = f"{call}:{kind}:{body.get('offer', '')}:{at if kind.startswith('agent') else ''}"
    return Event(id=key, at=at * 1_000_000, kind=kind, call=call, actor=actor, body=dict(body))


ANSWERED_CALL = [
    step(kinds.AVAILABLE, 0, call="", actor="camille", by="phone"),
    step(kinds.ARRIVED, 1, trunk="t", did="100"),
    step(kinds.KNOWN, 1, caller="f00d"),
    step(kinds.ASKED, 4),
    step(kinds.CHOSE, 6, key="1", queue="q"),
    step(kinds.QUEUED, 6, queue="q"),
    step(kinds.RANG, 16, agent="camille", offer="o1"),
    step(kinds.OFFER_ENDED, 36, agent="camille", offer="o1", cause="16"),
    step(kinds.RANG, 37, agent="camille", offer="o2"),
    step(kinds.ANSWERED, 40, agent="camille", offer="o2"),
    step(kinds.OFFER_ENDED, 50, agent="camille", offer="o2", cause="16"),
    step(kinds.ENDED, 50, cause="16"),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    schema.prepare(tmp_path / "decroche.db")
    return tmp_path / "decroche.db"


async def test_it_records_a_call_once(path: Path) -> None:
    async with Journal(path) as journal:
        for _ in range(2):
            for event in ANSWERED_CALL:
                await journal.append(event)
        connection = journal.open_reader()
        (row,) = connection.execute("SELECT * FROM calls").fetchall()
        rings = connection.execute("SELECT result FROM offers ORDER BY rang").fetchall()
        assert len(list(read(connection))) == len(ANSWERED_CALL)
        connection.close()
    seconds = {name: row[name] // 1_000_000 for name in ("arrived", "queued", "answered", "ended")}
    assert seconds == {"arrived": 1, "queued": 6, "answered": 40, "ended": 50}
    assert (row["number"], row["outcome"], row["agent"], row["rings"]) == (
        1,
        "answered",
        "camille",
        2,
    )
    assert [ring["result"] for ring in rings] == ["missed", "answered"]


async def test_it_follows_from_any_place(path: Path) -> None:
    async with Journal(path) as journal:
        await journal.append(*ANSWERED_CALL[:5])
        seen: list[Event] = []
        async with asyncio.timeout(5):
            async for batch in journal.follow(2):
                seen += batch
                if len(seen) == 3:
                    await journal.append(*ANSWERED_CALL[5:])
                if len(seen) == len(ANSWERED_CALL) - 2:
                    break
    assert [event.kind for event in seen] == [event.kind for event in ANSWERED_CALL[2:]]
    assert [event.seq for event in seen] == sorted(event.seq for event in seen)


async def test_who_needs_few_kinds_gets_only_those(path: Path) -> None:
    async with Journal(path) as journal:
        seen: list[str] = []

        async def follow() -> None:
            only = frozenset({kinds.RANG, kinds.ENDED})
            async for batch in journal.follow_only(0, only):
                seen.extend(event.kind for event in batch)

        await journal.append(*ANSWERED_CALL[:7])
        task = asyncio.create_task(follow())
        await journal.append(*ANSWERED_CALL[7:])
        async with asyncio.timeout(5):
            while len(seen) < 3:
                await asyncio.sleep(0.01)
        task.cancel()
    assert seen == [kinds.RANG, kinds.RANG, kinds.ENDED]


async def test_it_wakes_for_another_process(path: Path) -> None:
    async with Journal(path) as journal:

        async def first() -> Event:
            async for batch in journal.follow(0):
                return batch[0]
            raise AssertionError

        waiting = asyncio.create_task(first())
        await asyncio.sleep(0)
        other = Store(path)
        other.append(ANSWERED_CALL[:1])
        other.close()
        event = await asyncio.wait_for(waiting, 5)
    assert event.actor == "camille"


async def test_it_waits_for_a_locked_database(path: Path) -> None:
    async with Journal(path) as journal:
        lock = sqlite3.connect(path, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        appended = journal.submit(*ANSWERED_CALL)
        async with asyncio.timeout(10):
            while not journal.trouble:
                await asyncio.sleep(0.05)
        assert not appended.done()
        lock.execute("ROLLBACK")
        lock.close()
        await asyncio.wait_for(appended, 10)
        assert journal.trouble == ""


async def test_it_sets_an_indigestible_event_aside(path: Path) -> None:
    bad = step(kinds.RANG, 2, offer="o1")  # no agent
    async with Journal(path) as journal:
        await journal.append(ANSWERED_CALL[1], bad, ANSWERED_CALL[-1])
        connection = journal.open_reader()
        assert len(list(read(connection))) == 3
        assert connection.execute("SELECT outcome FROM calls").fetchone()[0] == "abandoned"
        connection.close()


def test_it_computes_the_same_projections_again(path: Path) -> None:
    store = Store(path)
    store.append(ANSWERED_CALL)
    store.append([step(kinds.ARRIVED, 60, call="b-2.0", trunk="t", did="100")])
    store.close()
    before = rebuild.projections(path)
    assert rebuild.rebuild(path) == len(ANSWERED_CALL) + 1
    assert rebuild.projections(path) == before
    assert len(before["calls"]) == 2


@pytest.mark.parametrize("caller_first", [False, True])
def test_it_cancels_a_ring_whose_caller_hangs_up(path: Path, caller_first: bool) -> None:
    store = Store(path)
    store.append(ANSWERED_CALL[:7])
    ends = [
        step(kinds.OFFER_ENDED, 20, agent="camille", offer="o1", cause="16"),
        step(kinds.ENDED, 20, cause="16"),
    ]
    store.append(ends[::-1] if caller_first else ends)
    connection = reader(path)
    assert connection.execute("SELECT result FROM offers").fetchone()[0] == "cancelled"
    assert views.figures(connection, 0).abandoned == 1
    connection.close()
    store.close()


def test_it_learns_after_the_end_why_the_line_ended_a_call(path: Path) -> None:
    """The flows and the recorder write on their own: either may be first."""
    store = Store(path)
    store.append(
        [
            ANSWERED_CALL[1],
            step(kinds.ENDED, 9, cause="16"),
            step(kinds.DISMISSED, 8, outcome="closed"),
        ]
    )
    assert store.connection.execute("SELECT outcome FROM calls").fetchone()[0] == "closed"
    store.close()


def test_two_processes_write_in_turn(path: Path) -> None:
    """Each keeps rows in memory, and notices at once what the other has written."""
    ours, theirs = Store(path), Store(path)
    for second, event in enumerate(ANSWERED_CALL):
        (ours if second % 2 else theirs).append([event])
    for number in range(2, 8):
        store = ours if number % 3 else theirs
        store.append([step(kinds.ARRIVED, 60, call=f"b-{number}.0", trunk="t", did="100")])
    ours.close()
    theirs.close()
    before = rebuild.projections(path)
    rebuild.rebuild(path)
    assert rebuild.projections(path) == before
    assert [row[1] for row in before["calls"]] == list(range(1, 8))


def test_a_fact_that_comes_late_changes_nothing(path: Path) -> None:
    store = Store(path)
    store.append([ANSWERED_CALL[1], step(kinds.ENDED, 9, cause="16")])
    assert len(store.append([step(kinds.ASKED, 8)])) == 1
    row = store.connection.execute("SELECT stage, outcome FROM calls").fetchone()
    assert tuple(row) == ("ended", "abandoned")
    store.close()


def test_a_statement_that_sqlite_refuses_is_no_trouble_that_passes(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer tries again for ever while the database is locked or full: never for this."""
    store = Store(path)
    refused = sqlite3.OperationalError("near WHERE: syntax error")
    refused.sqlite_errorcode = sqlite3.SQLITE_ERROR
    flush = store.rows.flush

    def refuse() -> None:
        if store.rows.row("calls", "b-1.0"):
            raise refused
        flush()

    monkeypatch.setattr(store.rows, "flush", refuse)
    assert len(store.append(ANSWERED_CALL[:2])) == 2  # both are in the journal, one set aside
    assert store.connection.execute("SELECT count(*) FROM calls").fetchone()[0] == 0
    store.close()


def test_it_ignores_events_of_unknown_calls(path: Path) -> None:
    store = Store(path)
    store.append(ANSWERED_CALL[2:])
    assert store.connection.execute("SELECT count(*) FROM calls").fetchone()[0] == 0
    store.close()


def test_it_frees_the_agent_of_a_call_that_was_interrupted(path: Path) -> None:
    store = Store(path)
    store.append(ANSWERED_CALL[:10])  # talking
    gone = Event(
        id="b-1.0:call.ended:interrupted",
        at=60_000_000,
        kind=kinds.ENDED,
        call="b-1.0",
        body={"outcome": "interrupted"},
    )
    store.append([gone])
    connection = reader(path)
    (presence,) = connection.execute("SELECT * FROM presence").fetchall()
    assert (presence["stage"], presence["call"]) == ("idle", None)
    assert not connection.execute("SELECT * FROM offers WHERE ended IS NULL").fetchall()
    connection.close()
    store.close()
