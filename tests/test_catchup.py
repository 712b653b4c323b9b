"""What Asterisk wrote down is read on: nothing is lost, nothing comes twice, a gap is said."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from decroche.asterisk import cel, queue_log
from decroche.asterisk.catchup import CatchUp, Caught
from decroche.asterisk.translate import Record, translate
from decroche.records import cursors, kinds, schema
from decroche.records.events import MICRO
from decroche.records.folder import Folder
from decroche.records.journal import Journal
from decroche.records.store import Entry

AGENTS = frozenset({"ana"})
BOOT = "20261124215010"
LATER = 4_000_000_000 * MICRO
COLUMNS = "eventtype, eventtime, channel, uniqueid, linkedid, exten, extra"


def call_of(number: int, at: float) -> list[tuple[str, ...]]:
    """The records of one answered call, as Asterisk writes them."""
    caller, agent = f"{BOOT}-1795557011.{number}", f"{BOOT}-1795557011.{number + 1}"
    trunk, phone = f"PJSIP/trunk-street-{number:08}", f"PJSIP/ana-{number:08}"
    steps = (
        ("CHAN_START", trunk, caller, "100", ""),
        ("call.fellback", trunk, caller, "queue", '{"extra":"visio"}'),
        ("CHAN_START", phone, agent, "", ""),
        ("BRIDGE_ENTER", phone, agent, "", ""),
        ("HANGUP", phone, agent, "", '{"hangupcause":16}'),
        ("HANGUP", trunk, caller, "queue", '{"hangupcause":16}'),
    )
    return [
        (event, f"{at + step:.6f}", channel, unique, caller, exten, extra)
        for step, (event, channel, unique, exten, extra) in enumerate(steps)
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path)
    folder.cel.parent.mkdir(parents=True)
    schema.prepare(folder.database)
    return folder


def write(folder: Folder, *calls: list[tuple[str, ...]]) -> None:
    """As cel_sqlite3_custom makes its table and writes its rows."""
    with closing(sqlite3.connect(folder.cel)) as connection, connection:
        names = ", ".join(f'"{name}" TEXT' for name in COLUMNS.split(", "))
        connection.execute(f"CREATE TABLE IF NOT EXISTS cel (AcctId INTEGER PRIMARY KEY, {names})")
        sql = f"INSERT INTO cel ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"
        for call in calls:
            connection.executemany(sql, call)


async def caught(folder: Folder) -> Caught:
    async with Journal(folder.database) as journal:
        return await CatchUp(folder, journal, lambda: AGENTS, meaning).run()


def meaning(record: Record) -> list[Entry]:
    event = translate(record, AGENTS)
    return [event] if event else []


def outcomes(folder: Folder) -> list[str]:
    with closing(sqlite3.connect(folder.database)) as connection:
        return [row[0] for row in connection.execute("SELECT outcome FROM calls ORDER BY number")]


async def test_it_reads_on_and_twice_is_once(folder: Folder) -> None:
    assert await caught(folder) == Caught()  # no Asterisk has ever run here
    write(folder, call_of(0, 1000), call_of(2, 1010))
    assert await caught(folder) == Caught(events=12, calls=2)
    assert await caught(folder) == Caught()
    write(folder, call_of(4, 1020))
    assert await caught(folder) == Caught(events=6, calls=1)
    assert outcomes(folder) == ["answered"] * 3


async def test_it_reads_all_of_a_long_record(folder: Folder) -> None:
    write(folder, *(call_of(number, 1000 + number) for number in range(0, 2000, 2)))
    assert await caught(folder) == Caught(events=6000, calls=1000)
    assert outcomes(folder) == ["answered"] * 1000


async def test_a_lost_cursor_reads_all_again_and_changes_nothing(folder: Folder) -> None:
    write(folder, call_of(0, 1000))
    await caught(folder)
    cursors.save(folder.database, "cel", "")
    assert await caught(folder) == Caught()
    assert outcomes(folder) == ["answered"]


async def test_another_file_in_its_place_is_read_from_the_beginning(folder: Folder) -> None:
    write(folder, call_of(0, 1000), call_of(2, 1010))
    await caught(folder)
    folder.cel.unlink()
    write(folder, call_of(4, 1020), call_of(6, 1030), call_of(8, 1040))
    assert (await caught(folder)).calls == 3
    assert len(outcomes(folder)) == 5


async def test_purged_rows_are_no_harm_while_the_newest_is_kept(folder: Folder) -> None:
    write(folder, call_of(0, 1000))
    await caught(folder)
    with closing(sqlite3.connect(folder.cel)) as connection, connection:
        connection.execute("DELETE FROM cel WHERE rowid < (SELECT max(rowid) FROM cel)")
    write(folder, call_of(2, 1010))
    assert await caught(folder) == Caught(events=6, calls=1)


async def test_a_broken_record_harms_nothing(folder: Folder) -> None:
    folder.cel.write_bytes(b"no database" * 1000)
    assert await caught(folder) == Caught()
    folder.queue_log.write_bytes(b"\xff\xfe|||\nnonsense\n" * 3)
    assert await caught(folder) == Caught()


async def test_rows_without_a_time_mean_nothing(folder: Folder) -> None:
    row = list(call_of(0, 1000)[0])
    row[1] = "never"
    write(folder, [tuple(row)], call_of(2, 1000))
    assert (await caught(folder)).calls == 1


def test_the_last_sign_is_that_of_one_start_of_asterisk(folder: Folder) -> None:
    assert cel.last_sign(folder.cel, BOOT) is None
    write(folder, call_of(0, 1000))
    assert cel.last_sign(folder.cel, BOOT) == 1005 * MICRO
    assert cel.last_sign(folder.cel, "20261124215011") is None


# queue_log: a second hand.

LINES = [
    "1000|NONE|NONE|NONE|QUEUESTART|",
    f"1001|{BOOT}-1795557011.0|visio|NONE|ENTERQUEUE||decroche|1",
    f"1003|{BOOT}-1795557011.0|visio|ana|CONNECT|2|{BOOT}-1795557011.1|1",
    f"1004|{BOOT}-1795557011.0|visio|ana|COMPLETEAGENT|2|1|1",
    f"1005|{BOOT}-1795557011.2|visio|NONE|EXITWITHTIMEOUT|1|1|4",
    f"1005|{BOOT}-1795557011.4|visio|NONE|EXITEMPTY|1|1|4",
    f"1005|{BOOT}-1795557011.6|visio|eve|CONNECT|2|{BOOT}-1795557011.7|1",
    f"1005|{BOOT}-1795557011.8|../x|NONE|ENTERQUEUE||x|1",
    "1005|x' OR 1|visio|NONE|ENTERQUEUE||x|1",
]


def test_a_line_of_queue_log_means_what_the_other_record_means() -> None:
    found = [event for line in LINES if (event := queue_log.translate(line, AGENTS))]
    assert [(event.kind, event.body) for event in found] == [
        (kinds.FELL_BACK, {"queue": "visio"}),
        (kinds.ANSWERED, {"agent": "ana", "offer": f"{BOOT}-1795557011.1"}),
        (kinds.DISMISSED, {"outcome": "overflow"}),
        (kinds.DISMISSED, {"outcome": "refused-empty"}),
    ]


async def test_both_records_of_a_call_are_one(folder: Folder) -> None:
    write(folder, call_of(0, 1000))
    await caught(folder)
    folder.queue_log.write_text("\n".join(LINES[:4]) + "\n", "utf-8")
    assert await caught(folder) == Caught()


async def test_queue_log_alone_tells_who_answered(folder: Folder) -> None:
    write(folder, call_of(0, 1000)[:1])  # and then the database was locked
    folder.queue_log.write_text("\n".join(LINES[:4]) + "\n", "utf-8")
    assert (await caught(folder)).events == 3
    with closing(sqlite3.connect(folder.database)) as connection:
        row = connection.execute("SELECT queue, agent, fellback, answered FROM calls").fetchone()
    assert row == ("visio", "ana", 1, 1003 * MICRO)


def test_queue_log_is_read_by_whole_lines_and_across_a_rotation(tmp_path: Path) -> None:
    path = tmp_path / "queue_log"
    assert queue_log.read(path, "", LATER) == ((), "")
    path.write_text("1000|a|b|c|D|\n1001|a|b", "utf-8")
    lines, place = queue_log.read(path, "", LATER)
    assert lines == ["1000|a|b|c|D|"]
    with open(path, "a", encoding="utf-8") as file:
        file.write("|c|E|\n2000|a|b|c|F|\n")
    lines, place = queue_log.read(path, place, 1500 * MICRO)
    assert lines == ["1001|a|b|c|E|"]  # the last one is too young
    assert queue_log.read(path, place, LATER)[0] == ["2000|a|b|c|F|"]
    path.rename(tmp_path / "queue_log.0")
    path.write_text("3000|a|b|c|G|\n", "utf-8")
    assert queue_log.read(path, place, LATER)[0] == ["3000|a|b|c|G|"]
