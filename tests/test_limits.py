"""Limits of one number: at once, and conversations; whoever reached nobody is never refused."""

import sqlite3
from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from decroche.agi.limits import DAY, HOUR, Gate, answers
from decroche.hotline import Limits
from decroche.records import kinds, schema
from decroche.records.events import MICRO, Event
from decroche.records.store import Store

HENRI, MARIE = "a" * 32, "b" * 32
T0 = 1_700_000_000 * MICRO
RULES = Limits(at_once=2, per_hour=3, per_day=5)


class Clock:
    def __init__(self) -> None:
        self.at = T0

    def __call__(self) -> int:
        return self.at


def talk(gate: Gate, call: str, caller: str, at: int, rules: Limits | None = RULES) -> str:
    """A whole call with a conversation, or the refusal."""
    if refusal := gate.enter(call, caller, rules):
        return refusal
    gate.answered(call, at)
    gate.leave(call)
    return ""


def test_whoever_reached_nobody_may_call_for_ever() -> None:
    gate = Gate(Clock())
    for number in range(200):
        assert gate.enter(str(number), HENRI, RULES) == ""
        gate.leave(str(number))


def test_conversations_are_counted_by_the_hour_and_by_the_day() -> None:
    clock = Clock()
    gate = Gate(clock)
    said = []
    for number in range(8):
        said.append(talk(gate, str(number), HENRI, clock.at))
        clock.at += HOUR // 4 if number < 3 else HOUR
    assert said == ["", "", "", "limit-often", "", "", "limit-often", "limit-often"]
    clock.at = T0 + DAY  # the first one is a day ago
    assert talk(gate, "later", HENRI, clock.at) == ""
    assert talk(gate, "other", MARIE, clock.at) == ""


def test_only_so_many_calls_are_up_at_once() -> None:
    gate = Gate(Clock())
    assert [gate.enter(call, HENRI, RULES) for call in "123"] == ["", "", "limit-at-once"]
    assert gate.enter("4", MARIE, RULES) == ""
    gate.leave("3")  # was refused, and never counted
    assert gate.enter("5", HENRI, RULES) == "limit-at-once"
    gate.leave("1")
    gate.leave("1")
    assert [gate.enter(call, HENRI, RULES) for call in "67"] == ["", "limit-at-once"]


def test_withheld_callers_are_limited_together_only_if_the_admin_says_so() -> None:
    gate = Gate(Clock())
    assert {gate.enter(str(call), "", RULES) for call in range(50)} == {""}
    for call in range(50):
        gate.answered(str(call), T0)
    assert gate.enter("more", "", RULES) == ""
    rules = Limits(withheld_at_once=51)
    assert gate.enter("last", "", rules) == "limit-at-once"
    gate.leave("more")
    assert gate.enter("next", "", rules) == ""


def test_without_rules_nobody_is_limited_but_who_is_blocked() -> None:
    clock = Clock()
    gate = Gate(clock)
    gate.block({HENRI: T0 + HOUR})
    assert gate.enter("1", HENRI, None) == "blocked"
    assert {gate.enter(str(call), MARIE, None) for call in range(2, 90)} == {""}
    clock.at += HOUR
    assert gate.enter("1", HENRI, None) == ""


Act = tuple[str, int, int]  # what, of which call, seconds later
ACTS = st.lists(
    st.tuples(
        st.sampled_from(["enter", "answer", "leave"]), st.integers(0, 7), st.integers(0, 9_000)
    ),
    max_size=120,
)


@given(ACTS, st.integers(1, 3), st.integers(1, 3), st.integers(1, 6))
def test_it_counts_as_a_list_of_all_calls_would(
    acts: list[Act], at_once: int, per_hour: int, per_day: int
) -> None:
    """The model keeps every call for ever and counts anew each time."""
    rules, clock = Limits(at_once=at_once, per_hour=per_hour, per_day=per_day), Clock()
    gate = Gate(clock)
    callers = {}
    up: dict[str, str] = {}
    talks: list[tuple[str, int]] = []
    answered: Counter[str] = Counter()
    for turn, (what, which, later) in enumerate(acts):
        clock.at += later * MICRO
        if what == "enter":
            call, caller = f"{which}-{turn}", [HENRI, MARIE][which % 2]
            mine = [at for who, at in talks if who == caller]
            expected = ""
            if sum(who == caller for who in up.values()) >= at_once:
                expected = "limit-at-once"
            elif len([at for at in mine if at > clock.at - DAY]) >= per_day:
                expected = "limit-often"
            elif len([at for at in mine if at > clock.at - HOUR]) >= per_hour:
                expected = "limit-often"
            assert gate.enter(call, caller, rules) == expected
            if not expected:
                callers[call] = up[call] = caller
        elif callers:
            call = list(callers)[which % len(callers)]
            if what == "leave":
                gate.leave(call)
                up.pop(call, None)
            else:
                gate.answered(call, clock.at)
                if not answered[call]:
                    talks.append((callers[call], clock.at))
                answered[call] += 1


def test_what_was_before_the_service_started_counts(tmp_path: Path) -> None:
    path = tmp_path / "decroche.db"
    schema.prepare(path)
    store = Store(path)
    for number, (caller, at, rung) in enumerate(
        [(HENRI, T0 - DAY - MICRO, 1), (HENRI, T0 - HOUR, 1), (HENRI, T0, 0), ("", T0, 1)]
    ):
        key = f"c-{number}"
        offer = {"agent": "ana", "offer": f"o-{number}"}
        steps = [(kinds.ARRIVED, {"trunk": "t", "did": "1"}), (kinds.KNOWN, {"caller": caller})]
        steps += [(kinds.ANSWERED, offer)] * rung
        store.append(
            [Event(id=f"{key}:{k}", at=at, kind=k, call=key, body=dict(b)) for k, b in steps]
        )
    store.close()
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    found = answers(connection, T0)
    connection.close()
    assert found == [(HENRI, T0 - HOUR)]
    gate = Gate(lambda: T0)
    gate.recall(found)
    assert gate.enter("1", HENRI, Limits(per_day=1)) == "limit-often"


def test_conversations_of_more_than_a_day_ago_are_forgotten() -> None:
    clock = Clock()
    gate = Gate(clock)
    for number in range(2_500):
        talk(gate, str(number), f"{number:032x}", clock.at)
        clock.at += DAY // 100
    assert len(gate._talks) < 1_500
