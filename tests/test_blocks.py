"""Callers who are blocked: by number, token or call; through purge, rotation, erasure, rebuild."""

import json
import sqlite3
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result

from decroche import cli
from decroche.asterisk import line, privacy, rotation, settings
from decroche.hotline import Callbacks
from decroche.records import blocks, callbacks, clocks, kinds, ledger, numbers, purge, secrets
from decroche.records.blocks import BlockError
from decroche.records.clocks import DAY
from decroche.records.events import MICRO, now
from decroche.records.folder import Folder
from decroche.records.rebuild import projections, rebuild
from decroche.records.schema import reader
from decroche.records.tokens import token

from .test_rotate import call

CONFIGS = Path(__file__).parent.parent / "configs"
HENRI, MARIE = "+33611111111", "+33622222222"
PARIS = ZoneInfo("Europe/Paris")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Henri has called and reached nobody; Marie was answered, her number is not kept."""
    folder = Folder(tmp_path / "line")
    line.create(folder, CONFIGS)
    folder.cel.parent.mkdir(parents=True)
    key = secrets.load(folder.secrets).fallback_key
    settings.switch(folder, {"extensions.conf": f"AES_ENCRYPT({key},n)\n"}, None)
    call(folder, HENRI, "b-1")
    call(folder, MARIE, "b-2", talk=True)
    numbers.forget(folder.database)
    return folder


def run(folder: Folder, *arguments: str) -> Result:
    return CliRunner().invoke(cli.main, ["--dir", str(folder.root), *arguments])


def caller_of(folder: Folder, number: str) -> str:
    return token(number, secrets.load(folder.secrets).token_key)


def rows(folder: Folder, at: int | None = None) -> dict[str, int]:
    with closing(reader(folder.database)) as connection:
        return blocks.active(connection, now() if at is None else at)


def same_when_rebuilt(folder: Folder) -> None:
    before = projections(folder.database)
    rebuild(folder.database)
    assert projections(folder.database) == before


def test_a_number_is_blocked_however_it_is_written(folder: Folder) -> None:
    done = run(folder, "block", "add", "06 33 33 33 33", "--for", "7d", "--reason", "insults")
    assert done.exit_code == 0 and "is blocked until" in done.output
    (shown,) = json.loads(run(folder, "block", "list", "--json").output)
    assert shown["caller"] == caller_of(folder, "+33633333333")[:8]
    assert (shown["by"], shown["reason"], shown["state"]) == ("admin", "insults", "blocked")
    assert "33333333" not in run(folder, "block", "list", "--all").output
    same_when_rebuilt(folder)
    assert run(folder, "block", "remove", "+33 6 33 33 33 33").exit_code == 0
    assert rows(folder) == {}
    again = run(folder, "block", "remove", "0633333333")
    assert again.exit_code == 1 and "not blocked" in again.output
    (shown,) = json.loads(run(folder, "block", "list", "--all", "--json").output)
    assert shown["state"].startswith("taken back")
    same_when_rebuilt(folder)


def test_a_caller_is_blocked_by_token_or_by_a_call(folder: Folder) -> None:
    henri, marie = caller_of(folder, HENRI), caller_of(folder, MARIE)
    assert "not kept" not in run(folder, "block", "add", henri[:8]).output
    assert "number is not kept" in run(folder, "block", "add", "#2").output
    assert set(rows(folder)) == {henri, marie}
    for wrong in ("#9", "zut", "00000000", "7"):
        done = run(folder, "block", "add", wrong)
        assert done.exit_code == 1 and done.output.startswith("Error: "), wrong


def test_a_withheld_number_cannot_be_blocked(folder: Folder) -> None:
    with closing(sqlite3.connect(folder.database)) as connection:
        connection.execute("UPDATE calls SET caller = NULL WHERE number = 1")
        connection.commit()
    assert "withheld" in run(folder, "block", "add", "#1").output


@pytest.mark.parametrize(
    ("until", "span", "days"),
    [("", "", 30), ("", "12h", 0.5), ("", "2w", 14), ("", "90d", 90), ("", "90m", 0.0625)],
)
def test_it_ends_when_it_was_told_to(until: str, span: str, days: float) -> None:
    assert abs(blocks.ends(until, span, PARIS) - now() - int(days * DAY)) < MICRO * 5


def test_a_date_means_its_end_on_the_line_s_own_clock() -> None:
    day = date.today() + timedelta(days=3)
    end = blocks.ends(str(day), "", PARIS)
    assert end == blocks.ends(f"{day + timedelta(days=1)} 00:00", "", PARIS)


@pytest.mark.parametrize(
    ("until", "span"),
    [("2026-01-01", ""), ("demain", ""), ("", "7"), ("", "92d"), ("2999-01-01", ""), ("x", "7d")],
)
def test_an_end_that_makes_no_sense_is_refused(until: str, span: str) -> None:
    with pytest.raises(BlockError):
        blocks.ends(until, span, PARIS)


def test_a_reason_is_short_and_printable(folder: Folder) -> None:
    target = blocks.Target(caller_of(folder, HENRI))
    for reason in ("x" * 201, "a\nb", "\x1b[2J"):
        with pytest.raises(BlockError):
            blocks.block(folder.database, target, now() + DAY, "ana", reason)
    assert rows(folder) == {}


def test_nothing_is_owed_to_who_is_blocked(folder: Folder) -> None:
    henri = caller_of(folder, HENRI)
    where = ("demarches", "local", "100")
    callbacks.schedule(folder.database, Callbacks(), henri, "ana", where, now())
    assert run(folder, "block", "add", HENRI).exit_code == 0
    with closing(reader(folder.database)) as connection:
        assert ledger.count(connection) == 0 and callbacks.count(connection) == 0
        entry = ledger.find(connection, henri)
        assert entry is not None and (entry["reason"], entry["closed_by"]) == ("blocked", "admin")
    same_when_rebuilt(folder)


def test_nobody_calls_a_blocked_caller_back_until_the_block_ends(folder: Folder) -> None:
    henri, at = caller_of(folder, HENRI), now()
    run(folder, "block", "add", HENRI, "--for", "1d")
    where = ("demarches", "local", "100")
    callbacks.schedule(folder.database, Callbacks(), henri, "ana", where, at)
    with closing(reader(folder.database)) as connection:
        assert callbacks.due(connection, at + DAY // 2, 9) == []
        assert len(callbacks.due(connection, at + DAY + MICRO, 9)) == 1


def test_an_agent_means_who_has_just_talked_to_them(folder: Folder) -> None:
    with closing(reader(folder.database)) as connection:
        marie, at = caller_of(folder, MARIE), now()
        assert blocks.last_of(connection, "ana", at - 60 * MICRO) == marie
        assert blocks.last_of(connection, "ben", at - 60 * MICRO) == ""


def test_the_number_behind_a_block_is_kept_until_it_ends(folder: Folder) -> None:
    run(folder, "block", "add", HENRI, "--for", "1d")
    henri, keys = caller_of(folder, HENRI), secrets.load(folder.secrets).number_keys
    numbers.forget(folder.database, now() + DAY // 2)
    assert numbers.find(folder.database, henri, *keys) == HENRI
    numbers.forget(folder.database, now() + DAY + MICRO)
    assert numbers.find(folder.database, henri, *keys) is None


def test_a_block_survives_new_keys_when_the_number_is_kept_and_else_ends(folder: Folder) -> None:
    run(folder, "block", "add", HENRI, "--for", "60d")
    run(folder, "block", "add", "#2")
    before = rows(folder)
    with closing(sqlite3.connect(folder.database)) as connection:  # made some days ago
        connection.execute("UPDATE journal SET at = at - 5000000 WHERE kind = 'caller.blocked'")
        connection.commit()
    rebuild(folder.database)
    old = caller_of(folder, HENRI)
    rotation.renew_keys(folder, grace=0)
    henri = caller_of(folder, HENRI)
    assert henri != old
    assert rows(folder) == {henri: before[old]}
    same_when_rebuilt(folder)
    events = [json.loads(body) for body in bodies(folder, kinds.UNBLOCKED)]
    assert [event["reason"] for event in events] == ["rotated"]
    shown = json.loads(run(folder, "block", "list", "--json").output)
    assert [one["caller"] for one in shown] == [henri[:8]]


def bodies(folder: Folder, kind: str) -> list[str]:
    with closing(reader(folder.database)) as connection:
        sql = "SELECT body FROM journal WHERE kind = ? ORDER BY seq"
        return [row["body"] for row in connection.execute(sql, (kind,))]


def test_a_purge_leaves_it_while_it_lasts_and_a_month_longer(folder: Folder) -> None:
    at = now()
    run(folder, "block", "add", HENRI, "--for", "60d")
    for days, kept in ((59, 1), (89, 1), (91, 0)):
        purge.purge(folder.database, at + days * DAY + MICRO, PARIS)
        assert len(bodies(folder, kinds.BLOCKED)) == kept, days
        same_when_rebuilt(folder)
        assert rows(folder, at + 59 * DAY).keys() == ({caller_of(folder, HENRI)} if kept else set())
        with closing(reader(folder.database)) as connection:
            assert ledger.count(connection) == 0  # what the block has closed stays closed


def test_one_that_was_taken_back_goes_with_its_clock(folder: Folder) -> None:
    at = now()
    run(folder, "block", "add", HENRI, "--for", "90d")
    run(folder, "block", "remove", HENRI)
    purge.purge(folder.database, at + clocks.TOKEN * DAY + 60 * MICRO, PARIS)
    assert bodies(folder, kinds.BLOCKED) == bodies(folder, kinds.UNBLOCKED) == []
    same_when_rebuilt(folder)


def test_who_is_forgotten_is_not_blocked_any_more(folder: Folder) -> None:
    run(folder, "block", "add", HENRI, "--reason", "words about Henri")
    known = privacy.known(folder, HENRI)
    assert any("blocked from" in text for text in known.lines())
    (told,) = known.as_json()["blocked"]
    assert told["reason"] == "words about Henri" and "admin" not in str(told)
    privacy.forget(folder, HENRI)
    assert rows(folder) == {}
    with closing(reader(folder.database)) as connection:
        assert not connection.execute("SELECT 1 FROM blocks").fetchone()
    raw = folder.database.read_bytes()
    assert b"words about Henri" not in raw and caller_of(folder, HENRI).encode() not in raw
    same_when_rebuilt(folder)


def test_the_privacy_report_names_what_is_over_its_clock(folder: Folder) -> None:
    run(folder, "block", "add", HENRI, "--for", "1d")
    late = {one.what for one in privacy.report(folder, now() + 30 * DAY) if one.overdue(now())}
    assert not any("block" in what for what in late)
    at = now() + 40 * DAY
    late = {one.what for one in privacy.report(folder, at) if one.overdue(at)}
    assert "blocks that are over" in late
