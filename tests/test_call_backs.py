"""Real call-backs: who presses 1 keeps their place, and is called when it is their turn."""

import itertools
import json
import re
import signal
import subprocess
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from decroche.asterisk import line as lines
from decroche.asterisk import rotation
from decroche.hotline import DAYS, Callbacks
from decroche.records import callbacks, kinds, ledger
from decroche.records.events import now

from .conftest import Open
from .live import DID, LiveLine, until
from .sip import Process

pytestmark = pytest.mark.pbx

LINE = """
[menu]
default = "visio"
[queues.visio]
label = "Visio"
wrap_up = 0
ring_time = 5
[callbacks]
number_format = "national"
ring_time = 10
"""
# Long enough for the greeting and "wait"; then the offer is heard.
ASKS = (("pause", "2500"), ("key", "1"), ("until-bye", "10000"))


@pytest.fixture
def line(open_line: Open) -> Iterator[LiveLine]:
    made = open_line(LINE, {name: ["visio"] for name in ("ana", "ben", "chloe")}).start()
    yield made
    made.end()


def promises(line: LiveLine) -> list[dict[str, Any]]:
    return line.rows("SELECT * FROM callbacks ORDER BY since")


def invites(people: Process) -> list[dict[str, str]]:
    """Who was called from outside's view: the number dialled, and the number shown."""
    found = []
    seen = set()
    for message in people.messages("received", "INVITE"):
        if message.call in seen:
            continue
        seen.add(message.call)
        to = re.match(r"INVITE sip:([^@]*)@", message.text)
        sender = re.search(r"^From:.*<sip:([^@]*)@", message.text, re.MULTILINE)
        assert to and sender
        found.append({"to": to[1], "from": sender[1], "text": message.text})
    return found


def holds(line: LiveLine) -> None:
    problems = [one for one in lines.check(line.folder, lambda done, total: None) if one.problem]
    assert problems == []


def test_it_calls_back_who_pressed_one(line: LiveLine) -> None:
    line.phones("ana", talk=None)
    outside = line.outside(answer=300, talk=1500)
    line.declare(kinds.AVAILABLE, "ana")
    line.declare(kinds.PAUSED, "ana")  # there, but nobody is rung
    line.call(*ASKS, user="0655443322").succeed(30)
    line.until_quiet(calls=1)
    (call,) = line.calls()
    assert call["outcome"] == "callback-promised"
    (promise,) = promises(line)
    assert (promise["stage"], promise["queue"]) == ("waiting", "visio")
    assert promise["since"] == call["queued"] or promise["since"] <= call["queued"] + 50_000
    assert line.rows("SELECT attempts FROM ledger WHERE closed IS NULL") == [{"attempts": 1}]

    line.declare(kinds.AVAILABLE, "ana")
    until(lambda: promises(line)[0]["stage"] == "kept", 15, "the promise to be kept")
    (invite,) = invites(outside.log)
    assert (invite["to"], invite["from"]) == ("0655443322", DID)
    assert "ana" not in invite["text"].lower()
    (promise,) = promises(line)
    assert promise["taken_by"] == "ana"
    (entry,) = line.rows("SELECT * FROM ledger")
    assert (entry["reason"], entry["closed_by"]) == ("answered", "ana")
    until(lambda: not line.channels(), 5, "no channel left")
    idle = "SELECT stage FROM presence WHERE agent = 'ana'"
    until(lambda: line.rows(idle) == [{"stage": "idle"}], 5, "ana to be idle")
    assert len(line.calls()) == 1
    holds(line)
    for file in line.folder.root.rglob("*"):
        if file.is_file():
            assert b"655443322" not in file.read_bytes(), file


def test_it_tries_again_when_the_caller_does_not_answer_and_gives_up_in_the_end(
    line: LiveLine,
) -> None:
    """The caller's phone rings in vain; then the line is told to try at once, and at last."""
    line.phones("ana", talk=None)
    outside = line.outside(reject="486 Busy Here")
    line.declare(kinds.AVAILABLE, "ana")
    line.declare(kinds.PAUSED, "ana")
    line.call(*ASKS, user="0655443322").succeed(30)
    line.until_quiet(calls=1)
    line.declare(kinds.AVAILABLE, "ana")
    until(lambda: promises(line)[0]["tries"] == 1, 15, "a first try")
    (promise,) = promises(line)
    assert promise["stage"] == "waiting"
    assert promise["due"] - promise["stage_since"] == 600_000_000  # ten minutes
    assert len(invites(outside.log)) == 1
    holds(line)

    again = line.command("callback", "call", promise["caller"][:8])
    for tries in (2, 3):
        subprocess.run(again, check=True, capture_output=True, timeout=30)
        until(lambda: promises(line)[0]["tries"] == tries, 15, f"try {tries}")  # noqa: B023
    (promise,) = promises(line)
    assert promise["stage"] == "failed"
    assert len(invites(outside.log)) == 3
    assert line.rows("SELECT closed FROM ledger") == [{"closed": None}]  # somebody is still owed
    holds(line)


def test_an_agent_who_does_not_pick_up_costs_the_caller_nothing(line: LiveLine) -> None:
    line.phones("ana", reject="486 Busy Here")
    line.phones("ben", talk=None)
    outside = line.outside(answer=200, talk=500)
    line.declare(kinds.AVAILABLE, "ana", "ben")
    line.declare(kinds.PAUSED, "ana", "ben")
    line.call(*ASKS, user="0655443322").succeed(30)
    line.until_quiet(calls=1)
    line.declare(kinds.AVAILABLE, "ana")
    rang = "SELECT count(*) AS n FROM journal WHERE kind = ?"
    until(lambda: line.rows(rang, kinds.BACK_RANG)[0]["n"] == 1, 10, "ana to be rung")
    until(lambda: promises(line)[0]["stage"] == "waiting", 10, "the promise to wait on")
    assert promises(line)[0]["tries"] == 0
    line.declare(kinds.AVAILABLE, "ben")
    until(lambda: promises(line)[0]["stage"] == "kept", 15, "ben to keep it")
    assert promises(line)[0]["taken_by"] == "ben"
    assert len(invites(outside.log)) == 1
    until(lambda: not line.channels(), 5, "no channel left")
    holds(line)


@pytest.mark.parametrize("died", ["flows", "recorder"])
def test_a_service_that_dies_while_people_talk_calls_nobody_twice(
    line: LiveLine, died: str
) -> None:
    line.phones("ana", talk=None)
    outside = line.outside(answer=200, talk=4000)
    line.declare(kinds.AVAILABLE, "ana")
    line.declare(kinds.PAUSED, "ana")
    line.call(*ASKS, user="0655443322").succeed(30)
    line.until_quiet(calls=1)
    line.declare(kinds.AVAILABLE, "ana")
    bridged = "SELECT count(*) AS n FROM cel WHERE eventtype = 'BRIDGE_ENTER'"
    until(lambda: line.cel(bridged)[0]["n"] >= 2, 15, "the two to talk")
    line.signal(signal.SIGKILL, died)
    line.serve(died)
    until(lambda: promises(line)[0]["stage"] == "kept", 15, "the promise to be kept")
    until(lambda: not line.channels(), 10, "no channel left")
    talk = next(m for m in outside.log.messages("sent", "BYE"))
    assert talk.at - outside.log.when("sent", "SIP/2.0 200", method="INVITE") > 3.5
    assert len(invites(outside.log)) == 1
    idle = "SELECT stage FROM presence WHERE agent = 'ana'"
    until(lambda: line.rows(idle) == [{"stage": "idle"}], 5, "ana to be idle")
    holds(line)


def test_whoever_asks_for_it_is_rung_although_on_pause(line: LiveLine) -> None:
    """From the page: the one who has claimed an entry has their own phone rung."""
    line.phones("ana", "ben", talk=2000)
    line.outside(answer=100, talk=None)
    line.declare(kinds.PAUSED, "ana")
    line.call(("pause", "1500"), ("bye",), user="0655443322").succeed(30)
    line.until_quiet(calls=1)
    (entry,) = line.rows("SELECT caller FROM ledger WHERE closed IS NULL")
    database, caller = line.folder.database, entry["caller"]
    ledger.claim(database, caller, "Zoé")
    rules, where = Callbacks(number_format="national"), ("visio", "street", DID)
    callbacks.schedule(database, rules, caller, "Zoé", where, now(), "ana", only=True)
    until(lambda: promises(line)[0]["stage"] == "kept", 15, "the promise to be kept")
    assert promises(line)[0]["taken_by"] == "ana"
    holds(line)


def test_who_calls_a_closed_line_is_called_when_it_opens(open_line: Open) -> None:
    at = datetime.now(ZoneInfo("Europe/Paris"))
    day = DAYS[(at.weekday() + 3) % 7]
    line = open_line(LINE + f'[hours]\n{day} = ["09:00-18:00"]\n', {"ana": ["visio"]}).start()
    line.phones("ana", talk=None)
    outside = line.outside(answer=100, talk=500)
    line.declare(kinds.AVAILABLE, "ana")
    line.call(("pause", "800"), ("key", "1"), ("until-bye", "10000")).succeed(30)
    line.call(("until-bye", "20000"), user="anonymous").succeed(30)
    line.until_quiet(calls=2)
    assert [row["outcome"] for row in line.calls()] == ["callback-promised", "closed"]
    (promise,) = promises(line)
    opens = datetime.fromtimestamp(promise["due"] / 1e6, at.tzinfo)
    assert (opens.hour, opens.minute, DAYS[opens.weekday()]) == (9, 0, day)
    assert invites(outside.log) == []

    line.write(LINE + 'menu = "9"\n')  # it opens, sooner than was said
    line.apply()
    shown = promise["caller"][:8]
    subprocess.run(line.command("callback", "call", shown), check=True, timeout=30)
    until(lambda: promises(line)[0]["stage"] == "kept", 15, "the promise to be kept")
    assert len(invites(outside.log)) == 1

    # And whoever asks for it in the menu is called as soon as somebody is free: at once.
    keys = (("pause", "1500"), ("key", "9"), ("until-bye", "10000"))
    line.call(*keys, user="0655443322").succeed(30)
    until(lambda: len(invites(outside.log)) == 2, 15, "the second one to be called")
    until(lambda: promises(line)[-1]["stage"] == "kept", 15, "the promise to be kept")
    line.end()


AGENTS = ("ana", "ben", "chloe", "dora", "emil")
PROMISED, LIVE = 30, 20


def test_thirty_promises_and_a_stream_of_callers_are_served_fairly(open_line: Open) -> None:
    """Promises in the order of arrival, nobody on the line starved, nobody called twice."""
    line = open_line(LINE, {name: ["visio"] for name in AGENTS}).start()
    line.phones(*AGENTS, answer=100, talk=1800)
    outside = line.outside(answer=100, talk=None)
    line.declare(kinds.AVAILABLE, *AGENTS)
    line.declare(kinds.PAUSED, *AGENTS)
    numbers = tuple(f"{number:02}" for number in range(PROMISED))
    asking = line.call(*ASKS, user="06554433[field0]", rows=numbers, calls=PROMISED, rate=4)
    asking.succeed(60)
    line.until_quiet(calls=PROMISED)
    assert [row["outcome"] for row in line.calls()] == ["callback-promised"] * PROMISED

    stream = line.call(("until-bye", "60000"), user="0712345678", calls=LIVE, rate=1.5)
    line.declare(kinds.AVAILABLE, *AGENTS)
    open_ = "SELECT count(*) AS n FROM callbacks WHERE stage <> 'kept'"
    until(lambda: not line.rows(open_)[0]["n"], 120, "all promises to be kept")
    stream.succeed(60)
    line.until_quiet(calls=PROMISED + LIVE)

    assert sorted(invite["to"] for invite in invites(outside.log)) == [
        f"06554433{number}" for number in numbers
    ]
    assert {invite["from"] for invite in invites(outside.log)} == {DID}
    rang = line.rows("SELECT * FROM journal WHERE kind = ? ORDER BY at", kinds.BACK_RANG)
    since = {row["caller"]: row["since"] for row in promises(line)}
    for first, second in itertools.combinations(rang, 2):
        if second["at"] - first["at"] > 200_000:  # those of one moment are in no order
            assert since[caller_of(first)] < since[caller_of(second)]
    live = [row for row in line.calls() if row["outcome"] == "answered"]
    assert len(live) == LIVE
    starved(line, live)
    waits = [(row["answered"] - row["queued"]) / 1e6 for row in live]
    # Five agents, calls of 3 s, every second one of somebody on the line; see the switchboard.
    bound = 2 * 3 * (LIVE / len(AGENTS) + 1)
    print(f"the longest wait on the line: {max(waits):.1f} s, bound {bound:.1f} s")
    assert max(waits) < bound
    holds(line)


def caller_of(row: dict[str, Any]) -> str:
    return str(json.loads(row["body"])["caller"])


def starved(line: LiveLine, live: list[dict[str, Any]]) -> None:
    """No agent made two call-backs in a row while somebody on the line waited for a ring."""
    rings = line.rows(
        "SELECT kind, actor, at, call FROM journal WHERE kind IN (?, ?) ORDER BY at",
        *(kinds.BACK_RANG, kinds.RANG),
    )
    first_ring = {row["call"]: row["at"] for row in reversed(rings) if row["kind"] == kinds.RANG}
    last: dict[str, str] = {}
    for ring in rings:
        if ring["kind"] == last.get(ring["actor"]) == kinds.BACK_RANG:
            waiting = [
                row["call"]
                for row in live
                if row["queued"] + 300_000 < ring["at"] < first_ring[row["call"]] - 300_000
            ]
            assert not waiting
        last[ring["actor"]] = ring["kind"]


def test_a_promise_of_before_is_kept_after_new_keys(line: LiveLine) -> None:
    """It waits in the hunt under its old name while the keys change."""
    line.phones("ana", talk=None)
    outside = line.outside(answer=300, talk=1500)
    line.declare(kinds.AVAILABLE, "ana")
    line.declare(kinds.PAUSED, "ana")
    line.call(*ASKS, user="0655443322").succeed(30)
    line.until_quiet(calls=1)
    (before,) = promises(line)
    assert rotation.renew_keys(line.folder, grace=0.5).unread == 0
    (promise,) = promises(line)
    assert promise["caller"] != before["caller"]
    assert {**promise, "caller": ""} == {**before, "caller": ""}
    line.declare(kinds.AVAILABLE, "ana")
    until(lambda: promises(line)[0]["stage"] == "kept", 30, "the promise to be kept")
    assert [invite["to"] for invite in invites(outside.log)] == ["0655443322"]
    until(lambda: not line.channels(), 5, "no channel left")
    until(lambda: line.rows("SELECT reason FROM ledger") == [{"reason": "answered"}], 5)
    assert before["caller"] not in str(line.rows("SELECT * FROM journal"))
    holds(line)
