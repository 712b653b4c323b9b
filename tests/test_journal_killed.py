"""The writer of the journal is killed at any moment: what was acknowledged is there, once."""

import asyncio
import contextlib
import multiprocessing
import random
import sqlite3
import time
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path

from decroche.records import check, kinds, schema
from decroche.records.events import Event, now
from decroche.records.journal import Journal

TIMES = 200
RATE = 350  # events a second: fifty calls
SERVER = multiprocessing.get_context("forkserver")  # each writer starts from a clean process
SERVER.set_forkserver_preload(["decroche.records.check", "decroche.records.journal"])
LONGEST = 0.12  # seconds that a writer lives at most


def test_nothing_acknowledged_is_missing_and_nothing_is_doubled(tmp_path: Path) -> None:
    path = tmp_path / "decroche.db"
    schema.prepare(path)
    chance = random.Random(2026)
    acknowledged: list[str] = []
    for life in range(TIMES):
        acknowledged += lived(path, life, chance.uniform(0.0, LONGEST))
    assert len(acknowledged) > TIMES  # it was killed while it worked, not before
    with closing(sqlite3.connect(path)) as connection:
        ids = [row[0] for row in connection.execute("SELECT id FROM journal ORDER BY seq")]
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert set(acknowledged) <= set(ids)
    assert len(ids) == len(set(ids))
    findings = list(check.check(path, 0))
    assert [f for f in findings if f.problem and "outcome" not in f.invariant] == []


def lived(path: Path, life: int, seconds: float) -> list[str]:
    """Let a process append for a while, kill it, and return what it was told is durable."""
    reading, writing = SERVER.Pipe(duplex=False)
    process = SERVER.Process(target=work, args=(path, life, writing))
    process.start()
    writing.close()
    assert reading.recv_bytes() == b"begun"
    time.sleep(seconds)
    process.kill()
    process.join(10)
    told: list[str] = []
    with contextlib.suppress(EOFError, ConnectionResetError):
        while True:
            told += reading.recv_bytes().decode().split()
    reading.close()
    return told


def work(path: Path, life: int, told: Connection) -> None:
    told.send_bytes(b"begun")
    asyncio.run(append(path, life, told))


async def append(path: Path, life: int, told: Connection) -> None:
    """Calls that arrive and end, some told again as a restarted recorder does."""
    async with Journal(path) as journal:
        number = 0
        while True:
            call = f"{life}.{number}"
            for kind in (kinds.ARRIVED, kinds.KNOWN, kinds.QUEUED, kinds.ENDED):
                events = [
                    Event(id=f"{one}:{kind}", at=now(), kind=kind, call=one, body={})
                    for one in (call, f"{life - 1}.{number}")
                ]

                def acknowledge(done: "asyncio.Future[None]", events: list[Event] = events) -> None:
                    if not done.exception():
                        told.send_bytes(" ".join(event.id for event in events).encode())

                journal.submit(*events).add_done_callback(acknowledge)
                await asyncio.sleep(1 / RATE)
            number += 1
