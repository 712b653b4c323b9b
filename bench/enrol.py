"""2,500 volunteers at once against the bare inserts: `./run bench enrol`.

1. The list is read, compared and taken in one transaction, while another writer appends to the
   same journal every few milliseconds: how long does it have to wait?
2. `apply` lets 2,500 phones in, then one volunteer gets a new password: how long is Asterisk
   deaf? Somebody asks it over SIP (OPTIONS) every 5 ms.

Exit code 1 when a limit is missed. Takes about 10 s.
"""

import random
import socket
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from _lines import SILENT_LINE, at_most, bench_line, end, start

from decroche.asterisk import apply, phones
from decroche.asterisk.release import default_home, find_release
from decroche.records import enrol, kinds, people, staffing, volunteers
from decroche.records.events import Event, now
from decroche.records.folder import Folder
from decroche.records.store import Store

T = TypeVar("T")
ROWS = 2500
PASSWORDS = 5  # new ones, one after the other
BARE_LIMIT = 8.0  # times the bare inserts
LOCK_LIMIT = 0.5  # seconds that another writer waits
DEAF_LIMIT = 0.5  # seconds in which SIP is not answered
FIRST = "Éliane Driss Léa Odile Camille Noël Zoé François Inès Jean-Luc".split()
LAST = "Martin D'Arc Lefèvre N'Guyen Müller Œuvrard Petit Roux".split()
ASK = """OPTIONS sip:x@127.0.0.1:{port} SIP/2.0\r
Via: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bK{n}\r
From: <sip:x@127.0.0.1>;tag={n}\r\nTo: <sip:x@127.0.0.1>\r
Call-ID: {n}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"""


def main() -> int:
    began = start("2,500 volunteers")
    with bench_line(SILENT_LINE) as line:
        folder, text = line.folder, a_list()
        times: dict[str, float] = {}
        with appending(folder) as waits:
            rows = timed(times, "read the list", lambda: volunteers.read(text, ["line"]).rows)
            take = lambda: enrol.carry_out(folder.database, rows, ["line"], False)  # noqa: E731
            timed(times, "compare and take it", take)
        timed(times, "the same list again", take)
        timed(times, "bare inserts", lambda: bare(rows))
        release = find_release(default_home())
        assert release is not None
        with asking(line.sip) as deaf:
            timed(times, "apply", lambda: apply.apply(folder, release))
        with asking(line.sip) as again:
            renew = lambda: phones.renew(folder, release, frozenset())  # noqa: E731
            for _ in range(PASSWORDS):
                staffing.rekey_phone(folder.database, rows_name(folder), "bench")
                timed(times, "one new password in force", renew)
                time.sleep(0.2)
    for what, seconds in times.items():
        print(f"  {what:28} {seconds * 1000:8.1f} ms")
    print(f"  {'another writer waited':28} {max(waits) * 1000:8.1f} ms at most")
    for what, values in (("apply", deaf), ("a new password", again)):
        print(f"  {'SIP answered late, ' + what:28} {max(values) * 1000:8.1f} ms at most")
    ratio = times["compare and take it"] / times["bare inserts"]
    good = [
        at_most("taking the list : bare inserts", ratio, BARE_LIMIT),
        at_most("another writer waits, s", max(waits), LOCK_LIMIT),
        at_most("SIP is answered late, s", max(*deaf, *again), DEAF_LIMIT),
    ]
    return end(began, all(good))


def a_list() -> bytes:
    draw = random.Random(4)
    rows = (
        f"{draw.choice(FIRST)};{draw.choice(LAST)};v{number}@example.org" for number in range(ROWS)
    )
    return "\n".join(("Prénom;Nom;Courriel", *rows)).encode("utf-8-sig")


def timed(times: dict[str, float], what: str, work: Callable[[], T]) -> T:
    began = time.perf_counter()
    done = work()
    times[what] = time.perf_counter() - began
    return done


def rows_name(folder: Folder) -> str:
    return people.list_agents(folder.database)[0].name


def bare(rows: list[volunteers.Volunteer]) -> None:
    """As many rows in as many tables, with what they hold made beforehand."""
    with tempfile.TemporaryDirectory() as place:
        connection = sqlite3.connect(Path(place) / "bare.db", isolation_level=None)
        connection.executescript(
            """PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
            CREATE TABLE a (name TEXT PRIMARY KEY, label, ha1, added, email) WITHOUT ROWID;
            CREATE TABLE m (queue, agent, position, PRIMARY KEY (queue, agent)) WITHOUT ROWID;
            CREATE TABLE j (seq INTEGER PRIMARY KEY, id TEXT UNIQUE, at, kind, actor, body);"""
        )
        connection.execute("BEGIN IMMEDIATE")
        for row in rows:
            name = f"v{row.line}"
            insert = connection.execute
            insert(
                "INSERT INTO a VALUES (?, ?, ?, ?, ?)", (name, row.label, "x" * 32, 0, row.email)
            )
            insert("INSERT INTO m VALUES ('line', ?, ?)", (name, row.line))
            insert("INSERT INTO j VALUES (NULL, ?, 0, 'agent.added', ?, '{}')", (name, name))
        connection.execute("COMMIT")
        connection.close()


@contextmanager
def appending(folder: Folder) -> Iterator[list[float]]:
    """Somebody else writes into the journal; yields how long each event took, in seconds."""
    stop, waits = threading.Event(), list[float]()

    def run() -> None:
        store, count = Store(folder.database), 0
        while not stop.wait(0.005):
            began, count = time.perf_counter(), count + 1
            at = now()
            store.append(
                [Event(id=f"bench:{count}", at=at, kind=kinds.RESTING, body={"until": at})]
            )
            waits.append(time.perf_counter() - began)
        store.close()

    with running(run, stop):
        yield waits


@contextmanager
def asking(port: int) -> Iterator[list[float]]:
    """Somebody asks Asterisk over SIP; yields how long each answer took, in seconds."""
    stop, times = threading.Event(), list[float]()
    own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    own.bind(("127.0.0.1", 0))
    own.settimeout(10)

    def run() -> None:
        number = 0
        while not stop.wait(0.005):
            began, number = time.perf_counter(), number + 1
            here = own.getsockname()[1]
            text = ASK.format(port=port, own=here, n=f"b{here}-{number}")
            own.sendto(text.encode(), ("127.0.0.1", port))
            while f"branch=z9hG4bKb{here}-{number}".encode() not in own.recv(4096):
                pass
            times.append(time.perf_counter() - began)

    with own, running(run, stop):
        yield times


@contextmanager
def running(run: Callable[[], None], stop: threading.Event) -> Iterator[None]:
    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(15)


if __name__ == "__main__":
    sys.exit(main())
