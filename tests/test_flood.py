"""Two hundred calls at ten a second into twenty agents, counted from Asterisk's own record."""

import time
from collections import Counter

import pytest

from decroche.records import kinds, rebuild

from .conftest import Open
from .live import LiveLine

pytestmark = pytest.mark.pbx

LINE = """
[menu]
default = "demarches"
[queues.demarches]
label = "Démarches"
wrap_up = 0
ring_time = 5
"""
AGENTS = [f"agent{number:02}" for number in range(20)]
PATIENT, HASTY = 180, 20


@pytest.fixture(scope="module")
def line(open_line: Open) -> LiveLine:
    """The line after the flood: 18 agents talk a second, one rejects, one does not answer."""
    line = open_line(LINE, {name: ["demarches"] for name in AGENTS}).start()
    line.phones(*AGENTS[:18], answer=300, talk=900)
    line.phones(AGENTS[18], reject="486 Busy Here")
    line.phones(AGENTS[19], answer=None)
    line.declare(kinds.AVAILABLE, *AGENTS)
    began = time.monotonic()
    callers = line.call(calls=PATIENT, rate=9, user="0145000000")
    hasty = line.call(("pause", "400"), ("bye",), calls=HASTY, rate=1, user="0145000001")
    callers.succeed(90)
    hasty.succeed(90)
    assert time.monotonic() - began < 60, "the line did not keep up"
    line.until_quiet(calls=PATIENT + HASTY)
    return line


def busy(line: LiveLine) -> list[tuple[str, str, str]]:
    """(agent, event, channel) of the agents' channels in the order of Asterisk's record."""
    rows = line.cel("""SELECT * FROM cel WHERE eventtype IN ('CHAN_START', 'HANGUP')
        AND channel LIKE 'PJSIP/agent%' ORDER BY rowid""")
    return [(row["channel"][6:13], row["eventtype"], row["uniqueid"]) for row in rows]


def test_no_agent_is_rung_while_ringing_or_talking(line: LiveLine) -> None:
    at_work: dict[str, str] = {}
    for agent, event, channel in busy(line):
        if event == "CHAN_START":
            assert agent not in at_work, f"{agent} was rung while busy"
            at_work[agent] = channel
        else:
            assert at_work.pop(agent) == channel
    assert not at_work
    rung = {agent for agent, _, _ in busy(line)}
    assert rung == set(AGENTS), "everybody had a share"


def test_every_call_is_accounted_for(line: LiveLine) -> None:
    callers = "channel LIKE 'PJSIP/trunk-%'"
    arrived = {row["uniqueid"] for row in line.arrivals()}
    sql = f"SELECT DISTINCT uniqueid FROM cel WHERE eventtype = ? AND {callers}"
    ended = {row["uniqueid"] for row in line.cel(sql, "HANGUP")}
    talked = {row["uniqueid"] for row in line.cel(sql, "BRIDGE_ENTER")}
    assert len(arrived) == PATIENT + HASTY
    assert ended == arrived
    assert len(talked) == PATIENT
    assert line.cel(sql, kinds.FELL_BACK) == []

    rows = line.calls()
    assert {row["call"] for row in rows} == arrived
    assert Counter(row["outcome"] for row in rows) == {"answered": PATIENT, "abandoned": HASTY}
    answered = {row["call"] for row in rows if row["outcome"] == "answered"}
    assert answered == talked


def test_every_ring_is_accounted_for(line: LiveLine) -> None:
    rings = Counter(agent for agent, event, _ in busy(line) if event == "CHAN_START")
    offers = line.rows("SELECT * FROM offers")
    assert Counter(offer["agent"] for offer in offers) == rings
    assert all(offer["ended"] for offer in offers)
    results = Counter(offer["result"] for offer in offers)
    wanted = {"answered": PATIENT, "rejected": rings[AGENTS[18]], "missed": rings[AGENTS[19]]}
    assert results == wanted
    assert sum(row["rings"] for row in line.calls()) == len(offers)
    states = line.rows("SELECT DISTINCT stage, call FROM presence")
    assert states == [{"stage": "idle", "call": None}]


def test_the_journal_tells_the_same_again(line: LiveLine) -> None:
    line.stop_services("recorder")
    live = rebuild.projections(line.folder.database)
    rebuild.rebuild(line.folder.database)
    assert rebuild.projections(line.folder.database) == live
