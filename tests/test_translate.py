"""Asterisk's channel event log as journal events."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decroche.asterisk.translate import Record, from_ami, translate
from decroche.records import dialplan, kinds

AGENTS = frozenset({"ana", "trunkless"})
CALLER, AGENT = "PJSIP/trunk-street-00000001", "PJSIP/ana-00000002"


def record(event: str, channel: str = CALLER, unique: str = "9.1", extra: object = "") -> Record:
    text = extra if isinstance(extra, str) else json.dumps(extra)
    return Record(event, 1_000_000, channel, unique, "9.1", "0900000000", text)


def rung(event: str, extra: object = "", channel: str = AGENT) -> Record:
    return record(event, channel, "9.2", extra)


@pytest.mark.parametrize(
    ("seen", "kind", "body"),
    [
        (record("CHAN_START"), kinds.ARRIVED, {"trunk": "street", "did": "0900000000"}),
        (record(kinds.KNOWN, extra={"extra": "f00d"}), kinds.KNOWN, {"caller": "f00d"}),
        (record(kinds.KNOWN, extra={"extra": ""}), kinds.KNOWN, {}),
        (record(kinds.ASKED), kinds.ASKED, {}),
        (record(kinds.CHOSE, extra={"extra": "* q"}), kinds.CHOSE, {"key": "*", "queue": "q"}),
        (record(kinds.QUEUED, extra={"extra": "q"}), kinds.QUEUED, {"queue": "q"}),
        (record(kinds.FELL_BACK, extra={"extra": "q"}), kinds.FELL_BACK, {"queue": "q"}),
        (
            record(kinds.DISMISSED, extra={"extra": "overflow"}),
            kinds.DISMISSED,
            {"outcome": "overflow"},
        ),
        (record("HANGUP", extra={"hangupcause": 16}), kinds.ENDED, {"cause": "16"}),
        (rung("CHAN_START"), kinds.RANG, {"agent": "ana", "offer": "9.2"}),
        (rung("BRIDGE_ENTER"), kinds.ANSWERED, {"agent": "ana", "offer": "9.2"}),
        (
            rung("HANGUP", {"hangupcause": "17"}),
            kinds.OFFER_ENDED,
            {"agent": "ana", "offer": "9.2", "cause": "17"},
        ),
    ],
)
def test_a_record_means_one_event(seen: Record, kind: str, body: dict[str, str]) -> None:
    event = translate(seen, AGENTS)
    assert event is not None
    assert (event.kind, event.body, event.at) == (kind, body, 1_000_000)
    assert event.call == "9.1"
    assert event.actor == body.get("agent", "")


@pytest.mark.parametrize(
    "seen",
    [
        record("BRIDGE_ENTER"),
        record("ANSWER"),
        record("call.forged"),
        record("agent.available"),
        record("CHAN_START", channel="Local/s@callers-0001;1"),
        record("CHAN_START", channel="PJSIP/stranger-0001", unique="9.2"),
        record("CHAN_START", channel="PJSIP/ana-0001"),  # Ana herself dials a feature code
        record("CHAN_START", unique="9.7"),  # a trunk that is rung: not a caller
        rung(kinds.CHOSE, {"extra": "1 q"}),  # only a caller's channel tells a caller's story
        record("CHAN_START", channel=""),
    ],
)
def test_other_records_mean_nothing(seen: Record) -> None:
    assert translate(seen, AGENTS) is None


def test_the_same_record_has_the_same_id() -> None:
    first, second = translate(rung("HANGUP"), AGENTS), translate(rung("HANGUP"), AGENTS)
    assert first and second
    assert first.id == second.id == "9.1:9.2:offer.ended"


def test_facts_that_happen_twice_have_two_ids() -> None:
    ids = set()
    for extra in ("1 demarches", "2 visio"):
        event = translate(record(kinds.CHOSE, extra={"extra": extra}), AGENTS)
        assert event
        ids.add(event.id)
    assert len(ids) == 2


@pytest.mark.parametrize("extra", ["", "{", "[]", "null", '"text"', '{"extra": null}', "\x00"])
def test_an_extra_that_is_no_object_harms_nothing(extra: str) -> None:
    event = translate(record("HANGUP", extra=extra), AGENTS)
    assert event and event.body == {"cause": ""}


@given(st.text(), st.text())
def test_words_that_no_flow_says_are_dropped(extra: str, cause: str) -> None:
    event = translate(record(kinds.CHOSE, extra={"extra": extra}), AGENTS)
    assert event
    for value in event.body.values():
        assert value.replace("-", "").replace("_", "").strip("*#").isascii()
        assert not any(sign.isspace() or ord(sign) < 0x20 for sign in value)
    ended = translate(record("HANGUP", extra={"hangupcause": cause}), AGENTS)
    assert ended and (ended.body["cause"] == "" or ended.body["cause"].isdecimal())


def test_it_reads_a_record_from_ami() -> None:
    packet = {
        "Event": "CEL",
        "EventName": "HANGUP",
        "Timestamp": "1795402635.300004",
        "Channel": CALLER,
        "UniqueID": "9.1",
        "LinkedID": "9.1",
        "Exten": "s",
        "Extra": '{"hangupcause":16}',
    }
    assert from_ami(packet) == Record(
        "HANGUP", 1_795_402_635_300_004, CALLER, "9.1", "9.1", "s", '{"hangupcause":16}'
    )
    with pytest.raises(KeyError):
        from_ami({"Event": "CEL"})
    with pytest.raises(ValueError, match="never"):
        from_ami(packet | {"Timestamp": "never"})


def test_every_note_of_a_flow_has_a_kind() -> None:
    assert dialplan.NOTES.keys() <= kinds.KINDS
