"""Tiers in the fallback: Asterisk's own queue rings as our switchboard would, nearly."""

from collections.abc import Iterator

import pytest

from decroche.records import abilities, kinds

from .conftest import Open
from .live import LiveLine, until

pytestmark = pytest.mark.pbx

WIDEN = 3
LINE = f"""
[menu]
default = "demarches"
[queues.demarches]
label = "Démarches"
skills = ["impots"]
widen_after = {WIDEN}
ring_time = 30
"""
AGENTS = {name: ["demarches"] for name in ("ana", "bob", "cleo")}


@pytest.fixture(scope="module")
def one(open_line: Open) -> LiveLine:
    """ana is in the first tier, bob in the second, cleo lacks the queue's skill."""
    line = open_line(LINE, AGENTS)
    skilled = abilities.Wish(skills=["impots"])
    for name in ("ana", "bob"):
        abilities.change(line.folder.database, name, skilled)
    abilities.arrange(line.folder.database, "demarches", {"bob": 4})
    line.start()
    line.phones(*AGENTS, answer=None)
    return line


@pytest.fixture
def line(one: LiveLine) -> Iterator[LiveLine]:
    if "flows" not in one.services:
        one.serve("flows")
    yield one
    one.until_quiet(10)


def penalties(line: LiveLine) -> dict[str, int]:
    found = {}
    for text in line.pbx.ask("queue show demarches").splitlines():
        if "(dynamic)" in text:
            _, behind, rest = text.partition("with penalty ")
            found[text.split()[0]] = int(rest.split()[0].rstrip(")")) if behind else 0
    return found


def rung(line: LiveLine, since: int) -> list[tuple[str, float]]:
    """Agents whose phones rang, in order, and how many seconds after the first caller came."""
    sql = """SELECT agent, rang, (SELECT min(arrived) FROM calls WHERE arrived >= ?1) AS began
        FROM offers WHERE rang >= ?1 ORDER BY rang"""
    return [(r["agent"], (r["rang"] - r["began"]) / 1e6) for r in line.rows(sql, since)]


def now(line: LiveLine) -> int:
    return 1 + int(line.rows("SELECT coalesce(max(at), 0) AS at FROM journal")[0]["at"])


def test_penalties_are_the_steps_of_who_is_there(line: LiveLine) -> None:
    line.declare(kinds.AVAILABLE, *AGENTS)
    until(lambda: penalties(line) == {"ana": 0, "bob": 1, "cleo": 2}, 5, "three steps")
    line.declare(kinds.AWAY, "ana")
    until(lambda: penalties(line) == {"bob": 0, "cleo": 1}, 5, "two steps")
    line.declare(kinds.PAUSED, "bob")
    until(lambda: penalties(line) == {"bob": 0, "cleo": 0}, 5, "one step")


def test_the_fallback_widens_with_the_wait(line: LiveLine) -> None:
    line.declare(kinds.AVAILABLE, *AGENTS)
    until(lambda: penalties(line) == {"ana": 0, "bob": 1, "cleo": 2}, 5, "three steps")
    line.stop_services("flows")
    since = now(line)
    callers = [line.call(("bye-after", str(3000 * WIDEN))) for _ in range(2)]
    until(lambda: len(rung(line, since)) >= 2, 4 * WIDEN, "two phones to ring")
    (first, at_once), (second, later) = rung(line, since)[:2]
    assert (first, second) == ("ana", "bob")
    assert at_once < WIDEN / 2 < WIDEN - 0.5 <= later
    for caller in callers:
        caller.succeed(60)


def test_another_widening_is_taken_over_by_apply(line: LiveLine) -> None:
    line.write(LINE.replace(f"widen_after = {WIDEN}", "widen_after = 7"))
    said = "\n".join(line.apply())
    assert "queue reload rules" in said
    rules = line.pbx.ask("queue show rules")
    assert "After 7 seconds, adjust QUEUE_MAX_PENALTY to 1" in rules
    assert f"After {WIDEN} seconds" not in rules
