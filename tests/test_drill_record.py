"""What a drill compares: the second translation of Asterisk's record, and the comparison."""

from pathlib import Path

import pytest

from decroche.asterisk.drill_record import Fact, Truth, compare, truth
from decroche.asterisk.translate import Record, translate
from decroche.records import kinds, schema
from decroche.records.events import Event, of_call
from decroche.records.store import Store

CALLER, PHONE = "PJSIP/trunk-street-0000000a", "PJSIP/ana-0000000b"
ANSWERED = [
    Fact("CHAN_START", CALLER, "b-1.0", "b-1.0"),
    Fact("CHAN_START", PHONE, "b-1.1", "b-1.0"),
    Fact("BRIDGE_ENTER", PHONE, "b-1.1", "b-1.0"),
    Fact("HANGUP", PHONE, "b-1.1", "b-1.0"),
    Fact("HANGUP", CALLER, "b-1.0", "b-1.0"),
]


def test_an_answered_call_demands_five_events() -> None:
    found = truth(ANSWERED, {"ana"})
    assert found.calls == ["b-1.0"]
    assert found.ids == {
        "b-1.0:call.arrived",
        "b-1.0:b-1.1:offer.rang",
        "b-1.0:b-1.1:call.answered",
        "b-1.0:b-1.1:offer.ended",
        "b-1.0:call.ended",
    }


def test_both_translations_make_the_same_ids() -> None:
    for fact in ANSWERED:
        record = Record(fact.event, 1, fact.channel, fact.unique, fact.linked, "100", "")
        event = translate(record, frozenset({"ana"}))
        assert event and truth([fact], {"ana"}).ids == {event.id}


@pytest.mark.parametrize(
    "fact",
    [
        Fact("CHAN_START", "PJSIP/ana-0000000b", "b-1.0", "b-1.0"),  # dials a code
        Fact("CHAN_START", "PJSIP/zoe-0000000b", "b-1.1", "b-1.0"),  # nobody of ours
        Fact("BRIDGE_ENTER", CALLER, "b-1.0", "b-1.0"),
        Fact("USER_DEFINED", CALLER, "b-1.0", "b-1.0"),
        Fact("CHAN_START", "Local/s@x-0000000b;1", "b-1.0", "b-1.0"),
    ],
)
def test_what_is_no_call_demands_nothing(fact: Fact) -> None:
    assert truth([fact], {"ana"}) == Truth()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "decroche.db"
    schema.prepare(path)
    return path


def append(path: Path, *events: Event) -> None:
    store = Store(path)
    store.append(events)
    store.close()


ARRIVED = of_call("b-1.0", "b-1.0", kinds.ARRIVED, 1, {"trunk": "t", "did": "1"})
ENDED = of_call("b-1.0", "b-1.0", kinds.ENDED, 2, {"cause": "16"})


def test_an_empty_record_lacks_everything(path: Path) -> None:
    lost = compare(path, truth(ANSWERED, {"ana"}), (), {"ana:5:agent.away"})
    assert lost.calls == ["b-1.0"]
    assert len(lost.events) == 6  # and the one that somebody had read
    assert lost


def test_a_whole_record_lacks_nothing(path: Path) -> None:
    append(path, ARRIVED, ENDED)
    assert not compare(path, truth([ANSWERED[0], ANSWERED[4]], {"ana"}), (), {ARRIVED.id})


def test_a_call_that_goes_on_may_be_open(path: Path) -> None:
    append(path, ARRIVED)
    demanded = truth(ANSWERED[:1], {"ana"})
    assert not compare(path, demanded, {"b-1.0"}, ())
    lost = compare(path, demanded, (), ())
    assert (lost.events, lost.open) == (["b-1.0:call.ended"], ["b-1.0"])


def test_a_call_whose_end_nobody_saw_must_be_interrupted(path: Path) -> None:
    end = Event(
        id=f"b-1.0:{kinds.ENDED}:interrupted",
        at=2,
        kind=kinds.ENDED,
        call="b-1.0",
        body={"outcome": "interrupted"},
    )
    append(path, ARRIVED, end)
    assert not compare(path, truth(ANSWERED[:1], {"ana"}), (), ())
