"""Real calls and the ledger: who hangs up is owed a call, until an agent has answered."""

import pytest

from decroche.records import kinds, ledger, numbers
from decroche.records.schema import reader
from decroche.records.secrets import load

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

    line.declare(kinds.AVAILABLE, "ana")
    line.call(("until-bye", "20000"), user="0655443322").succeed(30)
    until(lambda: not entries(line), 5, "the entry to be closed")
    row = line.rows("SELECT * FROM ledger")[0]
    assert (row["reason"], row["closed_by"], row["attempts"]) == ("answered", "ana", 2)
    line.until_quiet(calls=4)
    assert numbers.forget(line.folder.database) >= 1
    assert numbers.find(line.folder.database, caller, key) is None
