"""What the line remembers of its agents and callers, with real calls."""

import signal
import subprocess
from collections.abc import Iterator

import pytest

from decroche.records import abilities, kinds
from decroche.records.events import MICRO, now

from .conftest import Open
from .live import LiveLine, until
from .sip import Phones, Process

pytestmark = pytest.mark.pbx

LINE = """
[menu]
default = "accueil"
[agents]
same_helper = 7
same_helper_wait = 15
[queues.accueil]
label = "Accueil"
strategy = "in-order"
ring_time = 5
wrap_up = 0
"""
AGENTS = ("ana", "ben", "cleo")  # in this order; ana's phone rings, the others are picked up
XENIA, YANN, ZOE = "0611111111", "0622222222", "0677777777"


@pytest.fixture(scope="module")
def one(open_line: Open) -> LiveLine:
    line = open_line(LINE, dict.fromkeys(AGENTS, ["accueil"])).start()
    line.phones("ana", answer=None)
    line.phones("ben", "cleo", answer=100, talk=300)
    return line


@pytest.fixture
def line(one: LiveLine) -> Iterator[LiveLine]:
    one.declare(kinds.AWAY, *AGENTS)
    yield one
    one.until_quiet(10)


def call(line: LiveLine, number: str = XENIA, seconds: float = 8) -> list[str]:
    """Somebody calls and stays until the other side hangs up; the agents who rang, in order."""
    before = len(line.calls())
    line.call(("bye-after", str(int(1000 * seconds))), user=number).succeed(40)
    until(lambda: [c for c in line.calls()[before:] if c["ended"]], 5, "the call to be recorded")
    return rang(line, line.calls()[before]["call"])


def rang(line: LiveLine, key: str) -> list[str]:
    rows = line.rows("SELECT agent FROM offers WHERE call = ? ORDER BY rang", key)
    return [row["agent"] for row in rows]


def until_rested(line: LiveLine, agent: str) -> None:
    sql = "SELECT 1 FROM presence WHERE agent = ? AND rest_until < ?"
    until(lambda: line.rows(sql, agent, now()), 20, f"{agent} to have rested")


def agent_list(line: LiveLine) -> str:
    done = subprocess.run(line.command("agent", "list"), capture_output=True, timeout=20)
    return done.stdout.decode()


def presence(line: LiveLine, agent: str) -> tuple[str, str]:
    (row,) = line.rows("SELECT state, by FROM presence WHERE agent = ?", agent)
    return row["state"], row["by"]


def test_an_agent_who_does_not_pick_up_is_paused_the_last_one_never(line: LiveLine) -> None:
    line.declare(kinds.AVAILABLE, "ana", "ben")
    assert call(line) == ["ana", "ben"]
    assert presence(line, "ana") == ("available", "test")
    until_rested(line, "ana")
    assert call(line) == ["ana", "ben"]
    until(lambda: presence(line, "ana") == ("paused", "missed"), 3, "ana to be paused")
    until(line.members_equal, 3, "the roster to be equal")
    assert "paused (missed calls)" in agent_list(line)
    assert call(line) == ["ben"]
    line.dial("ana", "*11")
    assert presence(line, "ana") == ("available", "phone")
    line.declare(kinds.AWAY, "ben")
    assert call(line, seconds=17) == ["ana", "ana"]
    assert presence(line, "ana") == ("available", "phone")


def test_who_says_again_that_they_are_there_has_missed_nothing_yet(line: LiveLine) -> None:
    line.declare(kinds.AVAILABLE, "ana", "ben")
    assert call(line) == ["ana", "ben"]
    line.dial("ana", "*11")
    until_rested(line, "ana")
    assert call(line) == ["ana", "ben"]
    until_rested(line, "ana")
    assert presence(line, "ana") == ("available", "phone")


def invites(phones: Phones) -> int:
    log: Process = phones.log
    return len({message.call for message in log.messages("received", "INVITE")})


def test_the_newest_login_wins(line: LiveLine) -> None:
    line.declare(kinds.AVAILABLE, "cleo")
    old = line.phones("cleo", answer=100, talk=300)
    new = line.phones("cleo", answer=100, talk=300)
    before = invites(old), invites(new)
    assert call(line) == ["cleo"]
    assert (invites(old), invites(new)) == (before[0], before[1] + 1)
    assert len(line.pbx.ask("pjsip show contacts").split("Contact:  cleo/")) == 2


def test_a_limit_of_the_day_outlives_a_restart(line: LiveLine) -> None:
    line.declare(kinds.AVAILABLE, "ben")
    sql = "SELECT count(*) AS n FROM offers WHERE agent = 'ben' AND answered IS NOT NULL"
    taken = line.rows(sql)[0]["n"]
    limit = abilities.Wish(limits={"calls_a_day": taken + 1})
    abilities.change(line.folder.database, "ben", limit)
    assert call(line) == ["ben"]
    until(lambda: "available (cap reached)" in agent_list(line), 5, "the list to say so")
    assert call(line) == []
    assert line.calls()[-1]["outcome"] == "refused-empty"
    line.signal(signal.SIGKILL, "flows")
    line.serve("flows")
    assert call(line) == []
    set_ = line.command("agent", "set", "ben", "--calls-a-day", "0")
    subprocess.run(set_, check=True, capture_output=True, timeout=20)
    until(lambda: "cap reached" not in agent_list(line), 5, "the list to say so")
    assert call(line) == ["ben"]


def test_a_caller_gets_the_helper_of_last_time(line: LiveLine) -> None:
    line.declare(kinds.AVAILABLE, "cleo")
    assert call(line, YANN) == ["cleo"]
    line.declare(kinds.AVAILABLE, "ben")
    assert call(line, YANN) == ["ben"]  # cleo has not said that she wants it
    wants = abilities.Wish(same_helper=True)
    abilities.change(line.folder.database, "cleo", wants)
    line.declare(kinds.AWAY, "ben")
    assert call(line, YANN) == ["cleo"]
    line.signal(signal.SIGKILL, "flows")
    line.serve("flows")
    line.declare(kinds.AVAILABLE, "ben")
    assert call(line, YANN) == ["cleo"]
    assert call(line, "0633333333") == ["ben"]
    assert call(line, "anonymous") == ["ben"]
    line.declare(kinds.AWAY, "cleo")
    assert call(line, YANN) == ["ben"]


def test_a_helper_who_does_not_pick_up_is_not_waited_for(line: LiveLine) -> None:
    wants = abilities.Wish(same_helper=True)
    abilities.change(line.folder.database, "cleo", wants)
    line.declare(kinds.AVAILABLE, "cleo")
    assert call(line, ZOE) == ["cleo"]
    mute = line.phones("cleo", answer=None)
    line.declare(kinds.AVAILABLE, "ben")
    assert call(line, ZOE) == ["cleo", "ben"]
    rings = line.rows("SELECT rang, ended FROM offers ORDER BY rang DESC LIMIT 2")
    assert rings[0]["rang"] - rings[1]["ended"] < 3 * MICRO
    mute.stop()


def test_who_never_reached_anybody_goes_first(line: LiveLine) -> None:
    line.declare(kinds.AVAILABLE, "ana")
    busy = line.call(("bye-after", "30000"), user="0644444444")
    until(lambda: line.rows("SELECT 1 FROM presence WHERE stage = 'ringing'"), 5, "ana to ring")
    line.call(("bye-after", "1500"), user="0655555555").succeed(20)
    sql = "SELECT 1 FROM ledger WHERE closed IS NULL AND last = (SELECT max(last) FROM ledger)"
    until(lambda: line.rows(sql), 5, "them to be owed an answer")
    before = len(line.calls())
    first = line.call(("bye-after", "20000"), user="0666666666")
    until(lambda: queued(line, before) == 1, 5, "one to wait")
    again = line.call(("bye-after", "20000"), user="0655555555")
    until(lambda: queued(line, before) == 2, 5, "two to wait")
    line.declare(kinds.AVAILABLE, "ben")
    for caller in (again, first, busy):
        caller.succeed(40)
    until(lambda: all(c["answered"] for c in line.calls()[before:]), 5, "both to be recorded")
    came_first, came_again = line.calls()[before:]
    assert came_again["answered"] < came_first["answered"]


def queued(line: LiveLine, before: int) -> int:
    return sum(bool(call["queued"]) for call in line.calls()[before:])
