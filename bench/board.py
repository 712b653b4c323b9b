"""The live board against raw TCP: `./run bench board`.

700 followers in a process of their own read the board's stream from the real application,
while events are appended to a real journal. The same bytes also go through a bare asyncio TCP
broadcaster to the same client: what the board costs on top is the ratio. Then a follower that
never reads joins others and must be dropped without harm. Exit code 1 when a limit is missed.
Takes about 45 s.
"""

import asyncio
import contextlib
import json
import re
import resource
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median

from decroche import hotline
from decroche.dashboard import accounts
from decroche.dashboard.app import make_app, serve
from decroche.dashboard.follower import Follower, Message
from decroche.dashboard.keys import STREAM
from decroche.dashboard.settings import PAUSE
from decroche.dashboard.stream import Stream
from decroche.records import kinds, people, schema
from decroche.records.events import Event, now
from decroche.records.folder import Folder
from decroche.records.journal import Journal

FOLLOWERS = 700
EVENTS = 70  # of each: through the board, and raw
GAP = 1.5 * PAUSE  # seconds between two events: each comes alone
STALL_FOLLOWERS = 100
STALL_CALLS = 80  # that change in each patch while somebody does not read
BURSTS = 3  # of large patches, without and with somebody who does not read
STALL_SECONDS = 15.0  # until who does not read must be gone
P50_LIMIT, P99_LIMIT, HARM_LIMIT = 1.5, 2.0, 2.0  # times raw TCP, and times without a staller
ID = re.compile(rb"id: (\d+)\n")
LINE = """[line]
name = "Bench"
[menu]
default = "q"
[queues.q]
label = "Démarches"
"""
Times = dict[int, list[int]]  # number of a message -> arrivals, nanoseconds (CLOCK_MONOTONIC)


def main() -> int:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(limit, 8192), limit))
    if len(sys.argv) > 1:
        asyncio.run(be_followers(*map(int, sys.argv[1:4])))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        return 0 if asyncio.run(measure(Folder(Path(folder)))) else 1


class Bench:
    """The application under measure, and the moments at which its events were committed."""

    def __init__(self, journal: Journal, hub: Stream, port: int, cookie: str) -> None:
        self.journal, self.hub, self.port, self.cookie = journal, hub, port, cookie
        self.committed: dict[int, int] = {}
        self.last = Message(b"")
        self._calls = 0
        self._seq = hub.board.seq
        self._watch_messages()

    async def append_one(self) -> None:
        """The next step of a call: it arrives, chooses, waits, hangs up."""
        steps = (kinds.ARRIVED, kinds.ASKED, kinds.QUEUED, kinds.ENDED)
        call, step = f"b-{self._calls // len(steps)}", steps[self._calls % len(steps)]
        self._calls += 1
        await self._append(self._event(step, call, self._calls))

    async def append_many(self, round: int) -> None:
        """Events that change every one of STALL_CALLS rows."""
        step = kinds.ARRIVED if round == 0 else kinds.QUEUED
        every = range(STALL_CALLS)
        await self._append(*(self._event(step, f"s-{n}", round, "q") for n in every))

    def _event(self, kind: str, call: str, number: int, queue: str = "q") -> Event:
        body = {"trunk": "t", "did": "1", "queue": f"{queue}{'' if number % 2 else ' '}"}
        key = f"{kind} {call} {number}"
        return Event(id=key, at=now(), kind=kind, call=call, body=body)

    async def _append(self, *events: Event) -> None:
        """Append, and note the moment at which the journal says that it is durable."""
        self._seq += len(events)
        seq = self._seq

        def stamp(durable: asyncio.Future[None]) -> None:
            self.committed[seq] = time.monotonic_ns()

        durable = self.journal.submit(*events)
        durable.add_done_callback(stamp)  # runs before the journal wakes its followers
        await durable

    def _watch_messages(self) -> None:
        send = self.hub._send

        def sent(message: Message, followers: list[Follower]) -> None:
            if message.plain.startswith(b"id:"):
                self.last = message
            send(message, followers)

        self.hub._send = sent  # type: ignore[method-assign]


@asynccontextmanager
async def bench(folder: Folder) -> AsyncIterator[Bench]:
    schema.prepare(folder.database)
    accounts.prepare(folder.database)
    accounts.claim(folder.database, accounts.issue_code(folder.database), "bench", "b" * 20)
    for number in range(100):
        people.add_agent(folder.database, f"a{number}", f"Agent {number}", ["q"])
    line = hotline.parse(LINE)
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with Journal(folder.database) as journal:
        app = make_app(folder, lambda: line, journal)
        task = asyncio.create_task(serve(app, "127.0.0.1", 0, address.set_result))
        port = int((await asyncio.wait_for(address, 10)).rstrip("/").rpartition(":")[2])
        cookie = accounts.open_session(folder.database, "bench")
        try:
            yield Bench(journal, app[STREAM], port, cookie)
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


class Raw(asyncio.Protocol):
    """The alternative: a transport for each follower, and nothing else."""

    transports: list[asyncio.Transport] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transports.append(transport)

    @classmethod
    def broadcast(cls, data: bytes) -> int:
        began = time.monotonic_ns()
        for transport in cls.transports:
            transport.write(data)
        return began


async def measure(folder: Folder) -> bool:
    loop = asyncio.get_running_loop()
    raw = await loop.create_server(Raw, "127.0.0.1", 0, backlog=1024)
    raw_port = raw.sockets[0].getsockname()[1]
    async with bench(folder) as board:
        good = await against_raw(board, raw_port)
        good &= await with_a_staller(board)
    raw.close()
    return good


async def against_raw(board: Bench, raw_port: int) -> bool:
    """Event by event, in turns: through the board, then the same bytes through raw TCP."""
    broadcast: dict[int, int] = {}
    async with followers(board, FOLLOWERS, raw_port) as collect:
        sizes = []
        for number in range(EVENTS):
            await board.append_one()
            await asyncio.sleep(GAP)
            mark = b"id: %d\n" % (10**9 + number)
            data = ID.sub(mark, board.last.chunk, count=1)
            sizes.append(len(data))
            broadcast[10**9 + number] = Raw.broadcast(data)
            await asyncio.sleep(GAP)
        arrived = await collect()
    through = delays(board.committed, arrived, FOLLOWERS)
    beside = delays(broadcast, arrived, FOLLOWERS)
    print(f"{FOLLOWERS} followers, {EVENTS} events, {sum(sizes) // len(sizes)} bytes each")
    header("event to follower, ms")
    row("raw TCP", beside)
    row("board, after commit", through)
    complete = len(through) == len(beside) == EVENTS * FOLLOWERS
    print(f"{'ok' if complete else 'LIMIT MISSED'}: every follower had every event")
    return all(
        [
            complete,
            verdict("p50 of raw TCP", at(through, 50) / at(beside, 50), P50_LIMIT),
            verdict("p99 of raw TCP", at(through, 99) / at(beside, 99), P99_LIMIT),
        ]
    )


async def with_a_staller(board: Bench) -> bool:
    """Large patches to others, first without and then with one that never reads."""
    await board.append_many(0)
    calm = [await burst(board, 100 * n) for n in range(1, BURSTS + 1)]
    stalled = await connect_staller(board)
    began, harmed = time.monotonic(), list[list[float]]()
    while len(harmed) < BURSTS or (
        board.hub.followers and time.monotonic() - began < STALL_SECONDS
    ):
        harmed.append(await burst(board, 1000 + 100 * len(harmed)))
    dropped = not board.hub.followers
    stalled.close()
    header(f"{STALL_FOLLOWERS} followers, large patches, ms")
    row("all read", [delay for one in calm for delay in one])
    row("one never reads", [delay for one in harmed for delay in one])
    print(f"{'ok' if dropped else 'LIMIT MISSED'}: who never reads is dropped")
    # What other processes do to this one is not the staller's doing: the median burst counts.
    ratio = median([at(one, 99) for one in harmed]) / median([at(one, 99) for one in calm])
    return dropped & verdict("p99 with a staller, of p99 without", ratio, HARM_LIMIT)


async def burst(board: Bench, round: int) -> list[float]:
    async with followers(board, STALL_FOLLOWERS, 0) as collect:
        for number in range(12):
            await board.append_many(round + number)
            await asyncio.sleep(GAP)
        arrived = await collect()
    return delays(board.committed, arrived, STALL_FOLLOWERS)


async def connect_staller(board: Bench) -> socket.socket:
    """A follower with small buffers that asks for the stream and never reads it."""
    before = set(board.hub.followers)
    stalled = socket.socket()
    stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stalled.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(stalled, ("127.0.0.1", board.port))
    await loop.sock_sendall(stalled, request(board.cookie))
    async with asyncio.timeout(5):
        while not (joined := set(board.hub.followers) - before):
            await asyncio.sleep(0.01)
    served = joined.pop().transport.get_extra_info("socket")
    served.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    return stalled


@asynccontextmanager
async def followers(
    board: Bench, count: int, raw_port: int
) -> AsyncIterator[Callable[[], "asyncio.Future[Times]"]]:
    """Another process with that many followers; the yielded call ends it and collects."""
    Raw.transports.clear()
    there = len(board.hub.followers)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        __file__,
        *map(str, (count, board.port, raw_port)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin
    process.stdin.write(board.cookie.encode() + b"\n")
    async with asyncio.timeout(30):
        while len(board.hub.followers) < there + count or (
            raw_port and len(Raw.transports) < count
        ):
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)  # the snapshots are read
    first = board.hub.board.seq

    async def collect() -> Times:
        out, _ = await asyncio.wait_for(process.communicate(b""), 30)
        arrived: Times = {int(number): times for number, times in json.loads(out).items()}
        return {number: times for number, times in arrived.items() if number > first}

    try:
        yield lambda: asyncio.ensure_future(collect())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    async with asyncio.timeout(20):  # those who left are forgotten with the next message
        while len(board.hub.followers) > there:
            board.hub._send(Message(b":\n\n"), board.hub.followers)
            await asyncio.sleep(0.05)


class Reader(asyncio.Protocol):
    """One follower: notes when each message came."""

    arrived: Times = {}

    def __init__(self, ask: bytes) -> None:
        self._ask = ask
        self._last = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self._ask)

    def data_received(self, data: bytes) -> None:
        at = time.monotonic_ns()
        for number in map(int, ID.findall(data)):
            if number > self._last:  # the day's figures may follow under the same number
                self._last = number
                self.arrived.setdefault(number, []).append(at)


async def be_followers(count: int, port: int, raw_port: int) -> None:
    """The other process: connect, read until standard input ends, print what came when."""
    loop = asyncio.get_running_loop()
    cookie = (await asyncio.to_thread(sys.stdin.readline)).strip()
    for _ in range(count):
        await loop.create_connection(lambda: Reader(request(cookie)), "127.0.0.1", port)
        if raw_port:
            await loop.create_connection(lambda: Reader(b""), "127.0.0.1", raw_port)
    await asyncio.to_thread(sys.stdin.read)
    print(json.dumps(Reader.arrived))


def request(cookie: str) -> bytes:
    text = f"GET /stream HTTP/1.1\r\nHost: bench\r\nCookie: decroche={cookie}\r\n\r\n"
    return text.encode()


def delays(sent: dict[int, int], arrived: Times, count: int) -> list[float]:
    """Milliseconds from each sending to each arrival; snapshots and comments do not count."""
    return [
        (at - sent[number]) / 1e6
        for number, times in arrived.items()
        if number in sent and len(times) == count
        for at in times
    ]


def at(times: Sequence[float], rank: int) -> float:
    return sorted(times)[min(len(times) - 1, len(times) * rank // 100)]


def header(title: str) -> None:
    print(f"{title:34} {'p50':>8} {'p99':>8} {'max':>8}")


def row(name: str, times: Sequence[float]) -> None:
    print(f"  {name:32} {at(times, 50):8.2f} {at(times, 99):8.2f} {max(times):8.2f}")


def verdict(name: str, ratio: float, limit: float) -> bool:
    good = ratio <= limit
    print(f"{'ok' if good else 'LIMIT MISSED'}: {name} {ratio:.2f} (limit {limit:g})")
    return good


if __name__ == "__main__":
    sys.exit(main())
