"""Real calls that are not let in: blocked, over a limit, one too many in a queue."""

import subprocess
from collections.abc import Iterator

import pytest

from decroche.records import kinds
from decroche.records.rebuild import projections, rebuild

from .conftest import Open
from .live import LiveLine, until
from .sip import Process

pytestmark = pytest.mark.pbx

LINE = """
[limits]
at_once = 2
per_day = 2
[menu]
default = "visio"
repeat = 1
patience = 1
choices = [
    { key = "1", queue = "court", label = "Un" },
    { key = "2", queue = "court", label = "Deux" },
]
[queues.visio]
label = "Visio"
wrap_up = 0
max_waiting = 2
[queues.court]
label = "Courte"
max_waiting = 1
[callbacks]
closed = false
"""
HENRI, MARIE = "0611111111", "0622222222"


@pytest.fixture(scope="module")
def line(open_line: Open) -> Iterator[LiveLine]:
    line = open_line(LINE, {"ana": ["visio"], "zoe": ["court"], "mute": ["visio"]}).start()
    line.phones("ana", talk=300)
    line.phones("zoe", "mute", answer=None)
    line.declare(kinds.AVAILABLE, "ana")
    yield line


def command(line: LiveLine, *arguments: str) -> str:
    done = subprocess.run(line.command(*arguments), capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout


def outcomes(line: LiveLine) -> list[str]:
    return [row["outcome"] for row in line.calls()]


def to_the_end(line: LiveLine, number: str, *, key: str = "") -> str:
    """Somebody calls and stays until the line ends it; the outcome."""
    before = len(line.arrivals())
    keys = (("pause", "1500"), ("key", key)) if key else ()
    line.call(*keys, ("until-bye", "25000"), user=number).succeed(30)
    line.until_quiet(calls=before + 1)
    return outcomes(line)[-1]


def waiting(line: LiveLine, number: str, key: str) -> Process:
    process = line.call(("pause", "1500"), ("key", key), ("bye-after", "30000"), user=number)
    sql = "SELECT 1 FROM calls WHERE ended IS NULL AND stage IN ('waiting', 'ringing')"
    until(lambda: line.rows(sql), 10, "the caller to wait")
    return process


def test_who_is_blocked_hears_a_sentence_and_no_phone_rings(line: LiveLine) -> None:
    command(line, "block", "add", HENRI, "--for", "1h", "--reason", "essai")
    until(lambda: line.rows("SELECT 1 FROM blocks"), 5)
    assert to_the_end(line, HENRI) == "limited"
    assert line.rows("SELECT 1 FROM offers") == line.rows("SELECT 1 FROM ledger") == []
    (row,) = line.calls()
    assert (row["dismissed"], row["missed"], row["queue"]) == ("limited", 0, None)
    assert to_the_end(line, MARIE) == "answered"  # nobody else is concerned
    command(line, "block", "remove", HENRI)
    assert to_the_end(line, HENRI) == "answered"


def test_an_agent_blocks_whoever_has_just_talked_to_them(line: LiveLine) -> None:
    line.dial("zoe", "*17")  # nobody has talked to her
    assert line.rows("SELECT 1 FROM blocks WHERE ended IS NULL") == []
    assert to_the_end(line, "0688888888") == "answered"
    line.dial("ana", "*17")
    (row,) = line.rows("SELECT * FROM blocks WHERE ended IS NULL")
    assert (row["blocked_by"], row["reason"]) == ("ana", "*17")
    assert to_the_end(line, "0688888888") == "limited"
    assert to_the_end(line, "anonymous") == "answered"
    line.dial("ana", "*17")  # the last one withheld their number
    assert len(line.rows("SELECT * FROM blocks WHERE ended IS NULL")) == 1


def test_conversations_of_a_day_have_a_limit_and_calls_in_vain_have_none(line: LiveLine) -> None:
    number = "0633333333"
    line.declare(kinds.PAUSED, "ana")
    for _ in range(3):
        line.call(("pause", "500"), ("bye",), user=number).succeed(20)
    line.until_quiet()
    line.declare(kinds.AVAILABLE, "ana")
    assert [to_the_end(line, number) for _ in range(3)] == ["answered", "answered", "limited"]
    # The service starts again and knows still.
    line.stop_services("flows")
    line.serve("flows")
    assert to_the_end(line, number) == "limited"
    assert to_the_end(line, "anonymous") == "answered"


def test_one_number_has_only_so_many_calls_at_once(line: LiveLine) -> None:
    number = "0644444444"
    line.declare(kinds.PAUSED, "ana")
    first = [line.call(("bye-after", "30000"), user=number) for _ in range(2)]
    sql = "SELECT count(*) AS n FROM calls WHERE ended IS NULL"
    until(lambda: line.rows(sql)[0]["n"] == 2, 10)
    third = line.call(("until-bye", "25000"), user=number).succeed(30)
    assert third.messages("received", "BYE")
    until(lambda: "limited" in [row["outcome"] for row in line.calls()[-3:]], 5)
    assert line.rows(sql)[0]["n"] == 2
    for process in first:
        process.stop()
    line.pbx.ask("channel request hangup all")
    line.until_quiet()
    line.declare(kinds.AVAILABLE, "ana")


def test_a_full_queue_says_so_and_offers_a_call_back(line: LiveLine) -> None:
    line.declare(kinds.PAUSED, "zoe")
    first = waiting(line, "0655555555", "2")
    line.call(("pause", "1500"), ("key", "2"), ("until-bye", "25000"), user="0666666666").succeed(
        30
    )
    until(lambda: "full" in outcomes(line), 5)
    (row,) = line.rows("SELECT * FROM calls WHERE outcome = 'full'")
    assert (row["queue"], row["missed"], row["answered"]) == ("court", 1, None)
    # One too many, who presses 1.
    story = (("pause", "1500"), ("key", "2"), ("pause", "1500"), ("key", "1"))
    line.call(*story, ("until-bye", "25000"), user="0677777777").succeed(30)
    until(lambda: "callback-promised" in outcomes(line), 5)
    first.stop()
    line.pbx.ask("channel request hangup all")
    line.until_quiet()


@pytest.mark.parametrize("gap", ["60", "300"])
def test_a_key_that_is_pressed_twice_is_no_answer_to_what_follows(line: LiveLine, gap: str) -> None:
    """The choice of the menu and "call me back" may be the same key."""
    line.declare(kinds.PAUSED, "zoe")
    first = waiting(line, "0655555555", "1")
    before = outcomes(line).count("full")
    twice = (("pause", "1500"), ("key", "1"), ("pause", gap), ("key", "1"))
    line.call(*twice, ("until-bye", "25000"), user="0677777778").succeed(30)
    until(lambda: outcomes(line).count("full") == before + 1, 5, "the caller to be turned away")
    first.stop()
    line.pbx.ask("channel request hangup all")
    line.until_quiet()


def test_without_us_the_fallback_queue_has_the_same_length(line: LiveLine) -> None:
    line.declare(kinds.PAUSED, "ana")
    line.declare(kinds.AVAILABLE, "mute")
    line.stop_services("flows")
    before = outcomes(line).count("full")
    try:
        first = [line.call(("bye-after", "40000"), user="anonymous") for _ in range(2)]
        sql = "SELECT count(*) AS n FROM calls WHERE ended IS NULL AND fellback"
        until(lambda: line.rows(sql)[0]["n"] == 2, 10, "two callers in Asterisk's own queue")
        line.call(("until-bye", "25000"), user="anonymous").succeed(30)
        until(lambda: outcomes(line).count("full") == before + 1, 5)
    finally:
        for process in first:
            process.stop()
        line.pbx.ask("channel request hangup all")
        line.serve("flows")


def test_it_adds_up(line: LiveLine) -> None:
    line.until_quiet()
    before = projections(line.folder.database)
    rebuild(line.folder.database)
    assert projections(line.folder.database) == before
    assert "11111111" not in str(line.rows("SELECT * FROM journal"))
