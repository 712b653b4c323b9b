"""Promised call-backs in the record: made, taken, tried again, kept, withdrawn."""

from contextlib import closing
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from decroche.hotline import Callbacks, HotlineError, parse
from decroche.records import booking, callbacks, kinds, ledger, numbers, people
from decroche.records.callbacks import CallbackError
from decroche.records.events import MICRO, Event, now
from decroche.records.opening import Opening, as_instant
from decroche.records.outside import as_dialled, may_dial
from decroche.records.promised import AGENT, CALLER, of_attempt
from decroche.records.rebuild import projections, rebuild
from decroche.records.schema import prepare, reader
from decroche.records.secrets import create
from decroche.records.store import Store

RULES = Callbacks(tries=3, pause=10)
ANA, BEN = "aa" * 16, "bb" * 16
TEXT = """
[line]
name = "Essai"
[menu]
default = "visio"
[queues.visio]
label = "Visio"
[trunks.local]
host = "127.0.0.1"
dids = ["100"]
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    prepare(tmp_path / "line.db")
    return tmp_path / "line.db"


def append(path: Path, *events: Event) -> None:
    store = Store(path)
    try:
        store.append(events)
    finally:
        store.close()


def promised(path: Path, caller: str, since: int, due: int = 0) -> None:
    where = (f"call-{caller[:2]}", "visio", "local", "100")
    append(path, callbacks.promise(RULES, caller, *where, since, due))


def row(path: Path, caller: str) -> dict[str, object]:
    with closing(reader(path)) as connection:
        found = connection.execute("SELECT * FROM callbacks WHERE caller = ?", (caller,))
        return dict(found.fetchone())


def due(path: Path, at: int = 0) -> list[str]:
    with closing(reader(path)) as connection:
        return [found["caller"] for found in callbacks.due(connection, at or now(), 10)]


def unanswered(path: Path, caller: str) -> None:
    """One attempt: the agent is there, the caller does not answer."""
    channel = callbacks.take(path, caller, "ana")
    append(path, of_attempt(channel, kinds.BACK_DIALLED, now()))
    append(path, of_attempt(channel, kinds.BACK_LEFT, now(), side=CALLER, cause="NOANSWER"))
    append(path, of_attempt(channel, kinds.BACK_LEFT, now(), side=AGENT, agent="ana"))


def test_the_oldest_arrival_is_due_first(path: Path) -> None:
    promised(path, ANA, since=2)
    promised(path, BEN, since=1)
    assert due(path) == [BEN, ANA]


def test_one_who_asks_again_keeps_the_place_and_is_promised_once(path: Path) -> None:
    promised(path, ANA, since=5)
    append(path, callbacks.promise(RULES, ANA, "later", "visio", "local", "100", 9, 0))
    assert row(path, ANA)["since"] == 5
    with closing(reader(path)) as connection:
        assert callbacks.count(connection) == 1


def test_an_attempt_is_made_by_one_alone(path: Path) -> None:
    promised(path, ANA, since=1)
    callbacks.take(path, ANA, "ana")
    assert due(path) == []
    with pytest.raises(CallbackError, match="ana is calling"):
        callbacks.take(path, ANA, "ben")
    with pytest.raises(CallbackError, match="ana is calling"):
        callbacks.withdraw(path, ANA, "Zoé")


def test_it_is_tried_again_after_a_pause_that_doubles_and_fails_in_the_end(path: Path) -> None:
    promised(path, ANA, since=1)
    for pause in (600, 1200):
        unanswered(path, ANA)
        found = row(path, ANA)
        assert found["stage"] == "waiting"
        assert int(str(found["due"])) - int(str(found["stage_since"])) == pause * MICRO
        assert due(path) == []
        callbacks.hurry(path, ANA, "Zoé")
        assert due(path) == [ANA]
    unanswered(path, ANA)
    assert (row(path, ANA)["stage"], row(path, ANA)["tries"]) == ("failed", 3)
    assert due(path, now() + 10**12) == []
    with pytest.raises(CallbackError, match="no call-back is promised"):
        callbacks.hurry(path, ANA, "Zoé")


def test_an_agent_who_does_not_answer_counts_for_nothing(path: Path) -> None:
    promised(path, ANA, since=1)
    channel = callbacks.take(path, ANA, "ana")
    append(path, of_attempt(channel, kinds.BACK_LEFT, now(), side=AGENT, agent="ana"))
    assert (row(path, ANA)["stage"], row(path, ANA)["tries"]) == ("waiting", 0)
    assert due(path) == [ANA]


def test_that_the_two_have_talked_counts_even_when_it_is_learnt_late(path: Path) -> None:
    promised(path, ANA, since=1)
    channel = callbacks.take(path, ANA, "ana")
    append(path, of_attempt(channel, kinds.BACK_DIALLED, now()))
    append(path, of_attempt(channel, kinds.BACK_LOST, now()))
    assert row(path, ANA)["stage"] == "waiting"
    append(path, of_attempt(channel, kinds.BACK_KEPT, now()))
    assert row(path, ANA)["stage"] == "kept"
    assert due(path) == []


def owe(path: Path, caller: str) -> None:
    """A call that reached nobody."""
    at, call = now(), f"missed-{caller[:2]}"
    body = {"trunk": "local", "did": "100"}
    append(
        path,
        Event(id=f"{call}:a", at=at, kind=kinds.ARRIVED, call=call, body=body),
        Event(id=f"{call}:k", at=at, kind=kinds.KNOWN, call=call, body={"caller": caller}),
        Event(id=f"{call}:e", at=at + 1, kind=kinds.ENDED, call=call),
    )


def test_a_promise_that_is_kept_closes_what_is_owed(path: Path) -> None:
    owe(path, ANA)
    promised(path, ANA, since=1)
    channel = callbacks.take(path, ANA, "ana")
    append(path, of_attempt(channel, kinds.BACK_DIALLED, now()))
    append(path, of_attempt(channel, kinds.BACK_KEPT, now()))
    with closing(reader(path)) as connection:
        entry = ledger.find(connection, ANA)
    assert entry is not None
    assert (entry["reason"], entry["closed_by"]) == ("answered", "ana")


def test_whoever_is_claimed_by_a_person_is_not_called_by_the_line(path: Path) -> None:
    owe(path, ANA)
    promised(path, ANA, since=1)
    ledger.claim(path, ANA, "Zoé")
    assert due(path) == []
    with pytest.raises(CallbackError, match="claimed"):
        callbacks.take(path, ANA, "ana")
    ledger.close(path, ANA, "Zoé", "talked")
    assert row(path, ANA)["stage"] == "cancelled"


def test_whoever_is_being_called_cannot_be_claimed(path: Path) -> None:
    owe(path, ANA)
    promised(path, ANA, since=1)
    callbacks.take(path, ANA, "ana")
    with pytest.raises(ledger.LedgerError, match="ana is calling") as caught:
        ledger.claim(path, ANA, "Zoé")
    assert caught.value.taken_by == "ana"


def test_a_number_is_kept_as_long_as_a_call_is_promised(path: Path) -> None:
    append_number = numbers.seal("+33611223344", ANA, "11" * 32)
    store = Store(path)
    store.append([append_number])
    store.close()
    promised(path, ANA, since=1)
    assert numbers.forget(path) == 0
    callbacks.withdraw(path, ANA, "Zoé")
    assert numbers.forget(path) == 1


OPEN = ("waiting", "ringing", "dialling", "talking")
ACTS = st.lists(
    st.tuples(
        st.sampled_from(["promise", "take", "dialled", "kept", "left", "away", "lost", "cancel"]),
        st.sampled_from([ANA, BEN]),
    ),
    max_size=40,
)


@given(acts=ACTS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_happens_a_rebuild_says_the_same(
    acts: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("line") / "line.db"
    prepare(path)
    channels: dict[str, str] = {}
    for number, (act, caller) in enumerate(acts):
        channel = channels.get(caller, "")
        if act == "promise":
            owe(path, caller)
            made = callbacks.promise(RULES, caller, f"c{number}", "visio", "local", "100", 1, 0)
            append(path, made)
        elif act == "take":
            try:
                channels[caller] = callbacks.take(path, caller, "ana")
            except CallbackError:
                continue
        elif act == "cancel":
            append(path, callbacks.cancelled(caller, "Zoé", "withdrawn"))
        elif channel:
            steps = {
                "dialled": kinds.BACK_DIALLED,
                "kept": kinds.BACK_KEPT,
                "lost": kinds.BACK_LOST,
            }
            side = {"left": {"side": CALLER}, "away": {"side": AGENT, "agent": "ana"}}.get(act, {})
            append(path, of_attempt(channel, steps.get(act, kinds.BACK_LEFT), now(), **side))
        with closing(reader(path)) as connection:
            rows = connection.execute("SELECT tries, tries_max, ended, stage FROM callbacks")
            for found in rows.fetchall():
                assert found["tries"] <= found["tries_max"]
                assert (found["ended"] is None) == (found["stage"] in OPEN)
    before = projections(path)
    rebuild(path)
    assert projections(path) == before


# A person books one.


def test_a_person_books_a_call_for_a_day(path: Path, tmp_path: Path) -> None:
    hotline = parse(TEXT + "[callbacks]\n")
    secrets = create(tmp_path / "secrets.toml")
    people.add_agent(path, "ana", "Ana", ["visio"])
    when = now() + 3600 * MICRO
    made = ("06 11 22 33 44", "Zoé", when, "", "ana", "La réponse de la CAF est là")
    caller = booking.book(path, hotline, secrets, *made)
    found = row(path, caller)
    assert (found["due"], found["agent"], found["queue"]) == (when, "ana", "visio")
    assert numbers.find(path, caller, secrets.number_key) == "+33611223344"
    assert due(path) == []
    assert due(path, when) == [caller]
    (listed,) = callbacks.as_rows(path)
    assert listed["reason"] == "La réponse de la CAF est là"
    assert callbacks.match(path, caller[:8]) == caller


@pytest.mark.parametrize(
    ("number", "agent", "what"),
    [
        ("0899 70 12 34", "", "not a number that this line may call"),
        ("+1 202 555 0100", "", "begin with"),
        ("allo", "", "not a number"),
        ("0611223344", "nobody", "no agent"),
    ],
)
def test_what_cannot_be_booked_is_refused(
    path: Path, tmp_path: Path, number: str, agent: str, what: str
) -> None:
    hotline = parse(TEXT + "[callbacks]\n")
    secrets = create(tmp_path / "secrets.toml")
    with pytest.raises(CallbackError, match=what):
        booking.book(path, hotline, secrets, number, "Zoé", now(), "", agent, "")


def test_a_line_that_calls_nobody_back_says_how_to_change_that() -> None:
    with pytest.raises(CallbackError, match="callbacks"):
        booking.rules_of(parse(TEXT))


@pytest.mark.parametrize(
    ("style", "dialled"),
    [("e164", "+33611223344"), ("digits", "33611223344"), ("national", "0611223344")],
)
def test_numbers_are_dialled_as_the_provider_wants_them(style: str, dialled: str) -> None:
    assert as_dialled("+33611223344", style) == dialled


def test_costly_numbers_are_never_called() -> None:
    assert may_dial("+33611223344", ["+33"])
    assert not may_dial("+33899701234", ["+33"])
    assert not may_dial("+33611223344", ["+32"])


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('prefixes = ["33"]', "callbacks.prefixes"),
        ('quiet = ["12:00"]', "callbacks.quiet"),
        ("tries = 0", "callbacks.tries"),
    ],
)
def test_odd_rules_are_refused(line: str, what: str) -> None:
    with pytest.raises(HotlineError, match=what):
        parse(TEXT + f"[callbacks]\n{line}\n")


def test_nobody_is_called_in_a_quiet_time() -> None:
    hotline = parse(TEXT + '[callbacks]\nquiet = ["12:30-13:30"]\n')
    at = datetime(2026, 11, 24, 12, 45, tzinfo=ZoneInfo("Europe/Paris"))
    opening = Opening(hotline)
    assert not opening.may_call(as_instant(at), "demarches")
    assert opening.may_call(as_instant(at.replace(hour=14)), "demarches")


def test_promises_of_queues_that_are_shut_do_not_stand_before_the_others(path: Path) -> None:
    rules = Callbacks()
    for number, queue in enumerate(("visio", "demarches")):
        caller, at = f"{number:032x}", now() - 10 + number
        append(path, callbacks.promise(rules, caller, f"c{number}", queue, "t", "1", at, at))
    with closing(reader(path)) as connection:
        found = callbacks.due(connection, now(), 1, ["visio"])
    assert [row["queue"] for row in found] == ["demarches"]
