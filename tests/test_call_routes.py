"""Where a caller ends up: closed, nobody there, too long, other agents, one of several phones."""

from collections.abc import Iterator

import pytest

from decroche.records import kinds

from .conftest import Open
from .live import LiveLine, until
from .sip import Process

pytestmark = pytest.mark.pbx

LINE = """
[menu]
default = "few"
choices = [
    { key = "1", queue = "few", label = "Un" },
    { key = "2", queue = "narrow", label = "Deux" },
    { key = "3", queue = "empty", label = "Trois" },
    { key = "4", queue = "long", label = "Quatre" },
    { key = "5", queue = "order", label = "Cinq" },
    { key = "6", queue = "idle", label = "Six" },
]
[queues.few]
label = "Plusieurs"
strategy = "ring-few"
ring_few = 3
wrap_up = 0
[queues.narrow]
label = "Étroite"
overflow = "wide"
overflow_after = 2
[queues.wide]
label = "Large"
[queues.empty]
label = "Vide"
[queues.long]
label = "Longue"
max_wait = 5
[queues.order]
label = "Ordre"
strategy = "in-order"
wrap_up = 0
[queues.idle]
label = "Repos"
wrap_up = 0
"""
AGENTS = {
    "fast": ["few"],
    "slow": ["few"],
    "mute": ["few"],
    "nat": ["narrow"],
    "wes": ["wide"],
    "lou": ["long"],
    "one": ["order"],
    "two": ["order"],
    "ida": ["idle"],
    "ivo": ["idle"],
}
KEYS = {"order": "5", "idle": "6"}
CLOSED = """
[hours]
monday = []
[menu]
default = "few"
[queues.few]
label = "Plusieurs"
"""


@pytest.fixture(scope="module")
def line(open_line: Open) -> LiveLine:
    line = open_line(LINE, AGENTS).start()
    line.phones("fast", answer=300)
    line.phones("slow", answer=1500)
    line.phones("mute", answer=None)
    line.phones("nat", "wes", "lou", "one", "two", "ida", "ivo", answer=200)
    line.declare(kinds.AVAILABLE, *AGENTS)
    return line


@pytest.fixture(autouse=True)
def quiet(line: LiveLine) -> Iterator[None]:
    yield
    line.until_quiet()


def press(line: LiveLine, key: str, queue: str, talk: int = 60_000) -> tuple[Process, str]:
    """A caller presses a key, and hangs up ``talk`` milliseconds later at the latest.

    Returns, when they wait in ``queue``, their SIPp and the call's id.
    """
    sql = "SELECT call, queue, queued FROM calls WHERE number > ?"
    before = line.rows("SELECT coalesce(max(number), 0) AS n FROM calls")[0]["n"]
    caller = line.call(("pause", "1800"), ("key", key), ("bye-after", str(talk)))
    rows = until(
        lambda: [row for row in line.rows(sql, before) if row["queued"]], 8, f"a call in {queue}"
    )
    assert rows[0]["queue"] == queue
    return caller, str(rows[0]["call"])


def until_talking(line: LiveLine, agent: str) -> None:
    sql = "SELECT 1 FROM presence WHERE agent = ? AND stage = 'talking'"
    until(lambda: line.rows(sql, agent), 5, f"{agent} to talk")


def moments(line: LiveLine, call: str) -> dict[str, float]:
    """Kind -> seconds since the call was queued, of the first event of each kind."""
    events = line.rows("SELECT kind, at FROM journal WHERE call = ? ORDER BY seq DESC", call)
    at = {event["kind"]: event["at"] / 1e6 for event in events}
    return {kind: moment - at[kinds.QUEUED] for kind, moment in at.items()}


def row(line: LiveLine, call: str) -> dict[str, object]:
    return line.rows("SELECT * FROM calls WHERE call = ?", call)[0]


def test_a_closed_line_says_so(open_line: Open) -> None:
    closed = open_line(CLOSED, {"ana": ["few"]}).start()
    closed.phones("ana")
    closed.declare(kinds.AVAILABLE, "ana")
    closed.call().succeed(20)
    closed.until_quiet(calls=1)
    (row,) = closed.calls()
    assert (row["outcome"], row["queued"], row["rings"]) == ("closed", None, 0)
    closed.stop_services("flows")  # and so it does without us
    closed.call().succeed(20)
    closed.until_quiet(calls=2)
    assert [row["outcome"] for row in closed.calls()] == ["closed", "closed"]
    closed.end()


def test_a_caller_for_nobody_is_told_soon(line: LiveLine) -> None:
    caller, call = press(line, "3", "empty")
    caller.succeed(20)
    line.until_quiet()
    assert row(line, call)["outcome"] == "refused-empty"
    assert moments(line, call)[kinds.DISMISSED] < 5


def test_a_caller_who_waits_too_long_is_told(line: LiveLine) -> None:
    first, _ = press(line, "4", "long", 10_500)
    until_talking(line, "lou")
    caller, call = press(line, "4", "long")
    caller.succeed(30)
    until(lambda: row(line, call)["outcome"], 5)
    assert (row(line, call)["outcome"], row(line, call)["rings"]) == ("overflow", 0)
    assert moments(line, call)[kinds.DISMISSED] == pytest.approx(5, abs=1)
    first.succeed(20)


def test_a_caller_reaches_another_queues_agents_after_a_time(line: LiveLine) -> None:
    first, _ = press(line, "2", "narrow", 7_500)
    until_talking(line, "nat")
    second, call = press(line, "2", "narrow", 4_000)
    second.succeed(20)
    first.succeed(20)
    line.until_quiet()
    found = row(line, call)
    assert (found["outcome"], found["agent"], found["queue"]) == ("answered", "wes", "narrow")
    assert moments(line, call)[kinds.RANG] == pytest.approx(2, abs=0.5)


def results(line: LiveLine, call: str) -> dict[str, str]:
    offers = line.rows("SELECT * FROM offers WHERE call = ?", call)
    return {offer["agent"]: offer["result"] for offer in offers}


def test_several_phones_ring_and_the_losers_are_free_at_once(line: LiveLine) -> None:
    first, one = press(line, "1", "few", 7_000)
    until_talking(line, "fast")
    second, two = press(line, "1", "few", 3_000)
    second.succeed(20)
    first.succeed(20)
    line.until_quiet()
    assert results(line, one) == {"fast": "answered", "slow": "elsewhere", "mute": "elsewhere"}
    assert results(line, two) == {"slow": "answered", "mute": "elsewhere"}
    rang = [o["rang"] for o in line.rows("SELECT rang FROM offers WHERE call = ?", one)]
    assert max(rang) - min(rang) < 200_000  # microseconds: all at once
    assert moments(line, two)[kinds.RANG] < 0.2
    assert (row(line, one)["agent"], row(line, two)["agent"]) == ("fast", "slow")


def test_the_order_of_the_strategy_is_kept(line: LiveLine) -> None:
    """In order: always the first who is free. Longest idle: everybody in turn."""
    agents: dict[str, list[object]] = {queue: [] for queue in KEYS}
    for _ in range(2):
        calls = {queue: press(line, key, queue, 1_200) for queue, key in KEYS.items()}
        for queue, (caller, call) in calls.items():
            caller.succeed(20)
            agents[queue].append(row(line, call)["agent"])
        line.until_quiet()
    assert agents["order"] == ["one", "one"]
    assert sorted(map(str, agents["idle"])) == ["ida", "ivo"]
