"""What is older than its clock goes, what is owed stays, and a rebuild computes the same."""

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from decroche.hotline import Callbacks
from decroche.records import (
    callbacks,
    clocks,
    erasures,
    kinds,
    numbers,
    people,
    purge,
    schema,
    tokens,
)
from decroche.records.clocks import DAY, before
from decroche.records.events import MICRO, Event
from decroche.records.rebuild import projections, rebuild
from decroche.records.schema import reader
from decroche.records.store import Store

PARIS = ZoneInfo("Europe/Paris")
NOW = int(datetime(2026, 11, 24, 3, tzinfo=PARIS).timestamp()) * MICRO
KEY = "11" * 32
CALLERS = [tokens.token(f"+3361111111{number}", KEY) for number in range(4)]
HENRI = CALLERS[0]
GONE = '*"caller":""*'


@dataclass(frozen=True)
class Call:
    """A call ``days`` ago; ``how``: talk, abandoned, overflow, closed."""

    days: float
    caller: str | None = HENRI
    how: str = "abandoned"
    length: int = 60  # seconds

    def events(self, number: int) -> list[Event]:
        key, at = f"b-{number}", int(NOW - self.days * DAY)
        rung = {"agent": "ana", "offer": f"o-{number}"}
        body = {"caller": self.caller} if self.caller else {}
        found = [(kinds.ARRIVED, 0, {"trunk": "t", "did": "1"}), (kinds.KNOWN, 1, body)]
        if self.how == "talk":
            found += [(kinds.RANG, 5, rung), (kinds.ANSWERED, 8, rung)]
            found += [(kinds.OFFER_ENDED, self.length, rung | {"cause": "16"})]
        elif self.how != "abandoned":
            found += [(kinds.DISMISSED, 2, {"outcome": self.how})]
        found += [(kinds.ENDED, self.length, {"cause": "16"})]
        return [
            Event(
                id=f"{key}:{kind}" + (f":{self.caller}" if kind == kinds.KNOWN else ""),
                at=at + second * MICRO,
                kind=kind,
                call=key,
                actor=body.get("agent", ""),
                body=dict(body),
            )
            for kind, second, body in found
        ]


@dataclass(frozen=True)
class Act:
    """Something that a person did with an entry, or that an agent declared, ``days`` ago."""

    days: float
    kind: str
    caller: str = HENRI

    def events(self, number: int) -> list[Event]:
        at = int(NOW - self.days * DAY)
        if self.kind.startswith("agent."):
            key = f"ana:{self.kind}:{at}-{number}"
            return [Event(id=key, at=at, kind=self.kind, actor="ana", body={"until": at})]
        body = {"caller": self.caller, "reason": "talked", "until": at}
        key = f"{self.caller}:{self.kind}:{at}-{number}"
        return [Event(id=key, at=at, kind=self.kind, actor="camille", body=body)]


Story = Sequence[Call | Act]


def write(path: Path, story: Story) -> None:
    schema.prepare(path)
    events = [event for number, one in enumerate(story) for event in one.events(number)]
    store = Store(path)
    store.append(events)
    store.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    schema.prepare(tmp_path / "decroche.db")
    return tmp_path / "decroche.db"


def rows(path: Path, sql: str, *values: object) -> list[dict[str, Any]]:
    with closing(reader(path)) as connection:
        return [dict(row) for row in connection.execute(sql, values)]


def callers(path: Path) -> set[str]:
    """Every token that stands anywhere in the journal or in what is computed."""
    return {caller for caller in CALLERS if caller.encode() in dump(path)}


def dump(path: Path) -> bytes:
    with closing(sqlite3.connect(path)) as connection:
        return "\n".join(connection.iterdump()).encode()


def owed(path: Path) -> list[dict[str, Any]]:
    return rows(path, "SELECT * FROM ledger WHERE closed IS NULL ORDER BY caller")


def counts(done: list[purge.Done]) -> dict[str, int]:
    return {one.clock: one.count for one in done if one.count}


def carry_out(path: Path, at: int = NOW, **how: Any) -> dict[str, int]:
    return counts(purge.purge(path, at, PARIS, **how))


AGES = st.one_of(st.floats(0.1, 200), st.floats(29.9, 30.1), st.floats(89.99, 90.01))
CALLS = st.builds(
    Call,
    AGES,
    st.sampled_from([*CALLERS, None]),
    st.sampled_from(["talk", "abandoned", "overflow", "closed"]),
    st.sampled_from([60, 3600]),
)
ACTS = st.builds(
    Act,
    AGES,
    st.sampled_from(sorted(kinds.LEDGER_KINDS | {kinds.AVAILABLE, kinds.AWAY, kinds.UNREACHABLE})),
    st.sampled_from(CALLERS),
)
STORIES = st.lists(st.one_of(CALLS, ACTS), max_size=30)


@settings(max_examples=150)
@given(STORIES, st.booleans())
@example([Call(40, how="abandoned", length=3600), Call(40.0, how="talk"), Call(5)], True)
def test_whatever_happened_the_clocks_hold(story: list[Call | Act], in_order: bool) -> None:
    """In the order in which it happened, or as a late look at the records may find it."""
    if in_order:
        story = sorted(story, key=lambda one: -one.days)
    with TemporaryDirectory() as folder:
        path = Path(folder, "decroche.db")
        write(path, [Act(300, kinds.AVAILABLE), *story])
        people.add_agent(path, "ana", "Ana", [])
        before_it = owed(path)
        newest = rows(path, "SELECT max(seq) AS seq FROM journal")[0]["seq"]
        presence = rows(path, "SELECT state, reachable FROM presence")
        carry_out(path)
        assert_computed_again_is_the_same(path)
        assert_nothing_is_over_its_clock(path)
        late = {row["caller"] for row in before_it if row["last"] <= before(NOW, clocks.OWED)}
        assert owed(path) == [row for row in before_it if row["caller"] not in late]
        expired = rows(path, "SELECT caller FROM ledger WHERE reason = 'expired'")
        assert {row["caller"] for row in expired} <= late
        assert rows(path, "SELECT max(seq) AS seq FROM journal")[0]["seq"] >= newest
        assert rows(path, "SELECT state, reachable FROM presence") == presence
        carry_out(path)  # acts on entries whose calls went just now
        assert carry_out(path) == {}


def assert_computed_again_is_the_same(path: Path) -> None:
    live = projections(path)
    rebuild(path)
    assert projections(path) == live


def assert_nothing_is_over_its_clock(path: Path) -> None:
    entries = {row["caller"]: row for row in rows(path, "SELECT * FROM ledger")}
    limit, today = before(NOW, clocks.TOKEN), before(NOW, 1)
    for row in rows(path, "SELECT * FROM calls WHERE caller <> ''"):
        entry = entries.get(row["caller"])
        kept = entry and (entry["closed"] is None or entry["closed"] > today)
        assert kept or max(row["ended"], row["answered"] or 0) > limit
    for entry in entries.values():
        assert entry["closed"] is None or entry["closed"] > limit
    assert (
        rows(path, "SELECT 1 FROM journal WHERE kind GLOB 'ledger.*' AND body GLOB ?", GONE) == []
    )
    half_a_year = before(NOW, clocks.AGENTS)
    assert all(row["rang"] > half_a_year for row in rows(path, "SELECT rang FROM offers"))
    sql = "SELECT count(*) AS n FROM journal WHERE at <= ? AND kind LIKE 'call.%' AND body LIKE ?"
    assert rows(path, sql, half_a_year, "%ana%") == [{"n": 0}]


def test_a_token_is_kept_for_thirty_days(path: Path) -> None:
    """Then the id says what the body says, as always: it names nobody."""
    write(path, [Call(30.1, how="talk"), Call(29.9, CALLERS[1], how="talk")])
    assert carry_out(path) == {"tokens": 1}
    known = rows(path, "SELECT id, body FROM journal WHERE kind = ? ORDER BY seq", kinds.KNOWN)
    assert known[0] == {"id": "b-0:call.known:", "body": '{"caller":""}'}
    assert callers(path) == {CALLERS[1]}
    assert [row["outcome"] for row in rows(path, "SELECT * FROM calls")] == ["answered"] * 2


def test_it_is_kept_while_a_call_is_owed_and_not_for_ever(path: Path) -> None:
    write(path, [Call(80), Call(60), Call(50, CALLERS[1]), Act(45, kinds.OWED_TRIED)])
    before_it = owed(path)
    assert carry_out(path) == {}
    assert owed(path) == before_it
    assert {row["caller"]: row["attempts"] for row in owed(path)} == {HENRI: 2, CALLERS[1]: 1}
    # What is closed today can still be opened again.
    assert carry_out(path, NOW + 30 * DAY + DAY // 2) == {"owed": 1}
    assert [row["caller"] for row in owed(path)] == [CALLERS[1]]
    assert carry_out(path, NOW + 32 * DAY) == {"tokens": 2}
    assert carry_out(path, NOW + 42 * DAY) == {"owed": 1, "tokens": 2}
    assert carry_out(path, NOW + 100 * DAY) == {"tokens": 2}  # what was done with the entries
    assert callers(path) == set()


def test_an_entry_that_was_closed_is_not_opened_by_what_is_left(path: Path) -> None:
    """A long call in vain, and beside it a short one that was answered."""
    write(path, [Call(30.02, length=3600), Call(30.001, how="talk")])
    for hours in range(0, 48):
        carry_out(path, NOW + hours * 3600 * MICRO)
        assert_computed_again_is_the_same(path)
    assert callers(path) == set()


def test_what_single_agents_did_is_kept_for_half_a_year(path: Path) -> None:
    people.add_agent(path, "ana", "Ana", [])
    write(path, [Call(184, None, "talk"), Call(182, None, "talk"), Act(190, kinds.AVAILABLE)])
    store = Store(path)
    events = [event for event in Act(300, kinds.AWAY).events(7)]
    events += [Event(id="gone", at=1, kind=kinds.AWAY, actor="gone")]
    store.append(events)
    store.close()
    rebuild(path)
    assert carry_out(path)["agents"] >= 4
    old, new = rows(path, "SELECT * FROM calls ORDER BY arrived")
    assert (old["outcome"], old["agent"], old["answered"] > 0) == ("answered", None, True)
    assert new["agent"] == "ana"
    assert len(rows(path, "SELECT * FROM offers")) == 1
    assert [row["agent"] for row in rows(path, "SELECT * FROM presence")] == ["ana"]
    assert carry_out(path, NOW + 3 * DAY) == {"agents": 3}
    declared = rows(path, "SELECT kind FROM journal WHERE kind LIKE 'agent.%' AND actor = 'ana'")
    assert [row["kind"] for row in declared] == [kinds.ADDED, kinds.AWAY]


def test_calls_leave_by_whole_local_days_and_their_figures_stay(path: Path) -> None:
    write(path, [Call(398, None), Call(397, None, "talk"), Call(396.1, None), Call(300, None)])
    before = [row["number"] for row in rows(path, "SELECT number FROM calls ORDER BY arrived")]
    assert carry_out(path)["calls"] == 2
    left = rows(path, "SELECT number, arrived FROM calls ORDER BY arrived")
    assert [round((NOW - row["arrived"]) / DAY, 1) for row in left] == [396.1, 300.0]
    assert [row["number"] for row in left] == before[2:]  # nobody is numbered anew
    counted = rows(path, "SELECT body FROM days ORDER BY date")
    arrived = [
        sum(sum(cell["fates"].values()) for cell in json.loads(row["body"])["cells"])
        for row in counted
    ]
    assert arrived == [1, 1]
    assert carry_out(path) == {}
    assert carry_out(path, NOW + DAY)["calls"] == 1
    assert_computed_again_is_the_same(path)


def test_a_day_with_a_call_that_is_open_waits(path: Path) -> None:
    write(path, [Call(398, None), Call(397, None), Call(396.9, None)])
    store = Store(path)
    store.connection.execute(
        "DELETE FROM journal WHERE kind = ? AND call = (SELECT call FROM calls WHERE number = 2)",
        (kinds.ENDED,),
    )
    store.close()
    rebuild(path)
    assert carry_out(path)["calls"] == 1
    assert len(rows(path, "SELECT * FROM calls")) == 2


@pytest.mark.parametrize("over", [True, False])
def test_a_promised_call_back_keeps_its_token_until_it_is_over(path: Path, over: bool) -> None:
    write(path, [Call(60, HENRI, "talk")])
    at = NOW - 40 * DAY
    rules, store = Callbacks(), Store(path)
    made = callbacks.promise(rules, HENRI, "", "q", "t", "1", at, at)
    store.append([msgspec.structs.replace(made, id="promise", at=at)])
    if over:
        gone = callbacks.cancelled(HENRI, "", "withdrawn")
        store.append([msgspec.structs.replace(gone, id="gone", at=at + DAY)])
    store.close()
    carry_out(path)
    assert len(rows(path, "SELECT * FROM callbacks")) == int(not over)
    assert (HENRI in str(rows(path, "SELECT * FROM journal"))) == (not over)
    assert_computed_again_is_the_same(path)


def test_a_promise_that_nobody_could_keep_is_over_with_what_is_owed(path: Path) -> None:
    at, store = NOW - 95 * DAY, Store(path)
    made = callbacks.promise(Callbacks(), HENRI, "", "q", "t", "1", at, at)
    store.append([msgspec.structs.replace(made, id="promise", at=at)])
    store.close()
    assert carry_out(path)["owed"] == 1
    assert rows(path, "SELECT * FROM callbacks WHERE ended IS NULL") == []
    assert_computed_again_is_the_same(path)


@pytest.mark.parametrize(("day", "hours"), [("2025-10-26", 25), ("2026-03-29", 23)])
def test_days_of_other_lengths_are_whole(day: str, hours: int) -> None:
    begin = date.fromisoformat(day)
    end = date.fromordinal(begin.toordinal() + 1)
    length = purge.midnight(end, PARIS) - purge.midnight(begin, PARIS)
    assert length == hours * 3600 * MICRO


def test_the_newest_event_stays_whatever_it_is(path: Path) -> None:
    """Its place is never given twice: who follows the journal would miss the second."""
    write(path, [Call(400, None), Act(35, kinds.OWED_CLAIMED, "0" * 32)])
    newest = rows(path, "SELECT max(seq) AS seq FROM journal")[0]["seq"]
    for days in (0, 2, 800, 801):
        purge.purge(path, NOW + days * DAY, PARIS)
        found = rows(path, "SELECT max(seq) AS seq FROM journal")[0]["seq"]
        assert found >= newest
        newest = found


def test_a_trial_changes_nothing(path: Path) -> None:
    write(path, [Call(40, how="talk"), Call(95, CALLERS[1])])
    was = dump(path)
    assert carry_out(path, dry_run=True) == {"owed": 1, "tokens": 2}
    assert dump(path) == was


def test_it_leaves_no_trace_in_the_files(path: Path) -> None:
    """Neither in freed pages nor in the write-ahead log, and while others have the file open."""
    other = Store(path)
    write(path, [Call(40 + n / 100, caller, "talk") for n, caller in enumerate(CALLERS * 20)])
    assert HENRI.encode() in b"".join(file.read_bytes() for file in path.parent.iterdir())
    carry_out(path)
    purge.compact(path)
    for file in path.parent.iterdir():
        assert not [caller for caller in CALLERS if caller.encode() in file.read_bytes()]
    other.close()


def test_a_writer_that_runs_notices(path: Path) -> None:
    """Its rows in memory are those of before: what it appends next must meet the new ones."""
    write(path, [Call(125)])
    writer = Store(path)
    writer.append(Call(0.2, CALLERS[2], "talk").events(10))
    assert carry_out(path) == {"owed": 1, "tokens": 2}
    assert len(writer.append(Call(0.1, HENRI, "talk").events(11))) == 6
    writer.close()
    assert rows(path, "SELECT * FROM ledger") == []
    assert_computed_again_is_the_same(path)


def test_what_was_forgotten_and_came_back_is_erased_again(path: Path, tmp_path: Path) -> None:
    store = Store(path)
    store.append([numbers.seal("+33611111110", HENRI, KEY), *Call(3).events(1)])
    store.close()
    file = tmp_path / "erasures.jsonl"
    erasures.note(file, [HENRI], NOW)
    assert carry_out(path, forgotten=file) == {"erasures": 1}
    assert owed(path) == []
    assert HENRI not in str(rows(path, "SELECT * FROM journal"))
    assert_computed_again_is_the_same(path)


def test_a_torn_line_of_the_erasure_journal_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "erasures.jsonl"
    erasures.note(file, [HENRI], NOW)
    with open(file, "ab") as torn:
        torn.write(b'{"at":1,"cal')
    erasures.note(file, CALLERS[1:3], NOW + 1)
    assert [one.caller for one in erasures.read(file)] == CALLERS[:3]
    assert file.stat().st_mode & 0o777 == 0o600
    assert erasures.shorten(file, NOW) == 1
    assert [one.caller for one in erasures.read(file)] == CALLERS[1:3]
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_present_is_utc() -> None:
    assert datetime.fromtimestamp(NOW / MICRO, UTC).hour == 2
