"""A caller may hang up at any moment: one row, the right outcome, no channel left."""

import pytest

from decroche.records import kinds

from .conftest import Open
from .lengths import check_lengths
from .live import LiveLine
from .sip import Process

pytestmark = pytest.mark.pbx

# Every caller waits three seconds, because only the overflow queue has agents.
LINE = """
[menu]
default = "visio"
patience = 10
choices = [{ key = "1", queue = "demarches", label = "Un" }]
[queues.demarches]
label = "Démarches"
overflow = "visio"
overflow_after = 3
[queues.visio]
label = "Visio"
"""
AGENTS = [f"agent{number:02}" for number in range(60)]
STEP, STORY = 250, 15_000  # milliseconds
KEY = 3_000  # when "1" is pressed, in the menu
RING = 2_500  # how long a phone rings
EARLY = range(STEP, KEY + 1, STEP)
LATE = range(KEY + STEP, STORY + 1, STEP)


@pytest.fixture(scope="module")
def calls(open_line: Open) -> tuple[LiveLine, list[Process]]:
    """Sixty calls, one for each moment, all at once."""
    line = open_line(LINE, {name: ["visio"] for name in AGENTS}).start()
    line.phones(*AGENTS, answer=RING)
    line.declare(kinds.AVAILABLE, *AGENTS)
    early = line.call(
        ("pause", "[field0]"), ("bye",), calls=len(EARLY), rate=10, rows=tuple(map(str, EARLY))
    )
    late = line.call(
        ("pause", str(KEY)),
        ("key", "1"),
        ("pause", "[field0]"),
        ("bye",),
        calls=len(LATE),
        rate=10,
        rows=tuple(str(moment - KEY) for moment in LATE),
    )
    callers = [early.succeed(40), late.succeed(60)]
    line.until_quiet(calls=60)
    return line, callers


def test_each_hangup_has_one_row_with_the_right_outcome(
    calls: tuple[LiveLine, list[Process]],
) -> None:
    line, callers = calls
    rows = line.calls()
    assert len(rows) == len(EARLY) + len(LATE) == 60
    check_lengths(rows, callers)
    for row in rows:
        assert row["outcome"] == ("answered" if row["answered"] else "abandoned")
        assert row["stage"] == "ended"
        assert row["fellback"] == 0
    bridged = line.cel("""SELECT DISTINCT uniqueid FROM cel WHERE eventtype = 'BRIDGE_ENTER'
        AND channel LIKE 'PJSIP/trunk-%'""")
    talked = {row["call"] for row in rows if row["answered"]}
    assert talked == {row["uniqueid"] for row in bridged}


def test_hangups_fell_into_every_part_of_the_story(
    calls: tuple[LiveLine, list[Process]],
) -> None:
    line, _ = calls
    rows = line.calls()
    greeting = [row for row in rows if not asked(line, row["call"])]
    menu = [row for row in rows if asked(line, row["call"]) and not row["queued"]]
    waiting = [row for row in rows if row["queued"] and not row["rings"]]
    ringing = [row for row in rows if row["rings"] and not row["answered"]]
    talking = [row for row in rows if row["answered"]]
    parts = [greeting, menu, waiting, ringing, talking]
    assert sum(map(len, parts)) == 60
    assert min(map(len, parts)) >= 2
    results = {row["result"] for row in line.rows("SELECT * FROM offers")}
    assert results == {"answered", "cancelled"}


def asked(line: LiveLine, call: str) -> bool:
    return bool(line.rows("SELECT 1 FROM journal WHERE call = ? AND kind = ?", call, kinds.ASKED))


def test_no_agent_is_left_busy(calls: tuple[LiveLine, list[Process]]) -> None:
    line, _ = calls
    states = line.rows("SELECT DISTINCT state, stage, call FROM presence")
    assert states == [{"state": "available", "stage": "idle", "call": None}]
    assert line.channels() == 0
