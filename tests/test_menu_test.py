"""``decroche menu test``: every way through the line, by the code that serves real calls."""

import asyncio
import json
import time
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from decroche.agi import rehearsal
from decroche.agi.leaping import LeapingLoop
from decroche.agi.rehearsal import FATES, rehearse
from decroche.cli import main
from decroche.commands import menu_test
from decroche.hotline import Hotline, parse
from decroche.records import kinds

LINE = """
[line]
name = "Entraide"
[trunks.provider]
host = "127.0.0.1"
dids = ["0987654321"]
[hours]
monday = ["09:00-18:00"]
[menu]
default = "visio"
choices = [
    { key = "1", queue = "demarches", label = "Démarches" },
    { key = "*", queue = "visio", label = "Visio" },
]
[queues.demarches]
label = "Démarches"
max_wait = 300
[queues.visio]
label = "Visio"
[prompts]
information = "Il neige."
"""
CALLBACKS = '[callbacks]\nmenu = "9"\n'
VOICEMAIL = "[voicemail]\n"
OPEN, CLOSED = "2026-11-23 10:00", "2026-11-23 20:00"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hotline.toml").write_text(LINE, "utf-8")
    return tmp_path


def invoke(folder: Path, *words: str, more: str = "", typed: str | None = None) -> Result:
    (folder / "hotline.toml").write_text(LINE + more, "utf-8")
    command = ["--dir", str(folder), "menu", "test", *words]
    return CliRunner().invoke(main, command, input=typed)


def walk(
    folder: Path, keys: str, *words: str, at: str = OPEN, more: str = ""
) -> tuple[str, list[str], list[str]]:
    """The outcome, the names of the sentences that are heard, and what else happens."""
    done = invoke(folder, "--keys", keys, "--at", at, "--json", *words, more=more)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    heard = [step["prompt"] for step in found["steps"] if step["what"] == "hears"]
    happens = [step["what"] for step in found["steps"] if step["what"] != "hears"]
    return found["outcome"], heard, happens


def test_a_key_leads_to_its_queue_and_a_human(folder: Path) -> None:
    outcome, heard, happens = walk(folder, "1")
    assert outcome == "answered"
    assert heard == ["greeting", "information", "menu"]
    assert happens == ["presses", "waits", "rings", "talks", "ends"]


def test_pressing_nothing_leads_to_a_human(folder: Path) -> None:
    outcome, heard, happens = walk(folder, "")
    assert outcome == "answered"
    assert heard.count("menu") == 2  # repeat
    assert happens[:3] == ["silent", "silent", "waits"]


def test_a_wrong_key_is_asked_again(folder: Path) -> None:
    outcome, heard, happens = walk(folder, "7,*")
    assert heard.count("menu") == 2
    assert happens[:3] == ["presses", "presses", "waits"]


def test_a_closed_line(folder: Path) -> None:
    assert walk(folder, "1", at=CLOSED) == ("closed", ["closed"], ["ends"])


def test_a_closed_line_promises_a_call_back(folder: Path) -> None:
    outcome, heard, _ = walk(folder, "1", at=CLOSED, more=CALLBACKS)
    assert (outcome, heard) == ("callback-promised", ["callback-closed", "callback-promised"])


def test_a_closed_line_takes_a_message(folder: Path) -> None:
    outcome, heard, happens = walk(folder, "", at=CLOSED, more=CALLBACKS + VOICEMAIL)
    assert outcome == "message-left"
    assert heard == ["callback-closed", "voicemail-closed", "", "voicemail-noted"]
    assert "speaks" in happens


def test_the_key_that_asks_for_a_call_back(folder: Path) -> None:
    outcome, heard, _ = walk(folder, "9", more=CALLBACKS)
    assert (outcome, heard[-1]) == ("callback-promised", "callback-promised")


def test_who_withholds_the_number_is_promised_nothing(folder: Path) -> None:
    outcome, heard, _ = walk(folder, "9,9,1", "--withheld", "--staff", "busy", more=CALLBACKS)
    assert outcome == "overflow"
    assert "callback-offer" not in heard


def test_a_call_back_is_offered_to_who_waits(folder: Path) -> None:
    outcome, heard, happens = walk(folder, "1,1", "--staff", "busy", more=CALLBACKS)
    assert outcome == "callback-promised"
    assert heard[-3:] == ["wait", "callback-offer", "callback-promised"]
    assert "rings" not in happens


def test_nobody_is_there(folder: Path) -> None:
    outcome, heard, _ = walk(folder, "1", "--staff", "nobody")
    assert (outcome, heard[-1]) == ("refused-empty", "nobody")
    outcome, heard, _ = walk(folder, "1", "--staff", "nobody", more=VOICEMAIL)
    assert (outcome, heard[-1]) == ("message-left", "voicemail-noted")


def test_everybody_is_busy_for_too_long(folder: Path) -> None:
    began = time.monotonic()
    done = invoke(folder, "--keys", "1", "--at", OPEN, "--staff", "busy", "--json")
    found = json.loads(done.stdout)
    assert found["outcome"] == "overflow"
    assert found["queue"] == "demarches"
    waits = next(step["at"] for step in found["steps"] if step["what"] == "waits")
    told = next(step["at"] for step in found["steps"] if step["prompt"] == "too-long")
    assert 300 <= told - waits < 310  # max_wait, told and not waited for
    assert time.monotonic() - began < 60


def test_a_phone_rings_in_vain(folder: Path) -> None:
    outcome, heard, happens = walk(folder, "1", "--staff", "unanswered")
    assert outcome == "overflow"
    assert happens.count("rings") == 4  # two rings, then "and so on"
    assert "still" in heard


# At a terminal.


def test_it_asks_for_each_key(folder: Path) -> None:
    done = invoke(folder, "--at", OPEN, typed="\n\n\n1\n")
    assert done.exit_code == 0
    assert "It is Monday 23 November 2026, 10:00 on the line: open." in done.stdout
    assert "0:00  hears     Bonjour, vous êtes bien chez Entraide." in done.stdout
    assert "presses   1" in done.stdout
    assert "in the queue 'Démarches'" in done.stdout
    assert done.stdout.rstrip().endswith("answered")


def test_a_key_may_cut_the_greeting_short(folder: Path) -> None:
    done = invoke(folder, "--at", OPEN, typed="1\n")
    assert "Il neige" not in done.stdout
    assert done.stdout.rstrip().endswith("answered")


def test_a_caller_hangs_up(folder: Path) -> None:
    done = invoke(folder, "--at", OPEN, typed="h\n")
    assert done.exit_code == 0
    assert done.stdout.rstrip().endswith("hung-up")


def test_what_is_no_key_is_asked_for_again(folder: Path) -> None:
    done = invoke(folder, "--at", OPEN, typed="what?\n1\n")
    assert "one of 0 to 9" in done.stderr
    assert "presses   1" in done.stdout


def test_at_the_end_of_the_input_nothing_is_pressed(folder: Path) -> None:
    done = invoke(folder, "--at", OPEN, typed="")
    assert done.stdout.rstrip().endswith("answered")


@pytest.mark.parametrize("words", [["--at", "noon"], ["--keys", "1,eleven"], ["--staff", "asleep"]])
def test_wrong_usage_is_code_2(folder: Path, words: list[str]) -> None:
    assert invoke(folder, *words).exit_code == 2


def test_a_line_that_cannot_be_read_is_code_1(folder: Path) -> None:
    done = invoke(folder, "--keys", "1", more="[nonsense]\n")
    assert done.exit_code == 1
    assert "nonsense" in done.output


def test_the_same_choices_of_fate_at_the_door_and_in_the_room() -> None:
    assert menu_test.FATES == FATES


def test_a_flow_that_does_not_finish_is_code_1(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forgets(*_: object) -> None:
        """As a flow that returns without its last act."""

    monkeypatch.setattr(rehearsal, "take", forgets)
    done = invoke(folder, "--keys", "1", "--at", OPEN)
    assert done.exit_code == 1
    assert "did not finish" in done.output


# Any caller.

ENDS = {"answered", "hung-up", "closed", "refused-empty", "overflow", "callback-promised"}
KEYS = st.lists(st.sampled_from([*"0123456789*#", "", "", "h"]), max_size=12)


def hotline(more: str) -> Hotline:
    return parse(LINE + more)


@given(
    keys=KEYS,
    fate=st.sampled_from(FATES),
    more=st.sampled_from(["", CALLBACKS, VOICEMAIL, CALLBACKS + VOICEMAIL]),
    hour=st.integers(0, 23),
    number=st.sampled_from(["", "+33199000142", "+4930123456"]),
)
def test_every_walk_comes_to_an_end(
    keys: list[str], fate: str, more: str, hour: int, number: str
) -> None:
    line, left = hotline(more), list(keys)
    at = datetime(2026, 11, 23, hour, tzinfo=line.zone)
    found = rehearse(
        line,
        Path("/nowhere"),
        lambda prompt, question: left.pop(0) if left else "",
        at=at,
        number=number,
        fate=fate,
    )
    assert found.outcome in ENDS | {"message-left"}
    assert found.outcome in {*kinds.OUTCOMES, "hung-up"}
    assert [step.at for step in found.steps] == sorted(step.at for step in found.steps)
    assert found.steps[-1].what == "ends"


def test_time_leaps() -> None:
    async def sleep() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(3600)
        here = loop.time()
        await asyncio.to_thread(lambda: None)  # something that takes real time
        return here, loop.time()

    began = time.monotonic()
    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        before, after = runner.run(sleep())
    assert before == after == 3600
    assert time.monotonic() - began < 60
