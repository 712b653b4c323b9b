"""The live stream over raw sockets: snapshots, patches, bursts, slow readers, endings."""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from decroche import hotline
from decroche.dashboard import accounts, settings
from decroche.dashboard import follower as followers
from decroche.dashboard.app import make_app, serve
from decroche.dashboard.keys import STREAM
from decroche.records import kinds, people, schema
from decroche.records.events import Event, now
from decroche.records.folder import Folder
from decroche.records.journal import Journal

LINE = hotline.parse(
    """[line]
name = "Entraide"
[menu]
default = "demarches"
[queues.demarches]
label = "Démarches"
"""
)
Message = dict[str, Any]


class Line:
    """A running page, its journal, and a cookie that opens it."""

    def __init__(self, path: Path, journal: Journal, app: web.Application, port: int) -> None:
        self.path = path
        self.journal = journal
        self.app = app
        self.port = port
        self.cookie = accounts.open_session(path, "camille")
        self.opened: list[Follower] = []

    async def append(self, kind: str, call: str = "", actor: str = "", **body: Any) -> None:
        await self.journal.append(event(kind, call, actor, **body))

    async def follow(
        self, cookie: str = "", version: str = "1.1", language: str = "fr"
    ) -> "Follower":
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 22)
        writer.write(
            f"GET /stream HTTP/{version}\r\nHost: 127.0.0.1:{self.port}\r\n"
            f"Accept-Language: {language}\r\n"
            f"Cookie: decroche={cookie or self.cookie}\r\n\r\n".encode()
        )
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        follower = Follower(reader, writer, head.decode())
        self.opened.append(follower)
        return follower


class Follower:
    """A browser's end of a stream."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.head = head
        self.chunked = "transfer-encoding: chunked" in head.lower()
        self.ids: list[int] = []

    async def message(self, timeout: float = 5) -> Message:
        """The next message; comments are passed over."""
        async with asyncio.timeout(timeout):
            while True:
                block = await self._block()
                fields = dict(line.partition(": ")[::2] for line in block.splitlines())
                if "data" in fields:
                    self.ids.append(int(fields["id"]))
                    message: Message = json.loads(fields["data"])
                    return message

    async def ended(self, timeout: float = 5) -> bool:
        """Wait for the end of the stream."""
        async with asyncio.timeout(timeout):
            while await self.reader.read(65536):
                pass
        return True

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()

    async def _block(self) -> str:
        if not self.chunked:
            return (await self.reader.readuntil(b"\n\n")).decode()
        size = int(await self.reader.readuntil(b"\r\n"), 16)
        return (await self.reader.readexactly(size + 2))[:-2].decode()


def event(kind: str, call: str = "", actor: str = "", **body: Any) -> Event:
    at = now()
    key = f"{kind} {call} {actor} {at} {body}"
    return Event(id=key, at=at, kind=kind, call=call, actor=actor, body=body)


def arrival(number: int) -> list[Event]:
    call = f"b-{number}"
    return [
        event(kinds.ARRIVED, call, trunk="t", did="1"),
        event(kinds.QUEUED, call, queue="demarches"),
    ]


def ids(message: Message) -> list[str]:
    return [piece.partition('id="')[2].partition('"')[0] for piece in message["set"]]


@contextlib.asynccontextmanager
async def served(path: Path, port: int = 0) -> AsyncIterator[Line]:
    folder = Folder(path)
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with Journal(folder.database) as journal:
        app = make_app(folder, lambda: LINE, journal)
        task = asyncio.create_task(serve(app, "127.0.0.1", port, address.set_result))
        bound = int((await asyncio.wait_for(address, 10)).rstrip("/").rpartition(":")[2])
        running = Line(folder.database, journal, app, bound)
        try:
            yield running
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            for follower in running.opened:
                await follower.close()


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    database = Folder(tmp_path).database
    schema.prepare(database)
    accounts.prepare(database)
    accounts.claim(database, accounts.issue_code(database), "camille", "une petite phrase")
    people.add_agent(database, "driss", "Driss", ["demarches"])
    async with served(tmp_path) as running:
        yield running


async def until(condition: Callable[[], bool], timeout: float = 5) -> None:
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.01)


async def test_it_begins_with_a_snapshot_and_goes_on_with_what_changed(line: Line) -> None:
    await line.append(kinds.ARRIVED, "b-1", trunk="t", did="1")
    follower = await line.follow()
    assert "content-type: text/event-stream" in follower.head.lower()
    snapshot = await follower.message()
    assert snapshot["full"] and {"call-1", "opening", "queue-demarches"} <= set(ids(snapshot))
    await line.append(kinds.QUEUED, "b-1", queue="demarches")
    patch = await follower.message()
    assert "full" not in patch
    # The row, the queue that it waits in, and the figure of who waits; nothing else.
    assert set(ids(patch)) == {"call-1", "queue-demarches", "fig-waiting"}
    await line.append(kinds.ENDED, "b-1")
    gone = await follower.message()
    assert gone["gone"] == ["call-1"] and "fig-waiting" in ids(gone)
    assert follower.ids == [follower.ids[0] + step for step in range(3)]


async def test_it_sends_a_single_event_at_once(line: Line) -> None:
    follower = await line.follow()
    await follower.message()
    loop, took = asyncio.get_running_loop(), []
    for number in range(3):
        await asyncio.sleep(settings.PAUSE * 1.5)
        began = loop.time()
        await line.append(kinds.ARRIVED, f"b-{number}", trunk="t", did="1")
        await follower.message()
        took.append(loop.time() - began)
    assert min(took) < settings.PAUSE / 2  # the quickest: the machine may be busy


async def test_it_makes_few_patches_of_a_flood(line: Line) -> None:
    follower = await line.follow()
    await follower.message()
    loop = asyncio.get_running_loop()
    began, patches, seen = loop.time(), 0, set[str]()
    appended = asyncio.gather(*(line.journal.append(*arrival(n)) for n in range(300)))
    while not {f"call-{n}" for n in range(1, 301)} <= seen:
        seen |= set(ids(await follower.message()))
        patches += 1
    await appended
    assert patches <= 2 + (loop.time() - began) / settings.PAUSE


async def test_it_writes_each_language_once(line: Line) -> None:
    french, english = await line.follow(), await line.follow(language="en")
    await asyncio.gather(french.message(), english.message())
    await line.append(kinds.ARRIVED, "b-1", trunk="t", did="1")
    messages = await asyncio.gather(french.message(), english.message())
    assert ["accueil" in m["set"][-1] or "accueil" in str(m) for m in messages] == [True, False]


async def test_it_is_right_again_after_a_restart(tmp_path: Path, line: Line) -> None:
    follower = await line.follow()
    await follower.message()
    await line.journal.append(*arrival(1))
    await follower.message()
    await follower.close()
    # Another process writes on while this page is away.
    async with served(tmp_path) as again:
        again.cookie = line.cookie
        await line.append(kinds.ENDED, "b-1")
        await line.journal.append(*arrival(2))
        follower = await again.follow()
        rows = [id for id in ids(await follower.message()) if id.startswith("call-")]
        assert [id for id in rows if id[5:].isdigit()] == ["call-2"]


async def test_it_drops_a_reader_that_stalls_and_harms_nobody(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followers, "UNSENT_MAX", 20_000)
    stalled, reading = await line.follow(), await line.follow()
    stalled.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await reading.message()
    hub = line.app[STREAM]
    payload = followers.Message(b": " + b"x" * 100_000 + b"\n\n")
    for _ in range(200):
        hub._send(payload, hub.followers)
        await asyncio.sleep(0)
        if len(hub.followers) == 1:
            break
        await reading.reader.read(1 << 20)
    await until(lambda: len(hub.followers) == 1)
    fresh = await line.follow()
    assert (await fresh.message())["full"]


async def test_it_forgets_who_went_away(line: Line) -> None:
    follower = await line.follow()
    await follower.message()
    await follower.close()
    hub = line.app[STREAM]

    def is_forgotten() -> bool:
        hub._send(followers.Message(b":\n\n"), hub.followers)
        return not hub.followers

    await until(is_forgotten)


async def test_it_speaks_http_1_0_without_chunks(line: Line) -> None:
    follower = await line.follow(version="1.0")
    assert not follower.chunked
    assert (await follower.message())["full"]
    await line.append(kinds.ARRIVED, "b-1", trunk="t", did="1")
    assert "call-1" in ids(await follower.message())


async def test_it_ends_streams_of_a_revoked_session_within_a_second(line: Line) -> None:
    other = accounts.open_session(line.path, "camille")
    kept, revoked = await line.follow(), await line.follow(cookie=other)
    await asyncio.gather(kept.message(), revoked.message())
    await asyncio.to_thread(accounts.close_session, line.path, accounts.digest(other))
    assert await revoked.ended(timeout=1)
    await line.append(kinds.ARRIVED, "b-1", trunk="t", did="1")
    assert "call-1" in ids(await kept.message())


async def test_it_shows_what_no_event_tells(line: Line) -> None:
    await line.append(kinds.AVAILABLE, actor="driss")
    await line.append(kinds.REACHABLE, actor="driss")
    await line.append(kinds.RESTING, actor="driss", until=now() + 700_000)
    follower = await line.follow()
    (pill,) = [p for p in (await follower.message())["set"] if 'id="agent-driss"' in p]
    assert 'data-in="agents-pause"' in pill
    patch = await follower.message()  # the rest is over
    (pill,) = [p for p in patch["set"] if 'id="agent-driss"' in p]
    assert 'data-in="agents-free"' in pill and "fig-free" in ids(patch)


async def test_it_says_when_the_database_takes_nothing(line: Line) -> None:
    follower = await line.follow()
    await follower.message()
    lock = sqlite3.connect(line.path, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    waiting = line.journal.submit(event(kinds.ARRIVED, "b-1", trunk="t", did="1"))
    message = await follower.message(timeout=10)
    assert 'data-kind="database"' in str(message["set"]).replace("\\", "")
    lock.execute("ROLLBACK")
    lock.close()
    await asyncio.wait_for(waiting, 10)
    seen = set[str]()
    while not {"trouble", "call-1"} <= seen:
        seen |= set(ids(await follower.message()))


async def test_it_stops_within_a_second_with_open_streams(tmp_path: Path, line: Line) -> None:
    loop = asyncio.get_running_loop()
    async with served(tmp_path) as second:
        second.cookie = line.cookie
        followers = [await second.follow() for _ in range(5)]
        await asyncio.gather(*(follower.message() for follower in followers))
        began = loop.time()
    assert loop.time() - began < 1
    assert all(await asyncio.gather(*(follower.ended() for follower in followers)))
