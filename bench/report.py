"""The figures of a year against reading alone, and against the journal: `./run bench report`.

200,000 generated calls of a year (an argument: another number). Computed in turn are the year's
figures from the projection `calls`, as `decroche report year` does; the bare fetch of the same
rows and columns with sqlite3, of which nothing is made; and the same figures from the raw
events, by one pass over the journal. The first and the last must be equal. Exit code 1 when a
limit is missed. Takes about 40 s, half of it to write the events.
"""

import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
from _lines import at_least, at_most, end, start

from decroche import hotline
from decroche.records import fates, figures, kinds, schema
from decroche.records.events import MICRO, Event
from decroche.records.figures import Report
from decroche.records.periods import SLOT, period
from decroche.records.store import Store

CALLS = 200_000
ROUNDS = 5  # in turn
CHUNK = 3_000  # calls of one transaction
FETCH_LIMIT, JOURNAL_LIMIT = 3.0, 3.0  # times the bare fetch at most; faster than events at least
YEAR = 2025
LINE = hotline.parse("""[line]
name = "Bench"
[menu]
default = "visio"
choices = [
    { key = "1", queue = "demarches", label = "Vos démarches" },
    { key = "2", queue = "visio", label = "La visio" },
    { key = "3", queue = "autre", label = "Autre chose" },
]
[queues.demarches]
label = "Démarches"
[queues.visio]
label = "Visio"
[queues.autre]
label = "Autre"
""")
BARE = """SELECT arrived, queue, choice, caller, chosen, queued, answered, left, ended, outcome,
    gave_up FROM calls WHERE arrived >= ? AND arrived < ?"""
EVENTS = "SELECT call, kind, at, body FROM journal WHERE call <> '' ORDER BY seq"
SECOND = MICRO - 1


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else CALLS
    began = start(f"figures of a year of {count} calls")
    with tempfile.TemporaryDirectory(prefix="decroche-bench-") as folder:
        path = Path(folder, "decroche.db")
        events = generate(path, count)
        print(f"{events} events, {path.stat().st_size >> 20} MiB, made in {since(began):.0f} s")
        with closing(sqlite3.connect(path)) as connection:
            good = measure(connection, count)
    return end(began, good)


def since(began: float) -> float:
    return time.monotonic() - began


def measure(connection: sqlite3.Connection, count: int) -> bool:
    bounds = period("year", date(YEAR, 6, 1)).bounds(LINE.zone)
    variants: dict[str, Callable[[], Any]] = {
        "sqlite3, the bare fetch": lambda: connection.execute(BARE, bounds).fetchall(),
        "figures from calls": lambda: report(connection, "year"),
        "figures from events": lambda: from_events(connection),
    }
    took: dict[str, list[float]] = {name: [] for name in variants}
    found: dict[str, Any] = {}
    for _ in range(ROUNDS):
        for name, run in variants.items():
            at = time.perf_counter()
            found[name] = run()
            took[name].append(time.perf_counter() - at)
    print(f"  {ROUNDS} rounds in turn {'':22} {'median ms':>10}")
    for name, times in took.items():
        print(f"  {name:38} {statistics.median(times) * 1000:10.0f}")
    for kind in ("day", "week", "month"):
        at = time.perf_counter()
        report(connection, kind)
        print(f"  figures of one {kind:23} {(time.perf_counter() - at) * 1000:10.0f}")
    bare, ours, raw = took.values()
    same = found["figures from calls"] == found["figures from events"]
    whole = found["figures from calls"].totals.arrived == count
    print(f"{'ok' if same and whole else 'LIMIT MISSED'}: calls and events give the same figures")
    fetched = statistics.median(o / b for o, b in zip(ours, bare, strict=True))
    faster = statistics.median(r / o for r, o in zip(raw, ours, strict=True))
    good = at_most("figures from calls : bare fetch", fetched, FETCH_LIMIT)
    return at_least("figures from events : from calls", faster, JOURNAL_LIMIT) & good & same & whole


def report(connection: sqlite3.Connection, kind: str) -> Report:
    after = period("year", date(YEAR + 2, 1, 1)).bounds(LINE.zone)[0]
    return figures.report(connection, LINE, period(kind, date(YEAR, 6, 3)), "", after)


def from_events(connection: sqlite3.Connection) -> Report:
    """The same counting; only what is read, once, is not the projection."""
    calls = read_events(connection)

    def read(connection: sqlite3.Connection, since: int, until: int) -> fates.Calls:
        rows = [row_of(call) for call in calls if since <= call["arrived"] < until]
        return fates.collect([rows] if rows else [])

    with mock.patch.object(fates, "read", read):
        return report(connection, "year")


def read_events(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    """What each call was, as it would have to be found out without any projection."""
    decode = msgspec.json.decode
    calls: dict[str, dict[str, Any]] = {}
    for call, kind, at, body in connection.execute(EVENTS):
        if kind == kinds.ARRIVED:
            calls[call] = {"arrived": at, "stage": "greeting"}
        else:
            take(calls[call], kind, at, decode(body))
    return list(calls.values())


def take(call: dict[str, Any], kind: str, at: int, body: dict[str, Any]) -> None:
    """What records/projections.py does, for events that come in order."""
    if kind == kinds.KNOWN:
        call["caller"] = body.get("caller")
    elif kind == kinds.ASKED:
        call["stage"] = "menu"
    elif kind == kinds.CHOSE:
        call["choice"] = body["key"]
    elif kind == kinds.QUEUED:
        call["queue"], call["stage"] = body["queue"], "waiting"
        call.setdefault("queued", at)
    elif kind == kinds.RANG:
        call["stage"] = "ringing"
    elif kind == kinds.ANSWERED:
        call["answered"] = at
    elif kind == kinds.OFFER_ENDED:
        call["left"] = at
    elif kind == kinds.DISMISSED:
        call["dismissed"] = body["outcome"]
    elif kind == kinds.ENDED:
        call["ended"] = at


def row_of(call: dict[str, Any]) -> tuple[Any, ...]:
    answered, ended = call.get("answered"), call["ended"]
    fate = "answered" if answered else call.get("dismissed") or f"abandoned.{call['stage']}"
    waited = (answered or ended) - call.get("queued", call["arrived"]) + SECOND
    talked = (call.get("left", ended) - answered + SECOND) // MICRO if answered else None
    named = (call.get("queue", ""), call.get("choice", ""), call.get("caller"))
    return (call["arrived"] // SLOT, *named, fate, waited // MICRO, talked)


def generate(path: Path, count: int) -> int:
    """Write the events of a year's calls, and with them the projections."""
    schema.prepare(path)
    since, until = period("year", date(YEAR, 1, 1)).bounds(LINE.zone)
    chance = random.Random(2026)
    moments = sorted(chance.randrange(since, until) for _ in range(count))
    store, made = Store(path), 0
    for first in range(0, count, CHUNK):
        numbered = enumerate(moments[first : first + CHUNK], first + 1)
        events = [event for number, at in numbered for event in story(number, at, chance)]
        made += len(store.append(events))
    store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    return made


def story(number: int, arrived: int, chance: random.Random) -> Iterator[Event]:
    """A call: seven in ten are answered, the others end in every way that there is."""
    call = f"20250101000000-{arrived // MICRO}.{number}"
    way = chance.choice(["answered"] * 7 + ["abandoned", "abandoned", "closed"])
    way = chance.choice(["overflow", "refused-empty", way, way]) if way == "abandoned" else way
    waited = int(chance.expovariate(1 / 60) * MICRO) + 1
    key = chance.choice(["1", "2", "3", ""])
    queue = {"1": "demarches", "3": "autre"}.get(key, "visio")
    rung = {"agent": f"agent-{chance.randrange(50)}", "offer": f"{call}x"}
    caller = {"caller": f"{chance.randrange(80_000):032x}"} if chance.random() < 0.9 else {}
    steps: list[tuple[str, int, dict[str, str]]] = [
        (kinds.ARRIVED, 0, {"trunk": "t", "did": "1"}),
        (kinds.KNOWN, 0, caller),
    ]
    over = 6 * MICRO
    if way != "closed":
        steps.append((kinds.ASKED, 2 * MICRO, {}))
    if way != "closed" and (way != "abandoned" or chance.random() < 0.8):
        steps += [(kinds.CHOSE, 5 * MICRO, {"key": key, "queue": queue})] if key else []
        steps.append((kinds.QUEUED, 5 * MICRO, {"queue": queue}))
        over = 5 * MICRO + waited
    if way == "answered":
        steps += [(kinds.RANG, over - waited // 2, rung), (kinds.ANSWERED, over, rung)]
        over += int(chance.expovariate(1 / 400) * MICRO) + 1
        steps.append((kinds.OFFER_ENDED, over, rung | {"cause": "16"}))
    elif way != "abandoned":
        steps.append((kinds.DISMISSED, over, {"outcome": way}))
    steps.append((kinds.ENDED, over, {"cause": "16"}))
    for kind, at, body in steps:
        yield Event(id=f"{call}:{kind}", at=arrived + at, kind=kind, call=call, body=body)


if __name__ == "__main__":
    sys.exit(main())
