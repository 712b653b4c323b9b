"""The cases with a * in cases.txt, as real calls: the phones that ring are those of the table.

One line for all. Each agent of the table has some doubles: one whose phone rings and is not picked
up, one who talks all the time, one whose phone is not there, one who has had calls today. Seconds
of waiting are shorter here: LASTS.
"""

from collections.abc import Iterator

import pytest

from decroche.records import abilities, kinds, people, staffing

from .cases import Case, Person, read
from .conftest import Open
from .live import LiveLine, until

pytestmark = pytest.mark.pbx

STAGE = "avant"  # a queue for what happens before the cases
WATCH = "guet"  # an agent by whom we see that all before is known
KEYS = {
    ("accueil", ""): "1",
    ("impots", ""): "2",
    ("visio", ""): "3",
    ("accueil", "en"): "4",
    ("accueil", "en ar"): "5",
    ("impots", "en"): "6",
}
LASTS = {0: 0.0, 20: 2.0, 29: 1.7, 30: 2.0, 60: 4.0, 119: 2.5, 120: 3.0}  # of the table's seconds
AFTER = 0.9  # seconds that a caller stays on after the moment that counts
QUEUE = 'strategy = "ring-few"\nring_few = 5\nring_time = 60\nwrap_up = 0\nwiden_after = 2\n'
LINE = f"""
[menu]
default = "accueil"
choices = [
    {{ key = "1", queue = "accueil", label = "Accueil" }},
    {{ key = "2", queue = "impots", label = "Impots" }},
    {{ key = "3", queue = "visio", label = "Visio" }},
    {{ key = "4", queue = "accueil", label = "English", skills = ["en"] }},
    {{ key = "5", queue = "accueil", label = "Both", skills = ["en", "ar"] }},
    {{ key = "6", queue = "impots", label = "Taxes", skills = ["en"] }},
    {{ key = "9", queue = "{STAGE}", label = "Avant" }},
]
[queues.accueil]
label = "Accueil"
{QUEUE}
[queues.impots]
label = "Impots"
skills = ["impots"]
{QUEUE}
[queues.visio]
label = "Visio"
overflow = "accueil"
overflow_after = 3
{QUEUE}
[queues.{STAGE}]
label = "Avant"
wrap_up = 0
"""
NAMES = ("ana", "ben", "cleo")
FREE, BUSY, GONE, DONE = ([f"{name}-{what}" for name in NAMES] for what in "fbgd")
CASES = [pytest.param(case, id=f"line {case.line}") for case in read("cases.txt") if case.live]


def double(person: Person) -> str:
    """The agent who plays a person of the table."""
    if "talks" in person.words:
        return f"{person.name}-b"
    if "gone" in person.words:
        return f"{person.name}-g"
    return f"{person.name}-{'d' if any('/' in word for word in person.words) else 'f'}"


@pytest.fixture(scope="module")
def line(open_line: Open) -> LiveLine:
    line = open_line(LINE, dict.fromkeys([*FREE, *BUSY, *GONE, *DONE, WATCH], [STAGE])).start()
    line.phones(*FREE, answer=None)
    line.phones(*BUSY, answer=100)
    line.phones(*DONE, answer=100, talk=200)
    line.phones(WATCH, answer=None)
    for name in DONE:  # one call each
        line.declare(kinds.AVAILABLE, name)
        line.call(("key", "9"), ("until-bye", "9000")).succeed(20)
        line.declare(kinds.AWAY, name)
    for name in BUSY:
        line.declare(kinds.AVAILABLE, name)
        line.call(("key", "9"), ("bye-after", "290000"))
        until_talking(line, name)
        line.declare(kinds.AWAY, name)
    return line


@pytest.fixture(autouse=True)
def quiet(line: LiveLine) -> Iterator[None]:
    yield
    until(lambda: line.channels() == 2 * len(BUSY), 5, "only those to be up who always talk")


def until_talking(line: LiveLine, agent: str) -> None:
    sql = "SELECT 1 FROM presence WHERE agent = ? AND stage = 'talking'"
    until(lambda: line.rows(sql, agent), 10, f"{agent} to talk")


def answered(line: LiveLine, agent: str) -> int:
    sql = "SELECT count(*) AS n FROM offers WHERE agent = ? AND answered IS NOT NULL"
    return int(line.rows(sql, agent)[0]["n"])


def set_up(line: LiveLine, case: Case) -> None:
    """Everybody as the case says, and the services know."""
    database = line.folder.database
    cast = {double(person): person for person in case.people}
    off = [row["agent"] for row in line.rows("SELECT agent FROM presence WHERE state <> 'away'")]
    people.declare(database, kinds.AWAY, [agent for agent in off if agent != WATCH], "test")
    for agent, person in cast.items():
        limits = {"calls_a_day": 0}
        for word in person.words:
            if "/" in word:
                taken, most = map(int, word.split("/"))
                limits["calls_a_day"] = answered(line, agent) + max(0, min(1, most - taken))
        abilities.change(database, agent, abilities.Wish(skills=person.skills, limits=limits))
        staffing.edit_agent(database, agent, queues=[person.queue])
        abilities.arrange(database, person.queue, {agent: person.tier})
        if "away" not in person.words:
            kind = kinds.PAUSED if "paused" in person.words else kinds.AVAILABLE
            people.declare(database, kind, [agent], "test")
    known = line.members()[STAGE].get(WATCH) is not True
    people.declare(database, kinds.PAUSED if known else kinds.AVAILABLE, [WATCH], "test")
    until(lambda: line.members()[STAGE].get(WATCH) is known, 5, "the services to know")


@pytest.mark.parametrize("case", CASES)
def test_the_phones_ring_as_the_table_says(line: LiveLine, case: Case) -> None:
    set_up(line, case)
    before = len(line.calls())
    lasts = LASTS[case.waited]
    stays = lasts + AFTER if case.rings != "-" else max(lasts, AFTER)
    key = KEYS[case.queue, " ".join(case.asks)]
    line.call(("key", key), ("bye-after", str(int(stays * 1000)))).succeed(30)
    until(lambda: [c for c in line.calls()[before:] if c["ended"]], 5, "the call to be recorded")
    (call,) = line.calls()[before:]
    rings = line.rows("SELECT agent, rang FROM offers WHERE call = ?", call["call"])
    played = {double(person): person.name for person in case.people}
    assert sorted(played[ring["agent"]] for ring in rings) == case.rings.replace("-", "").split()
    for ring in rings:
        assert (ring["rang"] - call["queued"]) / 1e6 >= lasts - 0.1
