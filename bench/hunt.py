"""Our hunt against Asterisk's plain Dial() and its own Queue(): `./run bench hunt`.

The same callers, agents, talks and Asterisk settings in all three; only who decides whom to ring
differs. Exit code 1 when a limit is missed. Takes under two minutes.
"""

import statistics
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from _cel import Cel, Phone, Story, steady_rate
from _lines import (
    DID,
    SILENT_LINE,
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
from _sipp import Result, call, caller, phones

from decroche.records import kinds

AGENTS = [f"a{number}" for number in range(10, 60)]
FEW = AGENTS[:5]
TALK_MS = 100  # under load
LONG_TALK_MS = 1000  # in the backlog
SECONDS = 12  # of offered calls: in all at 160/s, and half of it at 220/s
ROUNDS = 5  # in turn at 160/s
LINES = 200  # calls that the trunk carries at once; 220 calls/s need 140 of them

# Answered first, as our hunt does it, and with the options that our hunt and fallback use.
DIALPLAN = """
[from-street](+)
exten => dial,1,Answer()
 same => n,Dial(PJSIP/a${RAND(10,59)},20,mgiI)
 same => n,Hangup()
exten => queue,1,Answer()
 same => n,Queue(line,i,,,900)
 same => n,Hangup()
"""
NUMBERS = {"Dial()": "dial", "hunt": DID, "Queue()": "queue"}


@dataclass(frozen=True)
class Run:
    """One variant at one rate. Times are seconds."""

    result: Result
    stories: Sequence[Story]
    cpu: float  # of Asterisk
    ours: float  # of our service

    @property
    def answered(self) -> list[Story]:
        return [s for s in self.stories if s.answered and not s.fell_back]

    @property
    def failed(self) -> int:
        """Calls that no agent answered, or not by the way that is measured."""
        return self.result.ended + self.result.failed - len(self.answered)

    @property
    def cpu_per_call(self) -> float:
        """Milliseconds of Asterisk's CPU for one answered call."""
        return self.cpu * 1000 / max(1, len(self.answered))

    @property
    def rate(self) -> float:
        """Answered calls per second in the middle of the run."""
        return steady_rate([story.ended for story in self.answered])

    def wait(self, rank: float) -> float:
        """Seconds from arrival to an agent in the bridge."""
        return percentile([s.answered - s.arrived for s in self.answered] or [0], rank)


class Bench:
    """The variants on one line."""

    def __init__(self, line: BenchLine) -> None:
        self.line = line
        self.cel = Cel(line.folder.cel)

    @contextmanager
    def prepared(self, variant: str, agents: Sequence[str]) -> Iterator[int]:
        """What a variant needs besides Asterisk; the pid of our service, 0 without one."""
        with ExitStack() as stack:
            pid = 0
            if variant == "hunt":
                pid = stack.enter_context(self._flows(agents))
            elif variant == "Queue()":
                self._members(agents)
            yield pid

    @contextmanager
    def _flows(self, agents: Sequence[str]) -> Iterator[int]:
        away = [agent for agent in AGENTS if agent not in agents]
        declare(self.line.folder, agents, kinds.AVAILABLE)
        declare(self.line.folder, away, kinds.AWAY)
        command = [str(Path(sys.executable).with_name("decroche")), "--dir"]
        command += [str(self.line.folder.root), "serve", "flows"]
        with service(command, self.line.folder, self.line.hotline.network.agi) as pid:
            # The roster in app_queue is equal: our service knows the phones.
            wait_until(lambda: self._present() == len(agents), 20, "the roster")
            yield pid

    def _members(self, agents: Sequence[str]) -> None:
        for agent in AGENTS:
            word = "add member PJSIP/{0} to line penalty 0 as {0} state_interface PJSIP/{0}"
            if agent not in agents:
                word = "remove member PJSIP/{0} from line"
            self.line.pbx.ask("queue " + word.format(agent))
        wait_until(lambda: self._present() == len(agents), 5, "the members")

    def _present(self) -> int:
        return self.line.pbx.ask("queue show line").count("PJSIP/")

    def run(
        self, variant: str, agents: Sequence[str], talk_ms: int, calls: int, rate: float, most: int
    ) -> Run:
        folder, line = self.line.folder.root, self.line
        with (
            self.prepared(variant, agents) as service_pid,
            phones(folder, talk_ms, line.sip, line.phones),
        ):
            self.cel.mark()
            before, ours = cpu_seconds(line.pid), cpu_seconds(service_pid) if service_pid else 0
            result = call(folder, caller(NUMBERS[variant]), line.sip, calls, rate, most)
            self.cel.wait_for(calls, 15)
            used = cpu_seconds(line.pid) - before
            ours = cpu_seconds(service_pid) - ours if service_pid else 0
            wait_until(lambda: line.pbx.calls() == 0, 30, "the end of all calls")
        return Run(result, self.cel.stories(), used, ours)


def main() -> int:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    began = start("hunt")
    with bench_line(SILENT_LINE, AGENTS, {"extensions.conf": DIALPLAN}) as line:
        bench = Bench(line)
        bench.run("Dial()", AGENTS, TALK_MS, 100, 100, LINES)  # warms up
        good = bench_rates(bench, seconds)
        good &= bench_backlog(bench, 5 * seconds)
    return end(began, good)


def bench_rates(bench: Bench, seconds: int) -> bool:
    """At 160/s in turn, so that what disturbs the machine disturbs neighbours alike; then once
    at 220/s."""
    turns = [bench_rate(bench, 160, seconds // ROUNDS) for _ in range(ROUNDS)]
    ratio = statistics.median(
        turn["hunt"].cpu_per_call / turn["Queue()"].cpu_per_call for turn in turns
    )
    later = statistics.median(turn["hunt"].wait(99) - turn["Dial()"].wait(99) for turn in turns)
    good = at_most("Asterisk's CPU per call, hunt : Queue(), at 160/s", ratio, 1.0)
    good &= at_most("p99 to answer, hunt after Dial(), at 160/s", later * 1000, 60, " ms")
    dial, hunt, queue = bench_rate(bench, 220, seconds // 2).values()
    good &= at_least("calls/s, hunt : Dial(), at 220/s", hunt.rate / dial.rate, 0.95)
    print(f"    (Queue() : Dial() {queue.rate / dial.rate:.3g})")
    return good & at_most("failed calls, hunt, at 220/s", hunt.failed, 0)


def bench_rate(bench: Bench, rate: int, seconds: int) -> dict[str, Run]:
    """Each variant once at a rate."""
    print(f"{rate} calls/s offered, {len(AGENTS)} agents, talk {TALK_MS} ms")
    print(f"  {'':8} {'calls/s':>8} {'failed':>7} {'p50 ms':>7} {'p99 ms':>7}", end="")
    print(f" {'Asterisk ms/call':>17} {'ours ms/call':>13}")
    runs = {}
    for variant in NUMBERS:
        run = runs[variant] = bench.run(variant, AGENTS, TALK_MS, rate * seconds, rate, LINES)
        print(f"  {variant:8} {run.rate:8.1f} {run.failed:7}", end="")
        print(f" {run.wait(50) * 1000:7.1f} {run.wait(99) * 1000:7.1f}", end="")
        ours = run.ours * 1000 / max(1, len(run.answered))
        print(f" {run.cpu_per_call:17.2f} {ours:13.2f}", flush=True)
    return runs


def bench_backlog(bench: Bench, calls: int) -> bool:
    """Thirty always wait for five agents: how much of the agents' time is talk?"""
    print(f"backlog: {len(FEW)} agents, 30 waiting, talk {LONG_TALK_MS} ms, {calls} calls")
    print(f"  {'':8} {'of ideal':>9} {'free to ring, p50 ms':>21} {'p99 ms':>8}")
    efficiency, gaps = {}, {}
    for variant in ("hunt", "Queue()"):
        run = bench.run(variant, FEW, LONG_TALK_MS, calls, 100, 30 + len(FEW))
        efficiency[variant] = ideal(bench.cel.phones(), run.answered, LONG_TALK_MS / 1000)
        gaps[variant] = [1000 * gap for gap in rests(bench.cel.phones(), run.answered)]
        p50, p99 = (percentile(gaps[variant], rank) for rank in (50, 99))
        print(f"  {variant:8} {efficiency[variant]:9.3f} {p50:21.1f} {p99:8.1f}", flush=True)
    good = at_least("throughput of the backlog, hunt : ideal", efficiency["hunt"], 0.97)
    return good & at_most(
        "agent free until the next phone rings, p99", percentile(gaps["hunt"], 99), 50, " ms"
    )


def ideal(found: dict[str, Phone], answered: Sequence[Story], talk: float) -> float:
    """The part of the agents' time that is talk, from the first ring to the last that found
    somebody waiting: 1 is a phone that rings again in the instant in which it is free."""
    last = max(story.answered for story in answered) - talk
    talked = spent = 0.0
    for phone in found.values():
        rings = [at for at, what in phone.events if what == "rang" and at <= last]
        talked += (len(rings) - 1) * talk
        spent += rings[-1] - rings[0]
    return talked / spent


def rests(found: dict[str, Phone], answered: Sequence[Story]) -> list[float]:
    """Seconds from the end of a talk to the next ring of the same phone, while somebody waits."""
    last = max(story.answered for story in answered)
    gaps = []
    for phone in found.values():
        for (at, what), (then, after) in zip(phone.events, phone.events[1:], strict=False):
            if (what, after) == ("free", "rang") and then <= last:
                gaps.append(then - at)
    return gaps


if __name__ == "__main__":
    sys.exit(main())
