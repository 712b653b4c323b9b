"""Nine o'clock: 2,500 people on the books, 100 on line, everybody calls: `./run bench nine`.

1. 2,500 agents are imported and put in force; 100 of them are available.
2. 300 callers are in the menu at once.
3. 10 calls a second for a minute.

Nobody may be lost. What is measured: from the end of the menu to the ring of a phone that is free,
and the memory of each process. Exit code 1 when a limit is missed. Takes some three minutes.
"""

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from _lines import (
    DID,
    BenchLine,
    at_least,
    at_most,
    bench_line,
    cpu_seconds,
    declare,
    end,
    percentile,
    service,
    start,
    wait_until,
)
from _sipp import call, caller, phones

from decroche.records import kinds, schema

PEOPLE, ON_LINE = 2_500, 100
CROWD, CROWD_RATE = 300, 60
MENU_MS = 9_000  # a caller of the crowd listens to the greeting and the menu before they choose
RATE, SECONDS = 10, 60
TALK_MS = 4_000
HOTLINE = """
[menu]
default = "demarches"
patience = 8
choices = [{ key = "1", queue = "demarches", label = "Vos démarches" }]
[queues.demarches]
label = "Démarches"
wrap_up = 0
[queues.visio]
label = "Visio"
"""
PARTS = ("flows", "recorder", "dashboard")
OURS_MB = 250
P99_MS = 200


def names(count: int) -> list[str]:
    return [f"v{number:04}" for number in range(count)]


def decroche(line: BenchLine, *words: str) -> float:
    """Type a command; returns how long it took."""
    began = time.monotonic()
    command = [str(Path(sys.executable).with_name("decroche")), "--dir", str(line.folder.root)]
    done = subprocess.run([*command, *words], capture_output=True, text=True, timeout=300)
    if done.returncode:
        sys.exit(f"decroche {' '.join(words)}: {done.stderr}")
    return time.monotonic() - began


def import_people(line: BenchLine) -> None:
    rows = "".join(f"{name},Volunteer {name},demarches\n" for name in names(PEOPLE))
    decroche(line, "init", str(line.folder.root))  # the tables of the page
    file = line.folder.root / "volunteers.csv"
    file.write_text(f"name,label,queues\n{rows}", "utf-8")
    print(f"  import of {PEOPLE}: {decroche(line, 'agent', 'import', str(file)):.1f} s")
    print(f"  apply: {decroche(line, 'apply'):.1f} s")
    contact = "[{0}](+type=aor)\nqualify_frequency = 0\ncontact = sip:{0}@127.0.0.1:{1}\n"
    lines = [contact.format(name, line.phones) for name in names(ON_LINE)]
    with open(line.folder.etc / "pjsip.conf", "a", encoding="utf-8") as pjsip:
        pjsip.write("\n" + "".join(lines))
    line.pbx.ask("module reload res_pjsip.so")


@contextmanager
def serving(line: BenchLine) -> Iterator[dict[str, int]]:
    """Each part as a process of its own, as the systemd units run them: name -> pid."""
    ports = {"flows": line.hotline.network.agi, "dashboard": line.hotline.network.page}
    command = [str(Path(sys.executable).with_name("decroche")), "--dir", str(line.folder.root)]
    with ExitStack() as stack:
        pids = {}
        for part in ("recorder", "flows", "dashboard"):
            port = ports.get(part, line.hotline.network.ami)
            pids[part] = stack.enter_context(service([*command, "serve", part], line.folder, port))
        declare(line.folder, names(ON_LINE), kinds.AVAILABLE)
        wait_until(lambda: members(line) == ON_LINE, 30, "the roster")
        yield pids


def members(line: BenchLine) -> int:
    return line.pbx.ask("queue show demarches").count("(dynamic)")


def megabytes(pid: int) -> float:
    """What a process adds to the memory in use (PSS, proc(5))."""
    for text in Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines():
        if text.startswith("Pss:"):
            return int(text.split()[1]) / 1024
    return 0.0


class Watch(threading.Thread):
    """Looks four times a second how many are in the menu; the most that there were."""

    def __init__(self, line: BenchLine) -> None:
        super().__init__(daemon=True)
        self._connection = schema.reader(line.folder.database)
        self.most = 0
        self.over = threading.Event()

    def run(self) -> None:
        sql = "SELECT count(*) FROM calls WHERE stage IN ('greeting', 'menu') AND ended IS NULL"
        while not self.over.wait(0.25):
            self.most = max(self.most, int(self._connection.execute(sql).fetchone()[0]))
        self._connection.close()


def wave(
    line: BenchLine, calls: int, rate: float, key_after_ms: int
) -> tuple[int, int, list[float]]:
    """Place calls; returns (not answered, most in the menu at once, seconds until rings)."""
    watch, since = Watch(line), newest(line)
    watch.start()
    result = call(line.folder.root, caller(DID, "1", key_after_ms), line.sip, calls, rate, calls)
    wait_until(lambda: line.pbx.calls() == 0, 30, "the end of all calls")
    wait_until(lambda: ended(line, since) >= calls, 30, "the record")
    watch.over.set()
    watch.join(5)
    fates = outcomes(line, since)
    print(f"  {calls} calls at {rate}/s: {dict(fates)}, {watch.most} in the menu at once")
    return max(result.failed, calls - fates["answered"]), watch.most, rings(line, since)


def query(line: BenchLine, sql: str, *values: object) -> list[tuple[object, ...]]:
    with closing(schema.reader(line.folder.database)) as connection:
        return [tuple(row) for row in connection.execute(sql, values)]


def newest(line: BenchLine) -> int:
    return int(str(query(line, "SELECT coalesce(max(number), 0) FROM calls")[0][0]))


def ended(line: BenchLine, since: int) -> int:
    sql = "SELECT count(*) FROM calls WHERE number > ? AND ended IS NOT NULL"
    return int(str(query(line, sql, since)[0][0]))


def outcomes(line: BenchLine, since: int) -> Counter[str]:
    """Outcome -> calls; one that went by the fallback is named so, whatever became of it."""
    sql = "SELECT CASE WHEN fellback THEN 'fellback' ELSE outcome END FROM calls WHERE number > ?"
    return Counter(str(row[0]) for row in query(line, sql, since))


def rings(line: BenchLine, since: int) -> list[float]:
    """Seconds from the wait's beginning to the first ring, of calls for whom somebody was free."""
    sql = """SELECT (min(o.rang) - c.queued) / 1e6 FROM calls c JOIN offers o ON o.call = c.call
        WHERE c.number > ? GROUP BY c.call"""
    return [float(str(row[0])) for row in query(line, sql, since)]


def memory(line: BenchLine, pids: dict[str, int]) -> float:
    """Print what each process holds; returns the sum of ours."""
    ours = {part: megabytes(pid) for part, pid in pids.items()}
    for part, size in ours.items():
        print(f"  {part:10} {size:6.0f} MB  {cpu_seconds(pids[part]):6.1f} s of CPU")
    print(f"  {'Asterisk':10} {megabytes(line.pid):6.0f} MB  {cpu_seconds(line.pid):6.1f} s of CPU")
    return sum(ours.values())


def report(lost: int, most: int, waits: Sequence[float], ours: float) -> bool:
    p50, p99 = percentile(waits, 50) * 1000, percentile(waits, 99) * 1000
    print(f"  phone rings after p50 {p50:.0f} ms, p99 {p99:.0f} ms")
    good = at_most("calls lost", lost, 0)
    good &= at_least("callers in the menu at once", most, CROWD * 0.95)
    good &= at_most("a phone rings, p99", p99, P99_MS, " ms")
    return good & at_most("memory of our processes", ours, OURS_MB, " MB")


def main() -> int:
    began = start("nine o'clock")
    with bench_line(HOTLINE) as line:
        import_people(line)
        talk = phones(line.folder.root, TALK_MS, line.sip, line.phones)
        with talk, serving(line) as pids:
            crowd, most, _ = wave(line, CROWD, CROWD_RATE, MENU_MS)
            minute, _, waits = wave(line, RATE * SECONDS, RATE, 3_000)
            ours = memory(line, pids)
    return end(began, report(crowd + minute, most, waits, ours))


if __name__ == "__main__":
    sys.exit(main())
