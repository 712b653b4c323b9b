"""A thousand real callers, and where their numbers are afterwards; keys that change under calls."""

import base64
import re
import sqlite3
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from decroche.asterisk import privacy, rotation, settings, traces
from decroche.asterisk.rotation import PrivacyError
from decroche.records import check, dialplan, kinds, ledger, numbers, rebuild, secrets, tokens
from decroche.records.backup import backup
from decroche.records.clocks import DAY
from decroche.records.events import Event, now
from decroche.records.folder import Folder
from decroche.records.restore import restore
from decroche.records.schema import reader
from decroche.records.store import Store

from .conftest import Open
from .live import LiveLine, until

pytestmark = pytest.mark.pbx

LINE = """
[menu]
default = "visio"
[queues.visio]
label = "Visio"
"""
# A block of a thousand numbers: what they have in common is looked for in every file.
BLOCK = "655440"
CALLERS = [f"0{BLOCK}{number:03}" for number in range(1000)]
DIRECT, FALLBACK = CALLERS[:850], CALLERS[850:]
FORGOTTEN = FALLBACK[7]  # somebody whom Asterisk's own queue took
FORMS = ("0{}", "33{}", "+33{}", "0033{}", "n0{}", "n+33{}", "{}")


def patterns() -> Iterator[re.Pattern[bytes]]:
    """Every way to write a number of the block that anybody could think of."""
    separator = rb"[ .\-/]?"
    digits = separator.join(bytes([digit]) for digit in BLOCK.encode())
    yield re.compile(rb"(?<!\d)(?:(?:\+|00)?33|0)?" + digits + separator + rb"\d\d?\d?(?!\d)")
    yield re.compile("".join(rf"{ord(digit)}" for digit in BLOCK).encode() + rb"(?:4[89]|5\d)")
    yield re.compile(BLOCK.encode().hex().encode() + rb"3\d", re.IGNORECASE)
    for code in ("utf-16-le", "utf-16-be", "utf-32-le"):
        yield re.compile(re.escape(BLOCK.encode(code)))
    for form in FORMS:
        head = form.format(BLOCK).encode()
        for shift in range(3):  # where in three bytes the text begins
            coded = base64.b64encode(bytes(shift) + head)[-(-shift * 8 // 6) :]
            sure = coded[: (len(head) * 8 - (-shift * 8 % 6)) // 6]
            yield re.compile(re.escape(sure.rstrip(b"=")))
            yield re.compile(re.escape(base64.b32encode(head)[: len(head) * 8 // 5]))
    number = int(f"33{BLOCK}000")
    for size in (6, 8):
        for order in ("little", "big"):
            low, high = (n.to_bytes(size, order) for n in (number, number + 999))
            same = low[2:] if order == "little" else low[:-2]
            assert high[2:] == same or high[:-2] == same
            yield re.compile(re.escape(same))


PATTERNS = list(patterns())


def found_in(folder: Path) -> list[str]:
    """Every file below a folder that has a number of the block in it, in whatever coding."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            hits = [match[0] for one in PATTERNS if (match := one.search(data))]
            found += [f"{path.relative_to(folder)}: {hit!r}" for hit in hits]
    return found


def test_the_search_finds_a_number_in_whatever_coding(tmp_path: Path) -> None:
    for number, text in enumerate(
        [
            b"0655440123",
            b"tel=+33655440123;",
            b"06 55 44 01 23",
            b"+33-6-55-44-01-23",
            b"0655440123".hex().encode(),
            base64.b64encode(b"0655440123"),
            base64.b64encode(b"x+33655440123"),
            base64.b64encode(b"xxn0655440123yy"),
            "0655440123".encode("utf-16"),
            (33655440123).to_bytes(8, "big"),
            (33655440123).to_bytes(6, "little"),
        ]
    ):
        (tmp_path / f"{number:02}").write_bytes(b"\x00 " + text + b" \x00")
        assert found_in(tmp_path), text
        (tmp_path / f"{number:02}").unlink()
    (tmp_path / "other").write_bytes(b"0655450123 1795655440123456 " + b"\x00" * 1000)
    assert found_in(tmp_path) == []


def opened(folder: Folder, path: Path) -> set[str]:
    """All numbers of a database that any key on the disk opens, in national form."""
    keys = set(secrets.load(folder.secrets).number_keys)
    for file in folder.root.rglob("*.toml"):
        keys |= set(re.findall(r'"([0-9a-f]{64})"', file.read_text("utf-8")))
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT sealed, caller FROM numbers").fetchall()
    found = (numbers.unseal(sealed, caller, keys) for sealed, caller in rows)
    return {f"0{number[3:]}" for number in found if number is not None}


def call_all(line: LiveLine, callers: list[str]) -> None:
    rows = tuple(callers)
    story = ("bye-after", "250")
    line.call(story, user="[field0]", rows=rows, calls=len(rows), rate=30).succeed(120)


def entries(line: LiveLine) -> dict[str, dict[str, Any]]:
    """National number -> the open entry, as far as the keys in force open it."""
    key = secrets.load(line.folder.secrets).number_key
    with closing(reader(line.folder.database)) as connection:
        rows = [dict(row) for row in ledger.entries(connection, 5000)]
    database = line.folder.database
    return {f"0{(numbers.find(database, r['caller'], key) or '')[3:]}": r for r in rows}


def assert_whole(line: LiveLine) -> None:
    assert [one for one in check.check(line.folder.database, 0) if one.problem] == []


@pytest.fixture(scope="module")
def full(open_line: Open) -> LiveLine:
    """A line that a thousand people have called in vain: most while flows ran, some without."""
    line = open_line(LINE, {"ana": ["visio"]}).start()
    line.declare(kinds.AVAILABLE, "ana")
    line.declare(kinds.PAUSED, "ana")
    call_all(line, DIRECT)
    line.stop_services()
    call_all(line, FALLBACK)
    until(lambda: not line.channels(), 10, "no channel left")
    line.serve("recorder")
    line.serve("flows")
    line.until_quiet(calls=len(CALLERS))
    until(lambda: len(entries(line)) == len(CALLERS), 15, "everybody to be in the ledger")
    return line


def test_no_number_of_a_thousand_callers_comes_back(full: LiveLine, tmp_path: Path) -> None:
    """1. They are owed calls: their numbers are sealed, and readable nowhere.
    2. One is forgotten, and an older backup restored: nowhere, also not sealed.
    3. New keys: what is in the backup cannot be opened any more.
    4. The clocks run out: nothing is left of anybody.
    """
    folder, file = full.folder, tmp_path / "old.tar.gz"
    assert found_in(folder.root) == []
    assert opened(folder, folder.database) == set(CALLERS)
    backup(folder, file, [], lambda done, total: None)

    assert privacy.forget(folder, f"+33{FORGOTTEN[1:]}") == 3
    assert opened(folder, folder.database) == set(CALLERS) - {FORGOTTEN}
    caller = tokens.token(f"+33{FORGOTTEN[1:]}", secrets.load(folder.secrets).token_key)
    full.stop_services()
    restore(folder, file, lambda done, total: None)
    full.serve("recorder")
    full.serve("flows")
    full.until_quiet(calls=len(CALLERS))
    (aside,) = folder.replaced.iterdir()
    for database in (folder.database, aside / "decroche.db"):
        assert opened(folder, database) == set(CALLERS) - {FORGOTTEN}
    assert entries(full).keys() == set(CALLERS) - {FORGOTTEN}
    told = [path for path in folder.root.rglob("*") if path.is_file()]
    assert [p.name for p in told if caller.encode() in p.read_bytes()] == ["erasures.jsonl"]
    assert found_in(folder.root) == []
    assert_whole(full)

    assert rotation.renew_keys(folder).moved == len(CALLERS) - 1
    assert opened(folder, folder.database) == set(CALLERS) - {FORGOTTEN}
    assert opened(folder, aside / "decroche.db") == set()
    with tarfile.open(file) as archive:
        archive.extract("decroche.db", tmp_path)
    assert opened(folder, tmp_path / "decroche.db") == set()
    assert_whole(full)

    until(lambda: traces.queue_log_is_read(folder), 20, "the recorder to read on")
    for days in (8, 92, 125):
        privacy.purge(folder, now() + days * DAY)
    rotation.renew_keys(folder)
    assert entries(full) == {}
    assert opened(folder, folder.database) == set()
    assert full.rows("SELECT count(*) AS n FROM numbers") == [{"n": 0}]
    assert full.rows("SELECT count(*) AS n FROM calls WHERE caller <> ''") == [{"n": 0}]
    assert len(full.cel()) == 1  # the place of the reader
    assert rotated(folder) == []
    assert found_in(folder.root) == []
    assert len(full.calls()) == len(CALLERS)  # in the figures they stay
    assert_whole(full)


def test_an_entry_of_before_is_closed_by_an_answer_after_new_keys(open_line: Open) -> None:
    line = open_line(LINE, {"ana": ["visio"]}).start()
    line.phones("ana", talk=300)
    line.declare(kinds.AVAILABLE, "ana")
    line.declare(kinds.PAUSED, "ana")
    henri, marie = CALLERS[1], CALLERS[2]
    for user in (henri, henri, marie):
        line.call(("bye-after", "600"), user=user).succeed(20)
    line.until_quiet(calls=3)
    until(lambda: len(entries(line)) == 2, 5)
    old, folder = secrets.load(line.folder.secrets), line.folder
    in_between = line.call(("bye-after", "4000"), user=marie)
    until(line.channels, 5, "a call to be up")
    with pytest.raises(PrivacyError, match="calls are up"):
        rotation.renew_keys(folder)
    in_between.succeed(20)
    line.until_quiet(calls=4)

    steps = rotation.steps(folder, grace=1.0)
    next(steps)  # new keys are in force, nobody has moved over yet
    line.call(("bye-after", "600"), user=henri).succeed(20)
    line.until_quiet(calls=5)
    *_, last = steps
    assert last.unread == 0
    new = secrets.load(folder.secrets)
    assert new.previous is None and new.token_key != old.token_key
    assert {user: row["attempts"] for user, row in entries(line).items()} == {henri: 3, marie: 2}
    dialplan_ = settings.current(folder)["extensions.conf"]
    assert new.fallback_key in dialplan_ and old.fallback_key not in dialplan_
    assert new.fallback_key in line.pbx.ask(f"dialplan show {dialplan.CALLERS}")

    line.declare(kinds.AVAILABLE, "ana")
    line.call(("until-bye", "20000"), user=henri).succeed(30)
    until(lambda: entries(line).keys() == {marie}, 5, "the entry to be closed")
    line.declare(kinds.PAUSED, "ana")
    line.stop_services()  # the fallback encrypts under the new key
    line.call(("bye-after", "1500"), user=CALLERS[3]).succeed(20)
    until(lambda: not line.channels(), 5, "no channel left")
    line.serve("recorder")
    until(lambda: entries(line).keys() == {marie, CALLERS[3]}, 10, "the third to be owed a call")
    line.until_quiet()
    line.stop_services()
    live = rebuild.projections(folder.database)
    rebuild.rebuild(folder.database)
    assert rebuild.projections(folder.database) == live


def test_a_backup_under_calls_adds_up(open_line: Open, tmp_path: Path) -> None:
    """While twenty calls a second run, and Asterisk goes on writing; then a purge, too."""
    line = open_line(LINE, {f"a{n}": ["visio"] for n in range(4)}).start()
    names = [f"a{n}" for n in range(4)]
    line.phones(*names, answer=100, talk=200)
    line.declare(kinds.AVAILABLE, *names)
    callers = line.call(
        ("bye-after", "700"), calls=160, rate=20, user="[field0]", rows=tuple(DIRECT)
    )
    for number in range(3):
        until(lambda: len(line.calls()) >= 40 * (number + 1), 30, "calls to be up")  # noqa: B023
        file = tmp_path / f"{number}.tar.gz"
        backup(line.folder, file, [], lambda done, total: None)
        write_old_call(line, number)
        assert privacy.purge(line.folder, now())[2].count == 1
        copy = Folder(tmp_path / f"copy{number}")
        restore(copy, file, lambda done, total: None)
        assert [one for one in check.check(copy.database, 0) if one.problem] == []
        assert len(rebuild.projections(copy.database)["calls"]) >= 40 * (number + 1)
    callers.succeed(60)
    line.until_quiet(calls=163)
    assert_whole(line)


def write_old_call(line: LiveLine, number: int) -> None:
    """A call of last month, so that a purge has to compute everything again."""
    call, at = f"old-{number}", now() - 31 * DAY
    story: tuple[tuple[str, dict[str, str]], ...] = (
        (kinds.ARRIVED, {"trunk": "t", "did": "1"}),
        (kinds.KNOWN, {"caller": "0" * 31 + str(number)}),
        (kinds.DISMISSED, {"outcome": "closed"}),
        (kinds.ENDED, {"cause": "16"}),
    )
    store = Store(line.folder.database)
    store.append(
        [Event(id=f"{call}:{k}", at=at, kind=k, call=call, body=dict(b)) for k, b in story]
    )
    store.close()


def test_asterisk_rotates_its_logs_and_goes_on(open_line: Open) -> None:
    line = open_line(LINE, {"ana": ["visio"]}).start()
    folder = line.folder
    line.stop_services("flows")
    line.call(("bye-after", "800"), user=CALLERS[5]).succeed(20)
    line.until_quiet(calls=1)
    until(lambda: traces.begins(folder.queue_log) <= now(), 5)
    until(lambda: line.rows("SELECT 1 FROM cursors WHERE source = 'queue_log'"), 15)
    later = now() + 2 * DAY
    until(lambda: privacy.purge(folder, later) and len(rotated(folder)) >= 1, 40, "a rotation")
    line.call(("bye-after", "800"), user=CALLERS[6]).succeed(20)
    line.until_quiet(calls=2)
    assert folder.queue_log.stat().st_size
    privacy.purge(folder, now() + 9 * DAY)
    assert [path for path in rotated(folder) if traces.begins(path) < now() - DAY] == []
    assert len(line.calls()) == 2


def rotated(folder: Folder) -> list[Path]:
    names = ("queue_log", "messages.log")
    return [path for path in traces.logs(folder) if path.name not in names]
