"""A damaged database is put aside, and every row that can be read is in the new one."""

import os
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from decroche.dashboard import accounts
from decroche.kb import schema as kb
from decroche.records import kinds, people, schema
from decroche.records.check import check
from decroche.records.damaged import read_rows
from decroche.records.events import Event, of_call
from decroche.records.rebuild import projections
from decroche.records.salvage import is_whole, mend, revive
from decroche.records.store import Store
from decroche.records.trouble import Replaced

CALLS = 300


def story(number: int) -> Iterator[Event]:
    """A call that is answered, or given up."""
    second = 1_767_225_600 + 60 * number
    call, at = f"20260101000000-{second}.0", second * 1_000_000 + 300_000
    offer, who = f"20260101000000-{second}.1", f"agent{number % 3}"
    yield of_call(call, call, kinds.ARRIVED, at, {"trunk": "t", "did": "100"})
    yield of_call(call, call, kinds.KNOWN, at + 1, {"caller": f"{number:032x}"}, f"{number:032x}")
    yield of_call(call, call, kinds.QUEUED, at + 2, {"queue": "demarches"}, "demarches")
    if number % 2:
        body = {"agent": who, "offer": offer}
        yield of_call(call, offer, kinds.RANG, at + 3, body)
        yield of_call(call, offer, kinds.ANSWERED, at + 4, body)
        yield of_call(call, offer, kinds.OFFER_ENDED, at + 5, body | {"cause": "16"})
    yield of_call(call, call, kinds.ENDED, at + 6, {"cause": "16"})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with calls, agents, an account and sheets; nothing of it in a log beside it."""
    path = tmp_path / "decroche.db"
    schema.prepare(path)
    kb.migrate(path)
    accounts.prepare(path)
    for number in range(3):
        people.add_agent(path, f"agent{number}", f"Agent {number}", ["demarches"])
    accounts.claim(path, accounts.issue_code(path), "Camille", "correct horse battery staple")
    store = Store(path)
    store.append([event for number in range(CALLS) for event in story(number)])
    store.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(schema.reader(path)) as connection:
        return [tuple(row) for row in connection.execute(sql)]


def pages_of(path: Path, name: str) -> list[int]:
    """The pages of a table or an index, from 1."""
    found = rows(path, f"SELECT pageno FROM dbstat WHERE name = '{name}' ORDER BY pageno")
    return [int(str(row[0])) for row in found]


def damage(path: Path, pages: list[int], chance: random.Random) -> None:
    with open(path, "r+b") as file:
        for page in pages:
            file.seek((page - 1) * schema.PAGE)
            file.write(
                bytes(schema.PAGE) if chance.random() < 0.5 else chance.randbytes(schema.PAGE)
            )


def leaves_of(path: Path, name: str) -> list[int]:
    sql = f"SELECT pageno FROM dbstat WHERE name = '{name}' AND pagetype = 'leaf' ORDER BY pageno"
    return [int(str(row[0])) for row in rows(path, sql)]


JOURNAL = "SELECT * FROM journal WHERE kind <> 'record.salvaged' ORDER BY seq"
OTHERS = ("agents", "members", "accounts", "sheets", "numbers")


def kept(path: Path) -> dict[str, object]:
    """What people have made, which nothing can compute again."""
    return {table: rows(path, f"SELECT * FROM {table} ORDER BY 1") for table in OTHERS}


def test_a_whole_file_is_left_alone(path: Path) -> None:
    before = path.read_bytes(), path.stat().st_ino
    assert mend(path) is None
    assert (path.read_bytes(), path.stat().st_ino) == before


def test_a_damaged_projection_costs_nothing(path: Path) -> None:
    journal, others, computed = rows(path, JOURNAL), kept(path), projections(path)
    pages = [page for name in ("calls", "offers", "calls_arrived") for page in pages_of(path, name)]
    damage(path, pages, random.Random(1))
    assert not is_whole(path)
    found = mend(path)
    assert found and (found.revived, found.lost) == (0, 0)
    assert rows(path, JOURNAL) == journal
    assert kept(path) == others
    assert projections(path) == computed


def test_a_damaged_index_of_the_journal_costs_nothing(path: Path) -> None:
    journal = rows(path, JOURNAL)
    damage(path, pages_of(path, "sqlite_autoindex_journal_1"), random.Random(2))
    found = mend(path)
    assert found and (found.revived, found.lost) == (0, 0)
    assert rows(path, JOURNAL) == journal


def test_the_damaged_file_is_kept_as_it_was(path: Path) -> None:
    damage(path, leaves_of(path, "journal")[3:6], random.Random(3))
    before = path.read_bytes()
    found = mend(path)
    assert found
    assert found.aside.read_bytes() == before
    assert found.aside.name.startswith("decroche.db.corrupt-")
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("seed", range(4))
def test_a_hole_in_the_journal_is_filled_from_the_ids(path: Path, seed: int) -> None:
    """All events around the hole are there; those in it that their ids tell come back."""
    chance = random.Random(seed)
    journal = {row[1]: row for row in rows(path, JOURNAL)}
    damage(path, chance.sample(leaves_of(path, "journal"), 12), chance)
    found = mend(path)
    assert found
    assert found.revived > 20
    now_there = {row[1]: row for row in rows(path, JOURNAL)}
    gone = journal.keys() - now_there.keys()
    assert len(gone) == found.lost
    telling = {kinds.ARRIVED, kinds.KNOWN, kinds.QUEUED}
    assert not [id for id in gone if journal[id][3] in telling]
    other = [id for id, row in now_there.items() if row != journal[id]]
    assert len(other) <= found.revived
    for id in other:  # the time may be another one, a little, and where the call came from is gone
        was, now_is = list(journal[id]), list(now_there[id])
        assert abs(int(str(was.pop(2))) - int(str(now_is.pop(2)))) < 1_000_000
        if was[2] == kinds.ARRIVED:
            assert now_is.pop() == '{"trunk":"","did":""}'
            was.pop()
        assert was == now_is
    said = rows(path, f"SELECT body FROM journal WHERE kind = '{kinds.SALVAGED}'")
    assert f'"lost":{found.lost}' in str(said[0][0])


@pytest.mark.parametrize("seed", range(10))
def test_whatever_is_damaged_the_new_file_is_whole_and_adds_up(path: Path, seed: int) -> None:
    chance = random.Random(seed)
    pages = path.stat().st_size // schema.PAGE
    damage(path, chance.sample(range(2, pages + 1), pages // 8), chance)
    assert mend(path)
    assert is_whole(path)
    assert [finding for finding in check(path, 0) if finding.problem] == []
    store = Store(path)
    store.append(list(story(CALLS + 1)))  # and it takes events as before
    store.close()


def test_a_file_without_a_beginning_gives_way_to_an_empty_one(path: Path) -> None:
    damage(path, [1], random.Random(4))
    found = mend(path)
    assert found
    assert [row[3] for row in rows(path, "SELECT * FROM journal")] == [kinds.SALVAGED]
    kb.migrate(path)
    accounts.prepare(path)
    assert not accounts.has_accounts(path)


def test_rows_behind_a_hole_are_read(path: Path) -> None:
    """Of a table with row numbers all readable rows, on both sides of every hole."""
    leaves = leaves_of(path, "journal")
    total = len(rows(path, "SELECT seq FROM journal"))
    damage(path, [leaves[5], leaves[6], leaves[40]], random.Random(5))
    with closing(schema.reader(path)) as connection:
        found = read_rows(connection, "journal", ["seq"], ["rowid"])
        seqs = [int(str(row[0])) for row in found]
    assert seqs == sorted(set(seqs))
    assert (seqs[0], seqs[-1]) == (1, total)
    holes = [(a, b) for a, b in zip(seqs, seqs[1:], strict=False) if b != a + 1]
    assert len(holes) == 2
    assert total - len(seqs) < 4 * schema.PAGE // 60


def test_who_had_the_old_file_open_notices(path: Path) -> None:
    store = Store(path)
    damage(path, pages_of(path, "offers_call"), random.Random(6))
    assert mend(path)
    with pytest.raises(Replaced):
        store.append(list(story(CALLS + 2)))
    store.close()


def test_a_mending_that_was_interrupted_is_completed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage(path, pages_of(path, "calls"), random.Random(7))
    real = os.replace

    def killed(source: Path, target: Path) -> None:
        if target == path:
            raise KeyboardInterrupt
        real(source, target)

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        mend(path)
    monkeypatch.undo()
    assert not is_whole(path)
    mend(path)
    assert is_whole(path)
    assert not path.with_name(".decroche.db.mended").exists()


@pytest.mark.parametrize(
    "event",
    [
        of_call("b-1.0", "b-1.0", kinds.KNOWN, 5, {"caller": "ab"}, "ab"),
        of_call("b-1.0", "b-1.0", kinds.ASKED, 5, {}),
        of_call("b-1.0", "b-1.0", kinds.CHOSE, 5, {"key": "1", "queue": "q"}, "1", "q"),
        of_call("b-1.0", "b-1.0", kinds.DISMISSED, 5, {"outcome": "closed"}, "closed"),
        Event(id=f"ana:{kinds.REACHABLE}:5", at=5, kind=kinds.REACHABLE, actor="ana"),
        Event(id=f":{kinds.PBX_LOST}:5", at=5, kind=kinds.PBX_LOST),
        Event(id=f"ana:5:{kinds.AVAILABLE}", at=5, kind=kinds.AVAILABLE, actor="ana"),
    ],
)
def test_an_id_tells_its_event(event: Event) -> None:
    assert revive(event.id, 5) == event


@pytest.mark.parametrize(
    "id",
    [
        "b-1.0:b-1.1:offer.rang",  # Asterisk's record says more
        "b-1.0:call.ended:interrupted",
        "c:ledger.claimed:5",  # its body said until when
        "nonsense",
        "",
    ],
)
def test_an_id_that_does_not_tell_all_is_not_guessed_at(id: str) -> None:
    assert revive(id, 5) is None
