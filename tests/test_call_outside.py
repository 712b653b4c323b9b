"""Real calls to agents' own phones, over the trunk: who picks up must press 1."""

import re
import subprocess
from collections.abc import Iterator
from signal import SIGKILL
from typing import Any

import pytest

from decroche.records import kinds

from .conftest import Open
from .live import DID, LiveLine, seconds, until

pytestmark = pytest.mark.pbx

LINE = """
[menu]
default = "visio"
repeat = 1
patience = 1
choices = [ { key = "2", queue = "few", label = "Deux" } ]
[queues.visio]
label = "Visio"
strategy = "in-order"
wrap_up = 0
ring_time = 6
[queues.few]
label = "Plusieurs"
strategy = "ring-few"
wrap_up = 0
ring_time = 8
[callbacks]
number_format = "national"
[outside]
number_format = "national"
"""
AGENTS = {"nadia": ["visio", "few"], "sam": ["visio", "few"]}
MOBILE = "0712345678"


@pytest.fixture
def line(open_line: Open) -> Iterator[LiveLine]:
    """Nadia is called on her mobile and rung first; Sam has a SIP phone."""
    line = open_line(LINE, AGENTS)
    command(line, "agent", "phone", "nadia", "--outside", "07 12 34 56 78")
    line.start()
    line.phones("sam", talk=500)
    yield line
    # Asterisk has nothing to complain about, and her number is in no log.
    log = (line.folder.pbx / "log" / "messages.log").read_text("utf-8")
    line.end()
    complaints = [text for text in log.splitlines() if "WARNING" in text or "ERROR" in text]
    assert [text for text in complaints if "res_agi" not in text] == []  # that we were killed
    assert "712345678" not in log


def command(line: LiveLine, *arguments: str) -> str:
    done = subprocess.run(line.command(*arguments), capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout


def offers(line: LiveLine) -> list[tuple[str, str]]:
    rows = line.rows("SELECT agent, result FROM offers ORDER BY rang")
    return [(row["agent"], row["result"]) for row in rows]


def last_call(line: LiveLine) -> dict[str, object]:
    return line.calls()[-1]


def test_who_presses_1_talks_and_sees_the_number_of_the_line(line: LiveLine) -> None:
    mobile = line.outside(answer=300, press=(1500, "1"), talk=2500).log
    line.declare(kinds.AVAILABLE, "nadia")
    caller = line.call(("until-bye", "30000"), user="0655443322").succeed(40)
    line.until_quiet(calls=1)
    call = last_call(line)
    assert (call["outcome"], call["agent"]) == ("answered", "nadia")
    assert offers(line) == [("nadia", "answered")]
    (invite,) = mobile.messages("received", "INVITE")[:1]
    assert f"INVITE sip:{MOBILE}@" in invite.text
    shown = re.search(r"^From:.*", invite.text, re.MULTILINE)
    assert shown and DID in shown[0] and "655443322" not in invite.text
    # Answered means: she pressed 1; until then the caller heard music.
    pressed = mobile.when("sent", "INFO")
    assert pressed - 0.2 < seconds(int(str(call["answered"]))) < pressed + 1.5
    assert abs(caller.when("received", "BYE") - mobile.when("sent", "BYE")) < 1.5
    assert "712345678" not in str(line.rows("SELECT * FROM journal")) + str(line.cel())
    for file in (line.folder.pbx / "etc").iterdir():
        assert "712345678" not in file.read_text("utf-8", "replace"), file
    rest = line.rows("SELECT * FROM presence WHERE agent = 'nadia'")[0]
    assert (rest["stage"], rest["call"]) == ("idle", None)


def test_a_voicemail_that_answers_takes_nobody(line: LiveLine) -> None:
    mobile = line.outside(answer=300).log
    line.declare(kinds.AVAILABLE, "nadia", "sam")
    line.call(("until-bye", "60000"), user="0655443322").succeed(60)
    line.until_quiet(calls=1)
    assert offers(line) == [("nadia", "missed"), ("sam", "answered")]
    first, second = line.rows("SELECT * FROM offers ORDER BY rang")
    assert second["rang"] - first["ended"] < 2_000_000
    assert mobile.messages("received", "BYE")
    assert 4 < seconds(first["ended"] - first["rang"]) < 17


@pytest.mark.parametrize(("how", "result"), [("reject", "rejected"), ("ring", "missed")])
def test_who_does_not_pick_up_leaves_the_caller_their_place(
    line: LiveLine, how: str, result: str
) -> None:
    options: dict[str, object] = {"reject": "486 Busy Here"} if how == "reject" else {}
    line.outside(**{"answer": None, **options})
    line.declare(kinds.AVAILABLE, "nadia", "sam")
    line.call(("until-bye", "60000")).succeed(60)
    line.until_quiet(calls=1)
    assert offers(line) == [("nadia", result), ("sam", "answered")]
    first, second = line.rows("SELECT * FROM offers ORDER BY rang")
    assert second["rang"] - first["ended"] < 2_000_000
    assert seconds(first["ended"] - first["rang"]) < 7.5  # ring_time, not the longest of all


@pytest.mark.parametrize(
    ("how", "result"), [({"press": (1000, "0")}, "missed"), ({"talk": 1000}, "rejected")]
)
def test_another_key_or_a_hang_up_is_no_yes(
    line: LiveLine, how: dict[str, Any], result: str
) -> None:
    line.outside(answer=300, **how)
    line.declare(kinds.AVAILABLE, "nadia", "sam")
    line.call(("until-bye", "60000")).succeed(60)
    line.until_quiet(calls=1)
    assert offers(line) == [("nadia", result), ("sam", "answered")]
    first, second = line.rows("SELECT * FROM offers ORDER BY rang")
    assert second["rang"] - first["ended"] < 2_000_000
    assert seconds(first["ended"] - first["rang"]) < 8


@pytest.mark.parametrize("answer", [300, None])
def test_a_caller_who_hangs_up_ends_the_phone_outside(line: LiveLine, answer: int | None) -> None:
    mobile = line.outside(answer=answer).log
    line.declare(kinds.AVAILABLE, "nadia")
    caller = line.call(("pause", "6000"), ("bye",)).succeed(30)
    line.until_quiet(calls=1)
    rang = mobile.when("sent", "SIP/2.0 200" if answer else "SIP/2.0 180", method="INVITE")
    end = mobile.when("received", "BYE" if answer else "CANCEL")
    assert rang < caller.when("sent", "BYE") < end < caller.when("sent", "BYE") + 2
    assert offers(line) == [("nadia", "cancelled")]


def test_other_phones_ring_on_while_one_outside_is_asked(line: LiveLine) -> None:
    """Whoever is first to press or to pick up talks; a voicemail ends nobody's ring."""
    mobile = line.outside(answer=100).log
    sam = line.phones("sam", answer=4000, talk=500).log
    line.declare(kinds.AVAILABLE, "nadia", "sam")
    line.call(("pause", "1000"), ("key", "2"), ("until-bye", "40000")).succeed(60)
    line.until_quiet(calls=1)
    assert sorted(offers(line)) == [("nadia", "elsewhere"), ("sam", "answered")]
    assert mobile.when("sent", "SIP/2.0 200", method="INVITE") < sam.when(
        "sent", "SIP/2.0 200", method="INVITE"
    )
    assert mobile.when("received", "BYE") - sam.when("sent", "SIP/2.0 200", method="INVITE") < 2


def test_whoever_presses_first_ends_the_other_rings(line: LiveLine) -> None:
    line.outside(answer=300, press=(1000, "1"), talk=1500)
    sam = line.phones("sam", answer=None).log
    line.declare(kinds.AVAILABLE, "nadia", "sam")
    line.call(("pause", "1000"), ("key", "2"), ("until-bye", "40000")).succeed(60)
    line.until_quiet(calls=1)
    assert sorted(offers(line)) == [("nadia", "answered"), ("sam", "elsewhere")]
    assert sam.messages("received", "CANCEL")


def test_killed_services_change_nothing_for_who_is_asked(line: LiveLine) -> None:
    mobile = line.outside(answer=300, press=(3000, "1"), talk=1000).log
    line.declare(kinds.AVAILABLE, "nadia")
    line.call(("until-bye", "30000"))
    until(lambda: mobile.messages("sent", "SIP/2.0 200", "INVITE"), 10, "her to pick up")
    line.signal(SIGKILL)
    until(lambda: mobile.messages("sent", "BYE"), 15, "the talk to be over")
    line.serve("recorder")
    line.until_quiet(calls=1)
    assert (last_call(line)["outcome"], last_call(line)["agent"]) == ("answered", "nadia")


def test_without_us_she_is_rung_as_before(line: LiveLine) -> None:
    mobile = line.outside(answer=300, press=(1000, "1"), talk=1000).log
    line.declare(kinds.AVAILABLE, "nadia")
    assert line.members_equal() and line.members()["visio"] == {"nadia": False}
    line.signal(SIGKILL, "flows")
    line.call(("until-bye", "30000")).succeed(40)
    line.until_quiet(calls=1)
    call = last_call(line)
    assert (call["outcome"], call["agent"], call["fellback"]) == ("answered", "nadia", 1)
    assert mobile.messages("sent", "INFO")


def test_new_keys_change_nothing_for_her(line: LiveLine) -> None:
    command(line, "privacy", "rotate")
    line.outside(answer=300, press=(1000, "1"), talk=1000)
    line.declare(kinds.AVAILABLE, "nadia")
    line.call(("until-bye", "30000")).succeed(40)
    line.until_quiet(calls=1)
    assert offers(line) == [("nadia", "answered")]


def test_a_promised_call_back_is_made_from_a_phone_outside(line: LiveLine) -> None:
    mobile = line.outside(answer=300, press=(1500, "1"), talk=4000).log
    line.declare(kinds.AVAILABLE, "nadia")
    command(line, "callback", "add", "06 55 44 33 22")
    until(lambda: line.rows("SELECT 1 FROM callbacks WHERE stage = 'kept'"), 30, "the promise kept")
    row = line.rows("SELECT * FROM callbacks")[0]
    assert row["taken_by"] == "nadia"
    called = {m.first.split()[1].split("@")[0] for m in mobile.messages("received", "INVITE")}
    assert called == {f"sip:{MOBILE}", "sip:0655443322"}
    line.until_quiet()
    assert line.calls() == []
    assert line.rows("SELECT stage FROM presence WHERE agent = 'nadia'")[0]["stage"] == "idle"
