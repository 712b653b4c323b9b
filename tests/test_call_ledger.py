"""Real calls and the ledger: who hangs up is owed a call, until an agent has answered."""

import json
import subprocess
from typing import Any

import pytest

from decroche.records import kinds, ledger, numbers
from decroche.records.schema import reader
from decroche.records.secrets import load
from decroche.records.tokens import token

from .conftest import Open
from .live import LiveLine, until

pytestmark = pytest.mark.pbx

LINE = """
[menu]
default = "visio"
[queues.visio]
label = "Visio"
"""
NUMBER = "+33655443322"


def entries(line: LiveLine) -> list[dict[str, object]]:
    connection = reader(line.folder.database)
    try:
        return [dict(row) for row in ledger.entries(connection)]
    finally:
        connection.close()


def test_a_caller_is_owed_until_somebody_has_answered(open_line: Open) -> None:
    line = open_line(LINE, {"ana": ["visio"]}).start()
    line.phones("ana", talk=300)
    line.declare(kinds.AVAILABLE, "ana")
    line.declare(kinds.PAUSED, "ana")  # there, but nobody is rung
    for attempt in (1, 2):
        line.call(("pause", "1500"), ("bye",), user="0655443322").succeed(20)
        until(lambda: entries(line) and entries(line)[0]["attempts"] == attempt, 5)  # noqa: B023
    line.call(("pause", "1500"), ("bye",), user="anonymous").succeed(20)
    line.until_quiet(calls=3)
    (entry,) = entries(line)
    caller = str(entry["caller"])
    key = load(line.folder.secrets).number_key
    assert numbers.find(line.folder.database, caller, key) == NUMBER
    assert numbers.forget(line.folder.database) == 0
    assert "655443322" not in str(line.rows("SELECT * FROM journal"))
    found = figures(line)
    assert (found["totals"]["arrived"], found["totals"]["abandoned"]) == (3, 3)
    assert found["unreached"] == {"callers": 1, "withheld": 1, "at_most": False}

    line.declare(kinds.AVAILABLE, "ana")
    line.call(("until-bye", "20000"), user="0655443322").succeed(30)
    until(lambda: not entries(line), 5, "the entry to be closed")
    row = line.rows("SELECT * FROM ledger")[0]
    assert (row["reason"], row["closed_by"], row["attempts"]) == ("answered", "ana", 2)
    line.until_quiet(calls=4)
    assert numbers.forget(line.folder.database) >= 1
    assert numbers.find(line.folder.database, caller, key) is None

    found = figures(line)
    totals = found["totals"]
    assert (totals["arrived"], totals["answered"], totals["abandoned"]) == (4, 1, 3)
    assert totals["abandoned_in"]["waiting"] == 3 and totals["under_way"] == 0
    assert totals["talk_total"] == 1  # 0.3 s: one that has begun
    assert (totals["decided"], totals["in_time"]) == (4, 1)
    assert found["unreached"] == {"callers": 0, "withheld": 1, "at_most": False}
    (visio,) = found["by_queue"]
    assert (visio["key"], visio["totals"]) == ("visio", totals)


def figures(line: LiveLine) -> dict[str, Any]:
    """What ``decroche report day --json`` prints."""
    command = line.command("report", "day", "--json")
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


# Digits, what looks like them, and what could be taken for structure in a dialplan.
CALLERS = (
    ("0611223344", "+33611223344"),
    ("+33711223344", "+33711223344"),
    ("%2B33711223355", "+33711223355"),
    ("anonymous", None),
    ("x%22%29%7d%2cSystem%28id%29", None),
    ("$%7bEPOCH%7d,06", None),
)


def test_who_calls_while_nothing_of_ours_runs_is_owed_a_call(open_line: Open) -> None:
    """Neither flows nor a recorder; and nobody is there in Asterisk's own queue."""
    line = open_line(LINE, {"ana": ["visio"]}).start()
    line.stop_services()
    for user, _ in CALLERS:
        line.call(("bye-after", "1500"), user=user).succeed(20)
    until(lambda: not line.channels(), 5, "no channel left")
    line.serve("recorder")
    until(lambda: len(line.calls()) == len(CALLERS) and line.recorded(), 5, "all in the record")
    key = load(line.folder.secrets)
    for row, (_, number) in zip(line.calls(), CALLERS, strict=True):
        assert (row["outcome"] in kinds.MISSED, row["fellback"]) == (True, 1)
        if number is None:
            assert row["caller"] is None
            continue
        assert row["caller"] == token(number, key.token_key)
        assert numbers.find(line.folder.database, row["caller"], key.number_key) == number
        for file in line.folder.cel.parent.iterdir():
            assert number[3:].encode() not in file.read_bytes()
    owed = {entry["caller"] for entry in entries(line)}
    assert owed == {row["caller"] for row in line.calls() if row["caller"]}
