"""Whoever dies, every call is in the record exactly once, with the end that it had.

Against a real Asterisk: the recorder is stopped or killed while people call, Asterisk is
killed while they are in the menu, wait, ring and talk.
"""

import json
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from decroche.asterisk import line as lines
from decroche.records import kinds

from .conftest import Open
from .lengths import check_arrivals, check_lengths
from .live import LiveLine, until

pytestmark = pytest.mark.pbx

LINE = """
[menu]
default = "demarches"
patience = 1
repeat = 1
choices = [{ key = "1", queue = "demarches", label = "Démarches" }]
[queues.demarches]
label = "Démarches"
wrap_up = 0
ring_time = 15
"""
AGENTS = [f"agent{number:02}" for number in range(20)]
# When callers hang up if nobody else has, milliseconds: in the greeting, the menu, the wait.
HASTY, PATIENT = (300, 700, 1200, 1800, 2300), (9000,) * 5
EACH, RATE = 50, 2.5  # calls of each, and how many a second
DAY = EACH * len(HASTY + PATIENT)
TALK = 400  # milliseconds


@pytest.fixture
def line(open_line: Open) -> Iterator[LiveLine]:
    made = open_line(LINE, {name: ["demarches"] for name in AGENTS}).start()
    yield made
    made.end()


def gaps(line: LiveLine) -> list[dict[str, Any]]:
    rows = line.rows("SELECT body FROM journal WHERE kind = ? ORDER BY seq", kinds.GAP)
    return [json.loads(row["body"]) for row in rows]


def holds(line: LiveLine) -> None:
    """Every invariant of the record."""
    findings = list(lines.check(line.folder, lambda done, total: None))
    assert len(findings) == 8
    assert [finding for finding in findings if finding.problem] == []


def test_a_day_that_nobody_recorded_is_complete(line: LiveLine) -> None:
    """500 calls, answered and abandoned at every moment, while there is no recorder."""
    line.phones(*AGENTS, talk=TALK)
    line.declare(kinds.AVAILABLE, *AGENTS)
    line.signal(signal.SIGKILL, "recorder")
    day = [
        line.call(("bye-after", str(patience)), calls=EACH, rate=RATE)
        for patience in HASTY + PATIENT
    ]
    for callers in day:
        callers.succeed(90)
    until(lambda: not line.channels(), 5, "no channel left")

    began = time.monotonic()
    line.serve("recorder")
    until(lambda: line.recorded(DAY), 5, "the day in the record")
    until(lambda: gaps(line), 5, "the gap to be said")
    took = time.monotonic() - began
    assert took < 5

    rows = line.calls()
    assert len(rows) == DAY
    check_lengths(rows, day)
    bridged = line.cel("SELECT DISTINCT linkedid FROM cel WHERE eventtype = 'BRIDGE_ENTER'")
    answered = {row["call"] for row in rows if row["outcome"] == "answered"}
    assert answered == {row["linkedid"] for row in bridged}
    assert {row["outcome"] for row in rows} == {"answered", "abandoned"}
    assert len(gaps(line)) == 1
    assert gaps(line)[0]["events"] > DAY
    assert line.rows("SELECT count(*) AS n FROM presence WHERE stage <> 'idle'")[0]["n"] == 0
    holds(line)


def test_asterisk_dies_with_calls_in_every_state(line: LiveLine) -> None:
    """The recorder saw it happen: what was open is interrupted, at that moment."""
    before, killed = in_every_state(line)
    line.pbx.start()
    until(lambda: line.connected("recorder"), 5, "the recorder to be back")
    until(lambda: gaps(line), 5, "the gap to be said")
    rows = line.calls()
    assert len(rows) == before
    assert {row["outcome"] for row in rows} == {"interrupted", "answered"}
    for row in rows:
        assert row["ended"] / 1e6 == pytest.approx(killed, abs=1)
        assert (row["outcome"] == "answered") == bool(row["answered"])
    serves_again(line, before)


def test_asterisk_and_the_recorder_die_together(line: LiveLine) -> None:
    """Nobody saw it happen: the last that Asterisk wrote down is the last that is known."""
    line.signal(signal.SIGKILL, "recorder")
    before, killed = in_every_state(line, recorded=False)
    line.pbx.start()
    time.sleep(1)
    line.serve("recorder")
    until(lambda: gaps(line), 5, "the gap to be said")
    rows = line.calls()
    assert len(rows) == before
    for row in rows:
        assert row["stage"] == "ended"
        assert killed - 6 < row["ended"] / 1e6 <= killed + 0.1
    serves_again(line, before)


def test_a_connection_that_is_cut_again_and_again_loses_nothing(line: LiveLine) -> None:
    """Asterisk throws the recorder out every now and then, while people call and are answered."""
    line.phones(*AGENTS, talk=TALK)
    line.declare(kinds.AVAILABLE, *AGENTS)
    callers = [
        line.call(("bye-after", str(patience)), calls=20, rate=2) for patience in (700, 1800, 9000)
    ]
    cuts = 0
    while any(caller.process.poll() is None for caller in callers):
        line.pbx.ask(f"manager kick session {recorders_session(line)}")
        cuts += 1
        until(lambda: len(gaps(line)) == cuts, 5, "the recorder to be back")  # noqa: B023
        time.sleep(0.3)
    assert cuts >= 5
    for caller in callers:
        caller.succeed(5)
    line.until_quiet(calls=60)
    rows = line.calls()
    assert len(rows) == 60
    check_lengths(rows, callers)
    assert {row["outcome"] for row in rows} == {"answered", "abandoned"}
    assert len(gaps(line)) >= cuts
    holds(line)


def test_a_flow_that_hears_of_a_call_late_writes_down_when_it_came(line: LiveLine) -> None:
    """There is no recorder, and the flows stand still while somebody calls."""
    line.signal(signal.SIGKILL, "recorder")
    line.signal(signal.SIGSTOP, "flows")
    caller = line.call(("bye-after", "500"))
    began = "SELECT eventtime FROM cel WHERE eventtype = 'CHAN_START'"
    try:
        until(lambda: line.cel(began), 5, "the call to come")
        time.sleep(1)
    finally:
        line.signal(signal.SIGCONT, "flows")
    caller.succeed(20)
    until(lambda: not line.channels(), 5, "no channel left")
    assert line.rows("SELECT 1 FROM journal WHERE kind = ?", kinds.ARRIVED), "by the flows"
    line.serve("recorder")
    line.until_quiet(10, calls=1)
    check_arrivals(line)
    holds(line)


def recorders_session(line: LiveLine) -> str:
    """The number by which Asterisk knows the recorder's connection."""
    for text in line.pbx.ask("manager show connected").splitlines():
        words = text.split()
        if words[:1] == ["recorder"]:
            return words[4]  # user, address, start, elapsed, file descriptor
    raise AssertionError("the recorder is not connected")


def test_an_asterisk_that_freezes_and_comes_back_loses_no_call(line: LiveLine) -> None:
    line.phones("agent00", "agent01", talk=9_000)
    line.declare(kinds.AVAILABLE, "agent00", "agent01")
    callers = line.call(("bye-after", "60000"), calls=2, rate=10)
    until(lambda: [row["stage"] for row in line.calls()] == ["talking"] * 2, 15, "two talks")
    pid = line.pbx.pid()
    assert pid
    os.kill(pid, signal.SIGSTOP)
    try:
        lost = "SELECT count(*) AS n FROM journal WHERE kind = ?"
        until(lambda: line.rows(lost, kinds.PBX_LOST)[0]["n"], 10, "the recorder to notice")
    finally:
        os.kill(pid, signal.SIGCONT)
    until(lambda: gaps(line), 5, "the recorder to be back")
    callers.succeed(60)
    line.until_quiet(10, calls=2)
    assert [row["outcome"] for row in line.calls()] == ["answered"] * 2
    holds(line)


def in_every_state(line: LiveLine, recorded: bool = True) -> tuple[int, float]:
    """Two talk, one rings, two wait, one hears the menu; then Asterisk is killed.

    Returns how many calls there are, and when that was.
    """
    line.phones("agent00", "agent01", talk=60_000)
    line.declare(kinds.AVAILABLE, "agent00", "agent01")
    line.call(("bye-after", "60000"), calls=2, rate=10)
    talks = "SELECT count(DISTINCT linkedid) AS n FROM cel WHERE eventtype = 'BRIDGE_ENTER'"
    until(lambda: line.cel(talks)[0]["n"] == 2, 15, "two to talk")
    line.phones("agent02", answer=None)
    line.declare(kinds.AVAILABLE, "agent02")
    line.call(("bye-after", "60000"), calls=3, rate=10)
    queued = "SELECT count(*) AS n FROM journal WHERE kind = ?"
    until(lambda: line.rows(queued, kinds.QUEUED)[0]["n"] == 5, 15, "three to ring or wait")
    line.call(("bye-after", "60000"))
    until(lambda: line.rows(queued, kinds.ARRIVED)[0]["n"] == 6, 5, "the last to call")
    time.sleep(0.3)
    if recorded:
        stages = "SELECT stage, count(*) AS n FROM calls GROUP BY stage"
        found = {row["stage"]: row["n"] for row in line.rows(stages)}
        assert found["talking"] == 2
        assert found["ringing"] == 1
        assert found["waiting"] == 2
    pid = line.pbx.pid()
    assert pid
    os.kill(pid, signal.SIGKILL)
    killed = time.time()
    until(lambda: line.pbx.pid() is None, 5, "Asterisk to be gone")
    return 6, killed


def serves_again(line: LiveLine, before: int) -> None:
    """Offers are closed, nobody is busy, and the next caller is answered."""
    assert line.rows("SELECT count(*) AS n FROM offers WHERE ended IS NULL")[0]["n"] == 0
    assert line.rows("SELECT count(*) AS n FROM presence WHERE stage <> 'idle'")[0]["n"] == 0
    for process in line.processes:
        process.stop()
    line.phones("agent03", talk=500)
    line.declare(kinds.AVAILABLE, "agent03")
    line.declare(kinds.AWAY, "agent00", "agent01", "agent02")
    line.call(("until-bye", "20000")).succeed(30)
    until(lambda: line.calls()[-1]["outcome"] == "answered", 5, "the next caller in the record")
    assert len(line.calls()) == before + 1
    holds(line)
