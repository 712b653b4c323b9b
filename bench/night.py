"""A night's purge and a backup of a year of calls: `./run bench night`.

200,000 generated calls of a year (an argument: another number), purged once; then, in turn, the
purge of each of three more nights, and a plain rebuild of the projections, which is the most of
it: the database is locked for as long, and what happens on the line meanwhile waits to be written
down. Then a backup, against SQLite's own copy packed by gzip. Exit code 1 when a limit is missed.
Takes about two minutes, a third of it to write the events.
"""

import gzip
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path

from _lines import at_most, end, start
from report import LINE, YEAR, generate

from decroche.records import backup, purge
from decroche.records.clocks import DAY
from decroche.records.folder import Folder
from decroche.records.periods import period
from decroche.records.rebuild import rebuild

CALLS = 200_000
NIGHTS = 3
REBUILD_LIMIT, COPY_LIMIT = 1.5, 1.5  # times the alternative at most


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else CALLS
    began = start(f"a night after a year of {count} calls")
    with tempfile.TemporaryDirectory(prefix="decroche-bench-") as root:
        folder = Folder(Path(root))
        events = generate(folder.database, count)
        folder.hotline.write_text("", "utf-8")
        size = folder.database.stat().st_size >> 20
        print(f"{events} events, {size} MiB, made in {time.monotonic() - began:.0f} s")
        good = nights(folder.database) & copies(folder, Path(root))
    return end(began, good)


def nights(path: Path) -> bool:
    after = period("year", date(YEAR, 6, 1)).bounds(LINE.zone)[1]
    first = timed(lambda: purge.purge(path, after, LINE.zone))
    nothing = timed(lambda: purge.purge(path, after, LINE.zone))
    ours, bare = [], []
    for night in range(1, NIGHTS + 1):
        at = after + night * DAY
        ours.append(timed(lambda: purge.purge(path, at, LINE.zone)))  # noqa: B023
        bare.append(timed(lambda: rebuild(path)))
    told("the first purge", first)
    told("a night's purge", statistics.median(ours))
    told("a rebuild", statistics.median(bare))
    told("a purge with nothing to do", nothing)
    ratio = statistics.median(o / b for o, b in zip(ours, bare, strict=True))
    return at_most("a night's purge : a rebuild", ratio, REBUILD_LIMIT)


def copies(folder: Folder, root: Path) -> bool:
    ours = timed(lambda: backup.backup(folder, root / "ours.tar.gz", [], lambda done, total: None))
    bare = timed(lambda: copy(folder.database, root / "plain.db"))
    told("a backup", ours)
    told("SQLite's copy and gzip", bare)
    sizes = [path.stat().st_size >> 20 for path in (root / "ours.tar.gz", root / "plain.db.gz")]
    print(f"  {sizes[0]} MiB, and {sizes[1]} MiB")
    return at_most("a backup : copy and gzip", ours / bare, COPY_LIMIT)


def copy(path: Path, target: Path) -> None:
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as other:
        source.backup(other)
    with open(target, "rb") as plain, gzip.open(f"{target}.gz", "wb", compresslevel=3) as packed:
        shutil.copyfileobj(plain, packed, 1 << 20)


def timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def told(what: str, seconds: float) -> None:
    print(f"  {what:38} {seconds:8.2f} s")


if __name__ == "__main__":
    sys.exit(main())
