"""The menu flow over FastAGI against a bare dialplan: `./run bench flow`.

Both answer, say the same greeting and the same menu, take the same key and hang up. There are
always CALLERS at once, so what comes out is what the machine sustains. The same flow as a plain
AGI executable (one process per call) is shown beside it. Exit code 1 when a limit is missed.
Takes about a minute and a half.
"""

import asyncio
import statistics
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from _cel import Cel, steady_rate
from _lines import (
    DID,
    BenchLine,
    at_least,
    at_most,
    bench_line,
    cpu_seconds,
    end,
    faults_of_children,
    service,
    start,
    wait_until,
)
from _sipp import call, caller

from decroche.agi import flow
from decroche.agi.call import AgiChannel
from decroche.agi.channel import Channel
from decroche.agi.fastagi import FastAgi
from decroche.agi.line import Line, Who
from decroche.agi.message import turn_away
from decroche.agi.notes import Notes
from decroche.agi.promise import promise
from decroche.hotline import load
from decroche.records import kinds, schema, secrets
from decroche.records.folder import Folder
from decroche.records.journal import Journal

SUSTAINED, CPU = 0.85, 0.35
CALLERS = 400  # at once
CALLS = 2400  # in one round
ROUNDS = 2
KEY_AFTER_MS = 1500  # after the answer: Asterisk waits up to 0.5 s for sound, then greets
AGI_CALLS, AGI_RATE = 40, 4

HOTLINE = """
[menu]
default = "line"
choices = [{ key = "1", queue = "line", label = "Line" }]
[queues.line]
label = "Line"
[prompts]
greeting = "Oui."
menu = "Tapez un, tapez deux, ou ne faites rien."
wait = ""
still = ""
closed = ""
nobody = ""
too-long = ""
"""
DIALPLAN = """
[from-street](+)
exten => bare,1,Answer()
 same => n,Playback(@sounds@/greeting)
 same => n,Read(KEY,@sounds@/menu,1,,1,5)
 same => n,GotoIf($["${KEY}" = "1"]?chosen)
 same => n,Hangup(21)
 same => n(chosen),Hangup(16)
exten => process,1,AGI(@root@/flow.sh)
 same => n,Hangup(16)
"""


@dataclass(frozen=True)
class Run:
    """One variant. CPU is in milliseconds per call, ``rate`` in calls per second."""

    rate: float
    asterisk: float
    ours: float
    failed: int
    forked: int  # page faults of child processes that ended: 0 when none was forked


def serve(root: Path) -> None:
    """The flow alone, as a service: after the key the caller's story is over."""
    asyncio.run(_serve(Folder(root)))


async def _serve(folder: Folder) -> None:
    async def over(channel: Channel, line: Line, queue: str, who: Who) -> None:
        await flow.finish(channel)

    key = secrets.load(folder.secrets).token_key
    hotline, prompts = load(folder.applied), folder.prompts.absolute()
    async with Journal(folder.database) as journal:
        line = Line(hotline, prompts, key, lambda name: False, journal.append)
        notes = Notes(journal.submit)

        async def take(channel: AgiChannel) -> None:
            await flow.take(channel, line, over, promise, turn_away)

        await FastAgi({"call": take}, prompts, notes).serve(line.hotline.network.agi)


def measure(line: BenchLine, number: str, pid: int, calls: int, rate: float, most: int) -> Run:
    cel = Cel(line.folder.cel)
    cel.mark()
    after = choices(line)
    pids = [line.pid, pid] if pid else [line.pid]
    before = {one: (cpu_seconds(one), faults_of_children(one)) for one in pids}
    scenario = caller(number, "1", KEY_AFTER_MS)
    result = call(line.folder.root, scenario, line.sip, calls, rate, most)
    cel.wait_for(calls, 20)
    wait_until(lambda: line.pbx.calls() == 0, 20, "the end of all calls")
    used = {one: (cpu_seconds(one) - was[0]) * 1000 / calls for one, was in before.items()}
    forked = sum(faults_of_children(one) - was[1] for one, was in before.items())
    failed = max(result.failed, calls - chosen(line, cel, number, after))
    rate = steady_rate([story.ended for story in cel.stories()])
    return Run(rate, used[line.pid], used[pid] if pid else 0, failed, forked)


def chosen(line: BenchLine, cel: Cel, number: str, before: int) -> int:
    """Calls whose key was understood, by the record of each variant."""
    if number == DID:
        return choices(line) - before
    event, extra = ("HANGUP", '*"hangupcause":16*') if number == "bare" else (kinds.CHOSE, "*")
    return cel.count(event, "PJSIP/trunk-*", extra)


def choices(line: BenchLine) -> int:
    """How many choices the journal knows."""
    with closing(schema.reader(line.folder.database)) as connection:
        sql = "SELECT count(*) FROM journal WHERE kind = ?"
        return int(connection.execute(sql, (kinds.CHOSE,)).fetchone()[0])


def through_process(line: BenchLine) -> Run:
    """The same flow with one process per call, at a rate that it can bear."""
    script = line.folder.root / "flow.sh"
    door = Path(sys.executable).with_name("decroche-agi")
    script.write_text(f"#!/bin/sh\nDECROCHE_DIR={line.folder.root} exec {door} call\n", "ascii")
    script.chmod(0o700)
    return measure(line, "process", 0, AGI_CALLS, AGI_RATE, AGI_CALLS)


def show(name: str, run: Run) -> None:
    print(f"  {name:24} {run.rate:8.1f} {run.failed:7} {run.asterisk:17.2f}", end="")
    print(f" {run.ours:13.2f} {'yes' if run.forked else 'no':>7}", flush=True)


def main() -> int:
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else CALLS
    began = start("flow")
    runs: dict[str, list[Run]] = {"bare dialplan": [], "flow over FastAGI": []}
    print(f"{CALLERS} callers at once, {calls} calls a round")
    print(f"  {'':24} {'calls/s':>8} {'failed':>7} {'Asterisk ms/call':>17}", end="")
    print(f" {'ours ms/call':>13} {'forks':>7}")
    with bench_line(HOTLINE, more={"extensions.conf": DIALPLAN}) as line:
        command = [sys.executable, __file__, "--serve", str(line.folder.root)]
        measure(line, "bare", 0, 100, 100, 100)  # warms up
        for _ in range(ROUNDS):
            runs["bare dialplan"].append(measure(line, "bare", 0, calls, 1000, CALLERS))
            show("bare dialplan", runs["bare dialplan"][-1])
            with service(command, line.folder, line.hotline.network.agi) as pid:
                runs["flow over FastAGI"].append(measure(line, DID, pid, calls, 1000, CALLERS))
            show("flow over FastAGI", runs["flow over FastAGI"][-1])
        show(f"a process each, {AGI_RATE}/s", through_process(line))
    return end(began, report(*runs.values()))


def report(bare: list[Run], flows: list[Run]) -> bool:
    ratio = statistics.median(run.rate for run in flows) / statistics.median(
        run.rate for run in bare
    )
    good = at_least("sustained calls/s, flow : bare dialplan", ratio, SUSTAINED)
    cpu = statistics.median(run.ours / run.asterisk for run in flows)
    good &= at_most("CPU, our service : Asterisk", cpu, CPU)
    return good & at_most("page faults of forked processes", sum(r.forked for r in flows), 0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(Path(sys.argv[2]))
    else:
        sys.exit(main())
