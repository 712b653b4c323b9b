"""The ledger: whoever reached nobody is in it until somebody has talked to them."""

import multiprocessing
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from decroche.records import kinds, ledger, numbers, rebuild, schema, tokens
from decroche.records.events import MICRO, Event, now
from decroche.records.schema import reader
from decroche.records.store import Store

KEY, OTHER = "11" * 32, "22" * 32
HENRI = tokens.token("+33611111111", KEY)
SERVER = multiprocessing.get_context("forkserver")


def call(
    number: int, at: float, caller: str | None, end: str = "", talk: bool = False
) -> list[Event]:
    """The events of a call at second ``at``: it waits 10 s; ``end``: why the line ended it."""
    key = f"b-{number}"
    steps: list[tuple[str, float, dict[str, str]]] = [
        (kinds.ARRIVED, 0, {"trunk": "t", "did": "1"})
    ]
    steps.append((kinds.KNOWN, 0.1, {"caller": caller} if caller else {}))
    if end != "closed":
        steps.append((kinds.QUEUED, 2, {"queue": "visio"}))
    rung = {"agent": "ana", "offer": f"o-{number}"}
    if talk:
        steps += [(kinds.RANG, 5, rung), (kinds.ANSWERED, 8, rung)]
    if end:
        steps.append((kinds.DISMISSED, 11, {"outcome": end}))
    steps.append((kinds.ENDED, 12, {"cause": "16"}))
    return [
        Event(id=f"{key}:{kind}", at=int((at + s) * MICRO), kind=kind, call=key, body=dict(body))
        for kind, s, body in steps
    ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    schema.prepare(tmp_path / "decroche.db")
    return tmp_path / "decroche.db"


def append(path: Path, *calls: list[Event]) -> None:
    store = Store(path)
    store.append([event for one in calls for event in one])
    store.close()


def entries(path: Path) -> list[dict[str, object]]:
    with closing(reader(path)) as connection:
        return [dict(row) for row in ledger.entries(connection)]


def entry(path: Path, caller: str = HENRI) -> dict[str, object]:
    with closing(reader(path)) as connection:
        row = connection.execute("SELECT * FROM ledger WHERE caller = ?", (caller,)).fetchone()
    return dict(row)


def test_every_attempt_raises_the_entry_of_its_caller(path: Path) -> None:
    append(path, call(1, 1000, HENRI), call(2, 2000, HENRI, "overflow"), call(3, 3000, HENRI))
    (found,) = entries(path)
    assert (found["attempts"], found["first"], found["last"]) == (3, 1000 * MICRO, 3000 * MICRO)
    assert (found["waited"], found["stage"], found["queue"]) == (10 * MICRO, "waiting", "visio")


def test_a_human_who_answers_closes_it_and_the_next_attempt_opens_it_anew(path: Path) -> None:
    append(path, call(1, 1000, HENRI), call(2, 2000, HENRI, talk=True))
    assert entries(path) == []
    assert (entry(path)["reason"], entry(path)["closed_by"]) == ("answered", "ana")
    append(path, call(3, 3000, HENRI))
    (found,) = entries(path)
    assert (found["attempts"], found["first"]) == (1, 3000 * MICRO)


@pytest.mark.parametrize("end", ["closed"])
def test_a_closed_line_owes_nothing(path: Path, end: str) -> None:
    append(path, call(1, 1000, HENRI, end))
    assert entries(path) == []


def test_a_closed_line_that_is_learnt_late_owes_nothing(path: Path) -> None:
    events = call(1, 1000, HENRI, "closed")
    append(path, events[:2] + events[3:])
    assert len(entries(path)) == 1
    append(path, events)
    assert entries(path) == []


def test_who_withheld_the_number_is_counted_not_listed(path: Path) -> None:
    append(
        path, call(1, 1000, None), call(2, 1000, None, "overflow"), call(3, 1000, None, talk=True)
    )
    assert entries(path) == []
    with closing(reader(path)) as connection:
        assert ledger.withheld(connection, 0) == 2


def test_who_it_was_may_be_learnt_after_the_end(path: Path) -> None:
    events = call(1, 1000, HENRI)
    append(path, [events[0], *events[2:]])
    assert entries(path) == []
    append(path, events)
    assert entries(path)[0]["attempts"] == 1
    events = call(2, 2000, HENRI, talk=True)
    append(path, [events[0], *events[2:]], events)
    assert entries(path) == []


def test_an_interrupted_call_counts_once_and_an_answer_learnt_late_closes_it(path: Path) -> None:
    events = call(1, 1000, HENRI, talk=True)
    gone = Event(
        id="b-1:ghost",
        at=1020 * MICRO,
        kind=kinds.ENDED,
        call="b-1",
        body={"outcome": "interrupted"},
    )
    append(path, [*events[:3], gone])
    assert entries(path)[0]["attempts"] == 1
    append(path, events)
    assert entries(path) == []


# A day, against a model of its own.


@dataclass
class Truth:
    """What the ledger must say, counted in the simplest way."""

    attempts: dict[str, int] = field(default_factory=dict)

    def take(self, caller: str | None, how: str) -> None:
        if caller is None or how == "closed":
            return
        if how == "talk":
            self.attempts.pop(caller, None)
        else:
            self.attempts[caller] = self.attempts.get(caller, 0) + 1


@pytest.mark.parametrize("seed", range(5))
def test_a_day_of_500_calls_is_as_it_was(path: Path, seed: int) -> None:
    """Abandons, repeats and withheld numbers; told once, told twice, in batches of any size."""
    chance, truth = random.Random(seed), Truth()
    people = [tokens.token(f"+336{number:08}", KEY) for number in range(120)]
    events: list[Event] = []
    for number in range(500):
        caller = None if chance.random() < 0.1 else chance.choice(people)
        how = chance.choice(["", "", "overflow", "refused-empty", "closed", "talk", "talk"])
        truth.take(caller, how)
        end = "" if how == "talk" else how
        events += call(number, 1000 + number * 60, caller, end, how == "talk")
    store = Store(path)
    rest = list(events)
    while rest:
        size = chance.randrange(1, 60)
        store.append(rest[:size])
        if chance.random() < 0.2:
            store.append(rest[:size])
        rest = rest[size:]
    store.close()
    assert {row["caller"]: row["attempts"] for row in entries(path)} == truth.attempts
    order = [(-int(str(row["attempts"])), int(str(row["first"]))) for row in entries(path)]
    assert order == sorted(order)
    before = rebuild.projections(path)
    rebuild.rebuild(path)
    assert rebuild.projections(path) == before


# Working it.


def test_two_never_have_the_same_entry(path: Path) -> None:
    append(path, call(1, 1000, HENRI))
    ledger.claim(path, HENRI, "camille")
    ledger.claim(path, HENRI, "camille")  # to have it longer
    with pytest.raises(ledger.LedgerError, match="camille has this entry") as refused:
        ledger.claim(path, HENRI, "driss")
    assert refused.value.taken_by == "camille"
    for act in (ledger.release, ledger.tried):
        with pytest.raises(ledger.LedgerError):
            act(path, HENRI, "driss")
    ledger.release(path, HENRI, "camille")
    ledger.claim(path, HENRI, "driss")


def test_a_claim_ends_by_itself(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append(path, call(1, 1000, HENRI))
    ledger.claim(path, HENRI, "camille")
    monkeypatch.setattr(ledger, "now", lambda: now() + (ledger.CLAIM + 1) * MICRO)
    ledger.claim(path, HENRI, "driss")
    assert entry(path)["claimed_by"] == "driss"


def test_calls_in_vain_are_counted_and_end_after_some(path: Path) -> None:
    append(path, call(1, 1000, HENRI))
    for times in range(1, ledger.TRIES + 1):
        assert len(entries(path)) == 1
        ledger.tried(path, HENRI, "camille")
        assert entry(path)["tries"] == times
    assert entries(path) == []
    assert entry(path)["reason"] == "no-answer"


def test_a_person_closes_it_with_a_reason(path: Path) -> None:
    append(path, call(1, 1000, HENRI))
    with pytest.raises(ValueError, match="talked, not-needed"):
        ledger.close(path, HENRI, "camille", "because")
    ledger.close(path, HENRI, "camille", "talked")
    assert (entry(path)["reason"], entry(path)["closed_by"]) == ("talked", "camille")
    with pytest.raises(ledger.LedgerError, match="closed already"):
        ledger.claim(path, HENRI, "camille")
    with pytest.raises(ledger.LedgerError):
        ledger.claim(path, "nobody", "camille")


def test_a_closing_by_mistake_can_be_taken_back_for_a_while(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(path, call(1, 1000, HENRI), call(2, 2000, HENRI))
    with pytest.raises(ledger.LedgerError):
        ledger.reopen(path, HENRI, "camille")  # it is open
    ledger.close(path, HENRI, "camille", "talked")
    with pytest.raises(ledger.LedgerError):
        ledger.reopen(path, HENRI, "driss")
    ledger.reopen(path, HENRI, "camille")
    (found,) = entries(path)
    assert (found["attempts"], found["claimed_by"]) == (2, "camille")
    ledger.close(path, HENRI, "camille", "talked")
    monkeypatch.setattr(ledger, "now", lambda: now() + (numbers.UNDO + 1) * MICRO)
    with pytest.raises(ledger.LedgerError):
        ledger.reopen(path, HENRI, "camille")


def test_who_was_answered_is_not_owed_again_by_a_name_that_is_alike(path: Path) -> None:
    at = now() / MICRO
    append(path, call(1, at - 100, HENRI), call(2, at - 50, HENRI, talk=True))
    assert entry(path)["closed_by"] == "ana"
    with pytest.raises(ledger.LedgerError):
        ledger.reopen(path, HENRI, "ana")


def test_twenty_who_claim_at_once_get_twenty_entries(path: Path) -> None:
    """Each takes the first that it can have, again and again, until none is left."""
    people = [tokens.token(f"+336{number:08}", KEY) for number in range(40)]
    append(path, *(call(number, 1000 + number, caller) for number, caller in enumerate(people)))
    with SERVER.Pool(20) as pool:
        taken = pool.starmap(claim_all, [(path, f"agent{number}") for number in range(20)])
    assert sorted(caller for one in taken for caller in one) == sorted(people)
    with closing(reader(path)) as connection:
        sql = "SELECT count(*), count(DISTINCT body) FROM journal WHERE kind = ?"
        assert tuple(connection.execute(sql, (kinds.OWED_CLAIMED,)).fetchone()) == (40, 40)


def claim_all(path: Path, by: str) -> list[str]:
    found = []
    for row in entries(path):
        try:
            ledger.claim(path, str(row["caller"]), by)
        except ledger.LedgerError:
            continue
        found.append(str(row["caller"]))
    return found


# Numbers.


@pytest.fixture
def kept(path: Path) -> Iterator[Path]:
    store = Store(path)
    store.append([numbers.seal("+33611111111", HENRI, KEY), *call(1, 1000, HENRI)])
    store.close()
    yield path


def test_a_number_is_kept_sealed_while_a_call_is_owed(kept: Path) -> None:
    assert numbers.forget(kept) == 0
    assert numbers.find(kept, HENRI, KEY) == "+33611111111"
    assert numbers.find(kept, HENRI, OTHER) is None
    assert numbers.find(kept, "nobody", KEY) is None
    for file in kept.parent.iterdir():
        assert b"33611111111" not in file.read_bytes()


def test_a_number_is_forgotten_when_nothing_is_owed(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(kept)) as connection:
        sealed = connection.execute("SELECT sealed FROM numbers").fetchone()[0]
    ledger.close(kept, HENRI, "camille", "talked")
    assert numbers.forget(kept) == 0  # the closing can be taken back for a while
    monkeypatch.setattr(numbers, "now", lambda: now() + (numbers.UNDO + 1) * MICRO)
    assert numbers.forget(kept) == 1
    assert numbers.find(kept, HENRI, KEY) is None
    with closing(sqlite3.connect(kept)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert sealed not in kept.read_bytes()


def test_a_sealed_number_belongs_to_its_token_alone(kept: Path) -> None:
    with closing(sqlite3.connect(kept)) as connection, connection:
        connection.execute("UPDATE numbers SET caller = 'other'")
    assert numbers.find(kept, "other", KEY) is None


def test_a_number_is_kept_while_its_call_goes_on(path: Path) -> None:
    store = Store(path)
    store.append([numbers.seal("+33611111111", HENRI, KEY), *call(1, 1000, HENRI, talk=True)[:-1]])
    assert numbers.forget(path) == 0
    store.append(call(1, 1000, HENRI, talk=True))
    assert numbers.forget(path) == 1
    store.close()
