"""Availability with an end: read, folded, ended; with values and a journal, without a phone."""

import asyncio
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decroche.agi.ends import Ends
from decroche.records import (
    kinds,
    people,
    presence,
    purge,
    rebuild,
    schema,
    staffing,
    views,
    welcome,
)
from decroche.records.events import MICRO, Event, now
from decroche.records.presence import LONGEST, PresenceError, read_clock, read_minutes
from decroche.records.store import Store
from decroche.records.writer import JournalFull

PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("20", 20),
        ("20m", 20),
        ("20 min", 20),
        ("1h", 60),
        ("1h30", 90),
        (" 2H ", 120),
        ("12h", 720),
    ],
)
def test_it_reads_lengths(text: str, minutes: int) -> None:
    assert read_minutes(text) == minutes


@pytest.mark.parametrize("text", ["", "0", "0m", "h", "-5", "13h", "1h30h", "20 days", "²"])
def test_it_refuses_what_is_no_length(text: str) -> None:
    with pytest.raises(PresenceError):
        read_minutes(text)


def at(text: str, fold: int = 0) -> int:
    """An instant by the clocks of Paris."""
    local = datetime.fromisoformat(text).replace(tzinfo=PARIS, fold=fold)
    return int(local.timestamp()) * MICRO


@pytest.mark.parametrize(
    ("said", "text", "then"),
    [
        ("2026-11-24T13:00", "14:00", at("2026-11-24T14:00")),
        ("2026-11-24T13:00", "14h", at("2026-11-24T14:00")),
        ("2026-11-24T22:30", "1:15", at("2026-11-25T01:15")),
        # 2 o'clock does not come on this night: clocks show 3 when it would have been.
        ("2026-03-29T01:30", "02:30", at("2026-03-29T03:30")),
        # ... and comes twice on this one.
        ("2026-10-25T01:30", "02:30", at("2026-10-25T02:30")),
        ("2026-10-25T02:45", "02:30", at("2026-10-25T02:30", fold=1)),
        ("2026-10-24T23:00", "11:00", None),  # that is 13 hours
        ("2026-10-24T23:00", "10:00", at("2026-10-25T10:00")),
    ],
)
def test_it_reads_the_next_time_of_day(said: str, text: str, then: int | None) -> None:
    if then is None:
        with pytest.raises(PresenceError, match="12 hours"):
            read_clock(text, at(said), PARIS)
    else:
        assert read_clock(text, at(said), PARIS) == then


@pytest.mark.parametrize("text", ["", "24:00", "14", "14:60", "noon"])
def test_it_refuses_what_is_no_time(text: str) -> None:
    with pytest.raises(PresenceError):
        read_clock(text, now(), PARIS)


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)), st.integers(0, 23), st.integers(0, 59)
)
def test_the_time_that_is_read_is_still_to_come(said: datetime, hour: int, minute: int) -> None:
    begin = int(said.replace(tzinfo=PARIS).timestamp()) * MICRO
    try:
        then = read_clock(f"{hour}:{minute:02}", begin, PARIS)
    except PresenceError:
        return
    assert begin < then <= begin + LONGEST * 60 * MICRO


@pytest.fixture
def path(tmp_path: Path) -> Path:
    schema.prepare(tmp_path / "decroche.db")
    people.add_agent(tmp_path / "decroche.db", "ana", "Ana", [])
    return tmp_path / "decroche.db"


def row(path: Path) -> tuple[str, int | None]:
    connection = schema.reader(path)
    try:
        found = presence.one(connection, "ana")
        assert found is not None
        return found["state"], found["until"]
    finally:
        connection.close()


def append(path: Path, *events: Event) -> None:
    store = Store(path)
    store.append(events)
    store.close()


def test_the_end_stands_in_the_projection_and_a_rebuild_finds_it_again(path: Path) -> None:
    until = now() + 60 * MICRO
    presence.declare(path, "ana", "available", "page")
    presence.declare(path, "ana", "available", "page", until)
    assert row(path) == ("available", until)
    before = rebuild.projections(path)
    rebuild.rebuild(path)
    assert rebuild.projections(path) == before
    presence.declare(path, "ana", "available", "page")
    assert row(path) == ("available", None)


def test_an_end_ends_what_it_was_meant_for_and_nothing_else(path: Path) -> None:
    first, second = now() + MICRO, now() + 2 * MICRO
    presence.declare(path, "ana", "available", "page", first)
    presence.declare(path, "ana", "available", "page", second)
    append(path, presence.ended("ana", first))
    assert row(path) == ("available", second)
    append(path, presence.ended("ana", second), presence.ended("ana", second))
    assert row(path) == ("away", None)
    presence.declare(path, "ana", "available", "phone")
    append(path, presence.ended("ana", second + 1))
    assert row(path) == ("available", None)
    presence.declare(path, "ana", "paused", "phone", first)
    assert row(path) == ("paused", None)


def test_who_is_nobody_declares_nothing(path: Path) -> None:
    with pytest.raises(people.PeopleError, match="no agent"):
        presence.declare(path, "bob", "available", "cli")


def test_who_is_disabled_declares_nothing_and_does_not_ring_when_enabled(path: Path) -> None:
    staffing.disable_agent(path, "ana")
    with pytest.raises(people.PeopleError, match="first: decroche agent enable ana"):
        presence.declare(path, "ana", "available", "command")
    people.declare(path, kinds.AVAILABLE, ["ana"], "phone")  # before Asterisk refused the phone
    staffing.enable_agent(path, "ana")
    assert row(path) == ("away", None)


@pytest.mark.parametrize("by", ["page", "coordinator", "command", "phone"])
def test_who_has_no_phone_yet_is_not_reachable_by_saying_so(path: Path, by: str) -> None:
    presence.declare(path, "ana", "available", by)
    assert welcome.steps_of(path, "ana")["registered"] == (by == "phone")
    append(path, Event(id="r", at=now(), kind=kinds.REACHABLE, actor="ana"))
    assert welcome.steps_of(path, "ana")["registered"]


class Told:
    """What :class:`Ends` says, and a journal that can refuse."""

    def __init__(self) -> None:
        self.over: set[str] = set()
        self.busy: set[str] = set()
        self.refuses = 0
        self.full = False
        self.written: list[Event] = []
        self.asked = asyncio.Event()
        self.ends = Ends(self.over.add, self.busy.__contains__, self.append)

    def append(self, event: Event) -> "asyncio.Future[None]":
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.asked.set()
        if self.full:
            self.full = False
            raise JournalFull("too much waits")
        if self.refuses:
            self.refuses -= 1
            future.set_exception(OSError("full"))
        else:
            self.written.append(event)
            future.set_result(None)
        return future

    def declare(self, kind: str, until: int | None = None) -> bool:
        return self.ends.hear(people.declared("ana", kind, "test", until))


async def soon(condition: object, what: str) -> None:
    assert callable(condition)
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)
    assert condition(), what


async def test_it_ends_what_ended_while_nobody_served() -> None:
    told = Told()
    told.ends.know([{"name": "ana", "until": now() - 3600 * MICRO}, {"name": "bob", "until": None}])
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(told.ends.run())
        await soon(lambda: told.written, "the end to be written")
        task.cancel()
    assert told.over == {"ana"}
    assert [(event.actor, event.kind) for event in told.written] == [("ana", kinds.AWAY)]


async def test_it_waits_for_the_end_of_the_call_and_rings_no_more() -> None:
    told = Told()
    told.busy.add("ana")
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(told.ends.run())
        told.declare(kinds.AVAILABLE, until := now() + MICRO // 20)
        await soon(lambda: told.over, "the hunt to be told")
        assert told.ends.is_over("ana")
        assert now() >= until
        assert told.written == []
        told.busy.clear()
        await soon(lambda: told.written, "the end to be written")
        assert told.ends.hear(told.written[0])
        assert not told.ends.is_over("ana")
        task.cancel()
    assert len(told.written) == 1


async def test_a_later_word_counts() -> None:
    told = Told()
    until = now() - 1
    told.declare(kinds.AVAILABLE, until)
    assert told.declare(kinds.AVAILABLE)
    assert not told.ends.hear(presence.ended("ana", until))
    assert not told.ends.is_over("ana")
    assert told.declare(kinds.AWAY)


@pytest.mark.parametrize(("refuses", "full"), [(1, False), (0, True)])
async def test_it_asks_again_when_the_journal_refuses(refuses: int, full: bool) -> None:
    told = Told()
    told.refuses, told.full = refuses, full
    told.ends.know([{"name": "ana", "until": now() - 1}])
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(told.ends.run())
        async with asyncio.timeout(5):
            await told.asked.wait()
        assert told.over == {"ana"}
        await soon(lambda: told.written, "the end to be written")
        task.cancel()


def test_a_line_of_before_gets_the_column(tmp_path: Path) -> None:
    path = tmp_path / "decroche.db"
    schema.prepare(path)
    store = Store(path)
    store.connection.execute("ALTER TABLE presence DROP COLUMN until")
    for table in ("feeds", "signup_skips", "signups", "shift_cancelled", "shifts"):
        store.connection.execute(f"DROP TABLE {table}")
    store.connection.execute("DELETE FROM _sqlite_migrations WHERE name = 'm011_shifts'")
    store.close()
    schema.prepare(path)
    connection = schema.reader(path)
    assert views.presence(connection) == []
    connection.close()


def test_half_a_year_later_an_end_that_came_too_late_still_ends_nothing(path: Path) -> None:
    presence.declare(path, "ana", "available", "page")
    append(path, presence.ended("ana", now()))
    assert row(path) == ("available", None)
    purge.purge(path, now() + 200 * 86400 * MICRO, PARIS)
    assert row(path) == ("available", None)
