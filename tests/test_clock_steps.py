"""The machine's clock is set while people call: no story goes backwards, nobody is thrown out."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decroche.agi.service import Flows
from decroche.asterisk import line as lines
from decroche.hotline import load
from decroche.records import kinds, people, schema, secrets
from decroche.records.check import ORDER, check
from decroche.records.events import MICRO, STEADY, Event, now, of_call, steady
from decroche.records.folder import Folder
from decroche.records.journal import Journal
from decroche.records.projections import fold
from decroche.records.rebuild import projections, rebuild
from decroche.records.store import Store

HOUR = 3600 * 1_000_000
CALL, OFFER = "b-1.0", "b-1.1"
AGENT = {"agent": "ana", "offer": OFFER}


def story(instants: list[int]) -> list[Event]:
    """An answered call, each of its facts by another clock."""
    steps = [
        (CALL, kinds.ARRIVED, {"trunk": "t", "did": "1"}),
        (CALL, kinds.QUEUED, {"queue": "q"}),
        (OFFER, kinds.RANG, AGENT),
        (OFFER, kinds.ANSWERED, AGENT),
        (OFFER, kinds.OFFER_ENDED, AGENT | {"cause": "16"}),
        (CALL, kinds.ENDED, {"cause": "16"}),
    ]
    return [
        of_call(CALL, unique, kind, at, dict(body))
        for (unique, kind, body), at in zip(steps, instants, strict=True)
    ]


class Memory:
    """Rows in memory, as :class:`decroche.records.projections.State` wants them."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, dict[str, object]]] = {}

    def take(self, event: Event) -> None:
        for change in fold(self, event):
            rows = self.tables.setdefault(change.table, {})
            rows.setdefault(change.key, dict(EMPTY[change.table], offer=change.key)).update(
                change.values
            )

    def row(self, table: str, key: str) -> dict[str, object] | None:
        return self.tables.get(table, {}).get(key)

    def next_number(self) -> int:
        return 1

    def offers_of(self, call: str) -> list[dict[str, object]]:
        return list(self.tables.get("offers", {}).values())

    def owed(self, caller: str) -> bool:
        return False


EMPTY: dict[str, dict[str, object]] = {
    "calls": dict.fromkeys(("queued", "answered", "left", "ended", "outcome", "caller", "agent")),
    "offers": dict.fromkeys(("rang", "answered", "ended", "result")),
    "presence": dict.fromkeys(("call", "state")),
}
EMPTY["calls"] |= {"rings": 0, "dismissed": None, "fellback": 0, "gave_up": None}


@given(
    steps=st.lists(st.integers(-HOUR, HOUR), min_size=6, max_size=6),
    order=st.permutations(range(1, 6)),
)
def test_no_story_goes_backwards_whatever_the_clocks_say(
    steps: list[int], order: list[int]
) -> None:
    """Facts come in any order, from two clocks that are set up to an hour either way."""
    events = story([10 * HOUR + at * 1_000_000 + step for at, step in enumerate(steps)])
    memory = Memory()
    for event in [events[0], *(events[number] for number in order)]:
        memory.take(event)
    for table, first, second in ORDER:
        for row in memory.tables.get(table, {}).values():
            earlier, later = row.get(first), row.get(second)
            if isinstance(earlier, int) and isinstance(later, int):
                assert earlier <= later, (table, first, second)
    assert memory.tables["calls"][CALL]["outcome"] == "answered"
    assert memory.tables["offers"][OFFER]["result"] == "answered"
    agent = memory.row("presence", "ana")
    assert agent is None or agent["stage"] == "idle"


@pytest.mark.parametrize("steps", [(HOUR, 0), (0, HOUR), (0, -HOUR), (-HOUR, 0)])
def test_the_record_adds_up_when_the_clock_was_set(tmp_path: Path, steps: tuple[int, int]) -> None:
    """Half of the story before the clock was set, half after it."""
    path = tmp_path / "decroche.db"
    schema.prepare(path)
    store = Store(path)
    at = [10 * HOUR + number * 1_000_000 + steps[number > 2] for number in range(6)]
    store.append(story(at))
    store.close()
    assert [finding for finding in check(path, 0) if finding.problem] == []
    before = projections(path)
    rebuild(path)
    assert projections(path) == before


def test_waiting_is_measured_by_a_clock_that_cannot_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    began = steady()
    true = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: true() + HOUR * 1000)
    assert now() - began > HOUR - 60_000_000
    assert 0 <= steady() - began < 60_000_000


@pytest.mark.parametrize("hours", [-1, 0, 24])
async def test_how_long_somebody_is_idle_goes_by_the_hunts_clock(
    tmp_path: Path, hours: int
) -> None:
    """Who declares themselves after the clock was set is neither the first nor the last for it."""
    folder = Folder(tmp_path / "line")
    lines.create(folder, Path(__file__).parent.parent / "configs")
    for name in ("ana", "ben"):
        people.add_agent(folder.database, name, name, ["demarches"])
    people.declare(folder.database, kinds.AVAILABLE, ["ana"], "test")
    before = STEADY.set(lambda: now() - hours * 3600 * MICRO)
    try:
        async with Journal(folder.database) as journal:
            hotline, secrets_ = load(folder.hotline), secrets.load(folder.secrets)
            flows = Flows(folder, lambda: hotline, lambda: secrets_, journal)
            flows._staff()
            flows._hear(people.declared("ben", kinds.AVAILABLE, "test"))
            for name in ("ana", "ben"):
                agent = flows.hunt.agent(name)
                assert agent and abs(agent.idle_since - steady()) < 60 * MICRO, name
    finally:
        STEADY.reset(before)
