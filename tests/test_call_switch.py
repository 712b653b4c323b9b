"""Real calls while somebody throws the switch: new callers meet it at once, who waits is not lost.

Closed, cleared, short of staff, ended by itself; hours of single queues; and the same without us.
"""

import json
import subprocess
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from decroche.asterisk import held
from decroche.asterisk.apply import is_of_this_year, renew
from decroche.asterisk.hours import this_year, year_mark
from decroche.hotline import DAYS, load
from decroche.records import kinds, switch, switched
from decroche.records.applied import Applied
from decroche.records.events import MICRO, now
from decroche.records.opening import AUTO, CLOSED, OPEN, SHORT, Opening
from decroche.records.rebuild import projections, rebuild

from .conftest import Open
from .live import LiveLine, until
from .sip import Process

pytestmark = pytest.mark.pbx

LINE = """
[menu]
default = "demarches"
repeat = 1
patience = 2
choices = [
    { key = "1", queue = "demarches", label = "Démarches" },
    { key = "2", queue = "visio", label = "Visio" },
]
[queues.demarches]
label = "Démarches"
wrap_up = 0
ring_time = 5
[queues.visio]
label = "Visio"
wrap_up = 0
ring_time = 5
"""
CALLBACKS = "[callbacks]\nwaiting = false\n"
AT_ONCE = 2.0  # seconds within which a switch is in force for new callers
LATER = 3600  # seconds


@pytest.fixture(scope="module")
def one(open_line: Open) -> LiveLine:
    agents = {name: ["demarches", "visio"] for name in ("ana", "ben", "cleo")}
    line = open_line(LINE + CALLBACKS, agents).start()
    line.phones("ana", "ben", talk=None)
    line.phones("cleo", reject="486 Busy Here")  # so that somebody is there, and nobody answers
    line.declare(kinds.AVAILABLE, "cleo")
    return line


@pytest.fixture
def line(one: LiveLine) -> Iterator[LiveLine]:
    """The two who answer are away: callers wait."""
    if "flows" not in one.services:
        one.serve("flows")
    one.declare(kinds.AWAY, "ana", "ben")
    yield one
    throw(one, AUTO)
    hang_up(one)


def hang_up(line: LiveLine) -> None:
    """Everybody hangs up."""
    line.pbx.ask("channel request hangup all")
    line.until_quiet(15)


def throw(line: LiveLine, state: str, seconds: float = LATER, **how: Any) -> None:
    """Throw the switch for some seconds, as the page does it."""
    until_ = 0 if state == AUTO else now() + int(seconds * MICRO)
    hotline = Applied(line.folder)()
    switch.throw(line.folder.database, hotline, state, "test", until=until_, **how)


def command(line: LiveLine, *arguments: str) -> str:
    """Type a command; returns what it printed."""
    done = subprocess.run(
        line.command(*arguments), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def local(line: LiveLine, ahead: timedelta) -> str:
    return f"{datetime.now(Applied(line.folder)().zone) + ahead:%Y-%m-%d %H:%M}"


def newest(line: LiveLine) -> dict[str, Any]:
    return line.calls()[-1]


def waiting(line: LiveLine, *story: tuple[str, ...], **how: Any) -> tuple[Process, str]:
    """Somebody who calls and waits; returns the call's id, too."""
    before = len(line.calls())
    caller = line.call(*story, **how)
    until(lambda: len(line.calls()) > before and waits(newest(line)), 15, "a wait")
    return caller, str(newest(line)["call"])


def waits(found: dict[str, Any]) -> bool:
    return bool(found["stage"] == "waiting" and found["queue"])


def row(line: LiveLine, call: str) -> dict[str, Any]:
    return line.rows("SELECT * FROM calls WHERE call = ?", call)[0]


def outcome(line: LiveLine, *story: tuple[str, ...], **how: Any) -> dict[str, Any]:
    """A call to its end, as it stands in the record."""
    before = len(line.calls())
    line.call(*(story or (("until-bye", "20000"),)), **how).succeed(30)
    until(lambda: len(line.calls()) > before and newest(line)["ended"], 10, "the end of the call")
    return newest(line)


def test_it_closes_for_new_callers_at_once_and_who_waits_is_served(line: LiveLine) -> None:
    first, call = waiting(line)
    second, other = waiting(line, user="anonymous")
    text = "Nous revenons à quatorze heures."
    told = command(
        line, "hours", "close", "--until", local(line, timedelta(hours=1)), "--say", text
    )
    assert "closed until" in told and text in told and "who waits is still served" in told
    (event,) = line.rows("SELECT * FROM journal WHERE kind = ?", kinds.LINE_CLOSED)
    body = json.loads(event["body"])
    assert (body["text"], event["actor"]) == (text, "admin")
    sounds = {path.suffix for path in line.folder.prompts.glob(body["sound"] + ".*")}
    assert sounds == {".alaw", ".sln16"}  # it is there before the switch is
    found = outcome(line)
    assert found["outcome"] == "closed" and found["queued"] is None
    assert (row(line, call)["stage"], row(line, other)["stage"]) == ("waiting", "waiting")
    line.declare(kinds.AVAILABLE, "ana", "ben")
    for one in (call, other):
        until(lambda one=one: row(line, one)["answered"], 10, "an answer for who waited")  # type: ignore[misc]
    first.stop()
    second.stop()


def test_new_calls_meet_the_switch_within_two_seconds(line: LiveLine) -> None:
    """One caller each tenth of a second: those behind the bound hear that it is closed."""
    throw(line, CLOSED)
    at = now()
    callers = line.call(("until-bye", "20000"), calls=30, rate=10)
    callers.succeed(40)
    line.until_quiet(10)
    rows = line.rows("SELECT * FROM calls WHERE arrived > ?", at + int(AT_ONCE * MICRO))
    assert rows and {found["outcome"] for found in rows} == {"closed"}


def test_those_who_wait_are_cleared_with_a_sentence_and_an_offer(line: LiveLine) -> None:
    presses = (("pause", "6500"), ("key", "1"), ("until-bye", "20000"))
    silent, other = waiting(line, user="anonymous")
    caller, call = waiting(line, *presses, user="0655443322")
    throw(line, CLOSED, clears=True)
    silent.succeed(15)
    caller.succeed(20)
    until(lambda: row(line, call)["ended"] and row(line, other)["ended"], 5, "both ends")
    assert row(line, call)["outcome"] == "callback-promised"
    assert row(line, other)["outcome"] == "closed"
    command(line, "callback", "cancel", line.rows("SELECT caller FROM callbacks")[-1]["caller"])


def test_a_phone_that_rings_when_all_are_cleared_may_still_be_answered(one: LiveLine) -> None:
    slow = one.phones("ana", "ben", answer=2500, talk=None)  # the newest registration wins
    one.declare(kinds.AVAILABLE, "ana")
    caller = one.call(("until-bye", "20000"), user="anonymous")
    until(lambda: slow.log.messages("received", "INVITE"), 15, "the ring")
    throw(one, CLOSED, clears=True)
    until(lambda: newest(one)["answered"], 8, "the answer")
    throw(one, AUTO)
    caller.stop()
    hang_up(one)
    slow.stop()
    one.phones("ana", "ben", talk=None)


def test_it_ends_by_itself(line: LiveLine) -> None:
    ends = now() + 4 * MICRO
    throw(line, CLOSED, 4)
    until(lambda: newest_switch(line)["state"] == CLOSED, 2)
    assert outcome(line)["outcome"] == "closed"
    until(lambda: now() > ends, 6, "the end of the switch")
    caller, call = waiting(line)
    assert row(line, call)["queue"] == "demarches"
    caller.stop()


def newest_switch(line: LiveLine) -> dict[str, Any]:
    return line.rows("SELECT * FROM switches ORDER BY since DESC")[0]


def test_short_of_staff_a_caller_may_leave_the_number_first(line: LiveLine) -> None:
    told = command(line, "hours", "short", "--until", local(line, timedelta(hours=1)))
    assert "is short of staff until" in told
    presses = (("pause", "5500"), ("key", "1"), ("until-bye", "20000"))
    found = outcome(line, *presses, user="0655443322")
    assert (found["outcome"], found["queued"]) == ("callback-promised", None)
    command(line, "callback", "cancel", line.rows("SELECT caller FROM callbacks")[-1]["caller"])
    line.declare(kinds.AVAILABLE, "ana", "ben")
    caller = line.call(("until-bye", "20000"), user="0655443311")
    until(lambda: newest(line)["answered"], 20, "an answer for who stays on the line")
    caller.stop()


def test_one_queue_is_closed_and_pressing_nothing_leads_to_a_human(line: LiveLine) -> None:
    throw(line, CLOSED, queue="demarches")
    line.declare(kinds.AVAILABLE, "ana", "ben")
    presses = (("pause", "1500"), ("key", "1"), ("until-bye", "20000"))
    found = outcome(line, *presses)
    assert (found["outcome"], found["queued"], found["choice"]) == ("closed", None, "1")
    caller = line.call(("until-bye", "20000"))
    until(lambda: newest(line)["answered"], 20, "an answer in the other queue")
    assert newest(line)["queue"] == "visio"
    caller.stop()


def test_a_rebuild_brings_the_switches_back(line: LiveLine) -> None:
    throw(line, CLOSED, queue="visio", text="Demain.")
    before = projections(line.folder.database)
    assert len(before["switches"]) >= 2
    line.stop_services()
    rebuild(line.folder.database)
    assert projections(line.folder.database) == before
    for part in ("recorder", "flows"):
        line.serve(part)
    presses = (("pause", "1500"), ("key", "2"), ("until-bye", "20000"))
    assert outcome(line, *presses)["outcome"] == "closed"  # a service that starts knows it


def told_asterisk(line: LiveLine) -> bool:
    opening = Opening(Applied(line.folder)(), switch.read_from(line.folder.database))
    return held.holds(line.pbx.ask) == switched.held(opening, now())


def test_asterisk_keeps_the_line_closed_when_it_is_alone(line: LiveLine) -> None:
    throw(line, CLOSED, queue="demarches")  # behind that of the line
    throw(line, CLOSED, 12)
    ends = now() + 12 * MICRO
    until(lambda: told_asterisk(line), 2, "Asterisk to know the switch")
    line.stop_services("flows")
    found = outcome(line)
    assert (found["outcome"], found["queued"]) == ("closed", None)
    until(lambda: now() > ends, 15, "the end of the switch")
    caller, call = waiting(line)
    assert (row(line, call)["fellback"], row(line, call)["queue"]) == (1, "visio")
    caller.stop()


def test_the_command_closes_a_line_whose_services_are_down(line: LiveLine) -> None:
    line.stop_services("flows")
    command(line, "hours", "close", "--queue", "demarches", "--until", "24:00", "--say", "Demain.")
    assert told_asterisk(line)
    caller, call = waiting(line)
    assert row(line, call)["queue"] == "visio"  # the first queue that is open
    caller.stop()
    hang_up(line)
    command(line, "hours", "close")
    assert outcome(line)["outcome"] == "closed"
    command(line, "hours", "short")
    caller, call = waiting(line)
    assert row(line, call)["queue"] == "demarches"
    caller.stop()
    hang_up(line)
    command(line, "hours", "auto")
    assert set(held.holds(line.pbx.ask).values()) == {""}


@pytest.mark.parametrize("alone", [False, True])
def test_short_of_staff_opens_nothing(line: LiveLine, alone: bool) -> None:
    line.write(LINE + "[hours]\n" + week([]))
    line.apply()
    throw(line, SHORT)
    until(lambda: told_asterisk(line), 2, "Asterisk to know the switch")
    if alone:
        line.stop_services("flows")
    try:
        assert outcome(line, user="anonymous")["outcome"] == "closed"
    finally:
        line.write(LINE + CALLBACKS)
        line.apply()


def week(periods: Sequence[str]) -> str:
    return "".join(f"{day} = {list(periods)}\n" for day in DAYS).replace("'", '"')


@pytest.mark.parametrize(
    ("hours", "queue"),
    [
        ("[hours]\n" + week(["00:00-24:00"]), "demarches"),
        ("[hours]\n" + week([]), ""),
        ("[hours]\n" + week(["00:00-24:00"]) + "closed = [{today}]\n", ""),
        ("[hours]\n" + week([]) + 'open = ["{today} 00:00-24:00"]\n', "demarches"),
        ("[hours]\n" + week([]) + "[queues.visio.hours]\n" + week(["00:00-24:00"]), "visio"),
        ("[queues.demarches.hours]\nclosed = [{today}]\n", "visio"),
        (
            "[hours]\nclosed = [{today}]\n" + week(["00:00-24:00"]) + "[queues.visio.hours]\n"
            'open = ["{today} 00:00-24:00"]\n',
            "visio",
        ),
    ],
)
@pytest.mark.parametrize("alone", [False, True])
def test_hours_decide_alike_with_us_and_without(
    line: LiveLine, hours: str, queue: str, alone: bool
) -> None:
    """``queue``: where a caller waits who presses nothing; empty: the line is closed."""
    today = datetime.now(Applied(line.folder)().zone).date().isoformat()
    line.write(LINE + hours.replace("{today}", today))
    line.apply()
    if alone:
        line.stop_services("flows")
    try:
        if queue:
            caller, call = waiting(line, user="anonymous")
            assert row(line, call)["queue"] == queue
            caller.stop()
        else:
            assert outcome(line, user="anonymous")["outcome"] == "closed"
    finally:
        line.write(LINE + CALLBACKS)
        line.apply()


def test_call_backs_are_made_while_their_queue_is_open(line: LiveLine) -> None:
    presses = (("pause", "5500"), ("key", "1"), ("until-bye", "20000"))
    throw(line, SHORT)
    assert outcome(line, *presses, user="0655443300")["outcome"] == "callback-promised"
    throw(line, CLOSED, queue="demarches")
    outside = line.outside(answer=300, talk=1000)
    line.declare(kinds.AVAILABLE, "ana", "ben")
    throw(line, OPEN, queue="visio")
    talk = outcome(line, ("bye-after", "7000"), user="anonymous")  # time passes; agents are free
    assert talk["queue"] == "visio" and talk["answered"]
    assert line.rows("SELECT stage FROM callbacks WHERE ended IS NULL") == [{"stage": "waiting"}]
    throw(line, OPEN, queue="demarches")
    until(lambda: line.rows("SELECT 1 FROM callbacks WHERE stage = 'kept'"), 20, "the promise kept")
    outside.stop()


def test_a_new_year_is_written_without_what_is_not_applied_yet(line: LiveLine) -> None:
    path = line.folder.etc / "extensions.conf"
    year = this_year()
    text = path.read_text("utf-8").replace(year_mark(year), year_mark(year - 1))
    path.write_text(text, "utf-8")
    line.write(LINE + "[hours]\n" + week([]))
    assert not is_of_this_year(line.folder)
    assert renew(line.folder, line.release)
    assert is_of_this_year(line.folder)
    assert load(line.folder.applied).hours is None
    assert year_mark(year) in (line.folder.etc / "extensions.conf").read_text("utf-8")
    line.write(LINE + CALLBACKS)
    caller, _ = waiting(line, user="anonymous")
    caller.stop()
