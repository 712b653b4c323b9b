"""The journal against a bare group commit: `./run bench journal`.

Both take all that waits into one transaction at synchronous=FULL. The journal also keeps ids
unique and its projections up to date; the other inserts into one plain table. Latency is from
the append to the event loop's knowing that the event is durable. Exit code 1 when a limit is
missed. Takes about 75 s.
"""

import asyncio
import queue
import random
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from _lines import at_most, end, percentile, start

from decroche.records import kinds, schema
from decroche.records.events import Event, now
from decroche.records.journal import Journal
from decroche.records.writer import Checkpointer

RATES = (500, 5_000)  # events/s
SECONDS = 2.0  # of one round
ROUNDS = 9  # in turn: one journal, one bare
LIMITS = {50: 1.5, 99: 2.0}  # percentile -> ratio
AGENTS = 50

Submit = Callable[[Event], "asyncio.Future[None]"]


class Bare:
    """A group commit as short as it can be: a thread, a queue, one table."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._loop = asyncio.get_running_loop()
        self._waiting: queue.SimpleQueue[tuple[Event, asyncio.Future[None]] | None]
        self._waiting = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="bare")
        self._thread.start()

    def submit(self, event: Event) -> "asyncio.Future[None]":
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting.put((event, future))
        return future

    def stop(self) -> None:
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        connection = sqlite3.connect(self._path, isolation_level=None)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 0"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute(
            "CREATE TABLE plain (seq INTEGER PRIMARY KEY, id TEXT, at INTEGER, kind TEXT,"
            " call TEXT, actor TEXT, node TEXT, body TEXT)"
        )
        insert = "INSERT INTO plain (id, at, kind, call, actor, node, body) VALUES (?,?,?,?,?,?,?)"
        stopping = False
        while not stopping:
            batch, one = [], self._waiting.get()
            while one is not None:
                batch.append(one)
                if self._waiting.empty():
                    break
                one = self._waiting.get()
            stopping = one is None
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(insert, (_row(event) for event, _ in batch))
            connection.execute("COMMIT")
            self._loop.call_soon_threadsafe(_settle, [future for _, future in batch])
        connection.close()


def _row(event: Event) -> tuple[str, int, str, str, str, str, str]:
    body = msgspec.json.encode(event.body).decode()
    return event.id, event.at, event.kind, event.call, event.actor, event.node, body


def _settle(futures: "list[asyncio.Future[None]]") -> None:
    for future in futures:
        future.set_result(None)


def stories(calls_at_once: int = 40) -> Iterator[Event]:
    """Events of calls that overlap, without end: arrival, queue, ring, answer, end."""
    chance = random.Random(2026)
    number = 0
    running: list[Iterator[Event]] = []
    while True:
        while len(running) < calls_at_once:
            number += 1
            running.append(_story(number, f"agent-{chance.randrange(AGENTS)}"))
        at = chance.randrange(len(running))
        event = next(running[at], None)
        if event is None:
            running.pop(at)
        else:
            yield event


def _story(number: int, agent: str) -> Iterator[Event]:
    call, offer = f"20260101000000-{number}.1", f"20260101000000-{number}.2"
    rung = {"agent": agent, "offer": offer}
    for kind, actor, body in (
        (kinds.ARRIVED, "", {"trunk": "street", "did": "0900000000"}),
        (kinds.KNOWN, "", {"caller": f"{number:032x}"}),
        (kinds.QUEUED, "", {"queue": "line"}),
        (kinds.RANG, agent, rung),
        (kinds.ANSWERED, agent, rung),
        (kinds.OFFER_ENDED, agent, rung | {"cause": "16"}),
        (kinds.ENDED, "", {"cause": "16"}),
    ):
        yield Event(id=f"{call}:{kind}", at=now(), kind=kind, call=call, actor=actor, body=body)


async def load(submit: Submit, events: Iterator[Event], rate: int, seconds: float) -> list[float]:
    """Append at a steady rate, whatever the answers do; milliseconds of each append."""
    loop = asyncio.get_running_loop()
    took: list[float] = []
    pending = 0
    done = asyncio.Event()

    def append() -> None:
        nonlocal pending
        began, pending = time.perf_counter(), pending + 1

        def settled(future: "asyncio.Future[None]") -> None:
            nonlocal pending
            future.result()
            took.append((time.perf_counter() - began) * 1000)
            pending -= 1
            done.set()

        submit(next(events)).add_done_callback(settled)

    began, sent, total = loop.time(), 0, int(rate * seconds)
    while sent < total:
        due = min(total, int((loop.time() - began) * rate) + 1)
        for _ in range(due - sent):
            append()
        sent = due
        await asyncio.sleep(max(0, began + sent / rate - loop.time()))
    async with asyncio.timeout(30):
        while pending:
            done.clear()
            await done.wait()
    return took


@asynccontextmanager
async def journal(path: Path) -> AsyncIterator[Submit]:
    schema.prepare(path)
    async with Journal(path) as made:
        yield made.submit


@asynccontextmanager
async def bare(path: Path) -> AsyncIterator[Submit]:
    made = Bare(path)
    checkpointer = Checkpointer(path)
    checkpointer.start()
    try:
        yield made.submit
    finally:
        await asyncio.to_thread(made.stop)
        await asyncio.to_thread(checkpointer.stop)


async def bench_rate(rate: int, seconds: float) -> bool:
    found: dict[str, list[list[float]]] = {"journal": [], "bare": []}
    with tempfile.TemporaryDirectory(prefix="decroche-bench-") as folder:
        async with (
            journal(Path(folder, "journal.db")) as ours,
            bare(Path(folder, "bare.db")) as other,
        ):
            events = stories()
            for submit in (ours, other):
                await load(submit, events, rate, 0.5)
            for _ in range(ROUNDS):
                found["journal"].append(await load(ours, events, rate, seconds))
                found["bare"].append(await load(other, events, rate, seconds))
    return report(rate, found)


def report(rate: int, found: dict[str, list[list[float]]]) -> bool:
    """Compare neighbouring rounds and take the middle: a disturbed moment does not decide."""
    print(f"{rate} events/s, {ROUNDS} rounds in turn; ms to durable {'p50':>8} {'p99':>8}")
    figures = {
        name: {rank: [percentile(took, rank) for took in rounds] for rank in LIMITS}
        for name, rounds in found.items()
    }
    for name, ranks in figures.items():
        shown = " ".join(f"{statistics.median(values):8.2f}" for values in ranks.values())
        print(f"  {name:44} {shown}")
    good = True
    for rank, limit in LIMITS.items():
        pairs = zip(figures["journal"][rank], figures["bare"][rank], strict=True)
        ratio = statistics.median(ours / other for ours, other in pairs)
        good &= at_most(f"p{rank} at {rate}/s, journal : bare", ratio, limit)
    return good


def main() -> int:
    began = start("journal")
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    good = True
    for rate in RATES:
        good &= asyncio.run(bench_rate(rate, seconds))
    return end(began, good)


if __name__ == "__main__":
    sys.exit(main())
