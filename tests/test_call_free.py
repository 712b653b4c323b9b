"""Free for twenty minutes, with real phones: it ends by itself, after the call that is up."""

import signal
from collections.abc import Iterator

import pytest

from decroche.records import kinds, people
from decroche.records.events import MICRO, now

from .conftest import Open
from .live import LiveLine, until
from .sip import Phones

pytestmark = pytest.mark.pbx

LINE = """
[menu]
default = "demarches"
[queues.demarches]
label = "Démarches"
ring_time = 5
max_wait = 40
wrap_up = 0
"""


@pytest.fixture(scope="module")
def line(open_line: Open) -> LiveLine:
    return open_line(LINE, {"ana": ["demarches"], "bob": ["demarches"]}).start()


@pytest.fixture
def phone(line: LiveLine) -> Iterator[Phones]:
    phones = line.phones("ana", answer=100)
    yield phones
    phones.stop()
    line.declare(kinds.AWAY, "ana", "bob")
    line.until_quiet(10)


def presence(line: LiveLine, agent: str = "ana") -> dict[str, object]:
    return line.rows("SELECT * FROM presence WHERE agent = ?", agent)[0]


def free(line: LiveLine, seconds: float, agent: str = "ana") -> int:
    """Free for a while, as *14 would declare; until when (microseconds UTC)."""
    end = now() + int(seconds * MICRO)
    people.declare(line.folder.database, kinds.AVAILABLE, [agent], "test", end)
    return end


def last(line: LiveLine) -> dict[str, object]:
    sql = "SELECT * FROM journal WHERE kind = ? AND actor = 'ana' ORDER BY seq DESC LIMIT 1"
    return line.rows(sql, kinds.AWAY)[0]


@pytest.mark.parametrize(("code", "keys", "minutes"), [("*1440", "", 40), ("*14", "2", 20)])
def test_an_agent_dials_for_how_long(
    line: LiveLine, phone: Phones, code: str, keys: str, minutes: int
) -> None:
    press = [("pause", "1500"), ("key", keys)] if keys else []
    story = [*press, ("until-bye", "20000")]
    before = now()
    line.dial("ana", code, story=tuple(story))
    row = until(lambda: presence(line)["state"] == "available" and presence(line), 3)
    assert minutes * 60 <= (row["until"] - before) / MICRO <= minutes * 60 + 30
    until(line.members_equal, 5, "the fallback's members to follow")


def test_no_key_says_nothing_for_the_agent(line: LiveLine, phone: Phones) -> None:
    line.dial("ana", "*14", story=(("pause", "500"), ("key", "9"), ("until-bye", "30000")))
    assert presence(line)["state"] == "away"


def test_it_ends_by_itself(line: LiveLine, phone: Phones) -> None:
    end = free(line, 2)
    until(line.members_equal, 2, "the fallback's members to follow")
    until(lambda: presence(line)["state"] == "away", 6, "the end")
    assert now() >= end
    assert last(line)["body"] == f'{{"by":"until","until":{end}}}'
    until(line.members_equal, 5, "the fallback's members to follow")
    assert line.members()["demarches"] == {}


def test_a_call_that_outlasts_it_is_not_cut_and_is_the_last(line: LiveLine, phone: Phones) -> None:
    """And so it is when the service is killed while they talk."""
    end = free(line, 4)
    talk = line.call(("bye-after", "12000"))
    until(lambda: presence(line)["stage"] == "talking", 5, "the two to talk")
    line.signal(signal.SIGKILL, "flows")
    line.serve("flows")
    until(lambda: now() > end, 6, "the time to be over")
    rung = len(phone.log.messages("received", "INVITE"))
    until(lambda: not line.members()["demarches"], 5, "the fallback not to ring either")
    line.call(("until-bye", "20000")).succeed(30)  # ana does not count as being there
    assert presence(line)["stage"] == "talking"
    talk.succeed(30)
    until(lambda: presence(line)["state"] == "away", 6, "the end after the call")
    assert int(str(last(line)["at"])) >= end
    line.call(("until-bye", "20000")).succeed(30)
    line.until_quiet(10)
    first, second, third = line.calls()[-3:]
    assert (first["agent"], first["outcome"]) == ("ana", "answered")
    assert (first["left"] - first["answered"]) / MICRO >= 10
    assert second["outcome"] == third["outcome"] == "refused-empty"
    assert len(phone.log.messages("received", "INVITE")) == rung == 1


def test_what_ended_while_nobody_served_ends_at_the_start(line: LiveLine, phone: Phones) -> None:
    end = free(line, 1.5)
    until(line.members_equal, 2, "the fallback's members to follow")
    line.stop_services("flows")
    until(lambda: now() > end, 4, "the time to be over")
    line.serve("flows")
    until(lambda: presence(line)["state"] == "away", 5, "the end")
    until(lambda: not line.members()["demarches"], 5, "the fallback's members to follow")


def test_a_later_word_wins(line: LiveLine, phone: Phones) -> None:
    free(line, 1.5)
    line.dial("ana", "*11", story=(("until-bye", "20000"),))
    end = free(line, 1, "bob")
    until(lambda: presence(line, "bob")["state"] == "away", 6, "bob's end")
    assert now() >= end
    assert (presence(line)["state"], presence(line)["until"]) == ("available", None)
