"""A hundred changes under fifty calls, two hundred broken files, and an apply that is killed."""

import multiprocessing
import os
import random
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator

import pytest
import tomlkit

from decroche.asterisk import settings
from decroche.asterisk.apply import apply, next_files
from decroche.asterisk.release import Release
from decroche.hotline import HotlineError, load
from decroche.records import kinds, people
from decroche.records.editing import table
from decroche.records.folder import Folder

from .conftest import Open
from .live import LiveLine, until

pytestmark = pytest.mark.pbx

LINE = """
[menu]
default = "demarches"
choices = [{ key = "1", queue = "visio", label = "Un" }]
[queues.demarches]
label = "Démarches"
wrap_up = 600
announce_every = 600
[queues.visio]
label = "Visio"
[hours]
monday = ["00:00-24:00"]
tuesday = ["00:00-24:00"]
wednesday = ["00:00-24:00"]
thursday = ["00:00-24:00"]
friday = ["00:00-24:00"]
saturday = ["00:00-24:00"]
sunday = ["00:00-24:00"]
"""
TALKING, WAITING = 30, 20
AGENTS = {f"agent{number}": ["demarches"] for number in range(TALKING)}
APPLIES = 100
Document = tomlkit.TOMLDocument
Change = Callable[[Document, random.Random], None]


@pytest.fixture(scope="module")
def line(open_line: Open) -> LiveLine:
    line = open_line(LINE, AGENTS).start()
    line.phones(*AGENTS, answer=200)
    line.declare(kinds.AVAILABLE, *AGENTS)
    return line


# What an admin changes during the day.


def _queue(document: Document, chance: random.Random) -> None:
    name = chance.choice(list(table(document, "queues")))
    key, low, high = chance.choice(
        [("ring_time", 5, 60), ("priority", 0, 9), ("max_wait", 600, 7200), ("ring_few", 1, 5)]
    )
    table(document, "queues", name)[key] = chance.randint(low, high)


def _strategy(document: Document, chance: random.Random) -> None:
    name = chance.choice(["longest-idle", "round-robin", "fewest-calls", "random", "in-order"])
    table(document, "queues", "demarches")["strategy"] = name


def _queues(document: Document, chance: random.Random) -> None:
    queues = table(document, "queues")
    if "extra" in queues:
        queues.remove("extra")
    else:
        queues["extra"] = {"label": f"Extra {chance.randint(1, 99)}", "overflow": "demarches"}


def _number(document: Document, chance: random.Random) -> None:
    trunk = table(document, "trunks", "street")
    trunk["dids"] = [trunk["dids"][0], f"09{chance.randint(10**7, 10**8 - 1)}"]


def _trunk(document: Document, chance: random.Random) -> None:
    trunks = table(document, "trunks")
    if "other" in trunks:
        trunks.remove("other")
    else:
        trunks["other"] = {"host": "127.0.0.2", "port": 5999, "dids": ["0800000000"]}


def _menu(document: Document, chance: random.Random) -> None:
    table(document, "menu")["repeat"] = chance.randint(1, 5)


def _hours(document: Document, chance: random.Random) -> None:
    day = chance.choice(["2030-01-01", "2030-05-01", "2031-12-25"])
    table(document, "hours")["closed"] = tomlkit.value(f"[{day}]")


CHANGES: tuple[Change, ...] = (_queue, _strategy, _queues, _number, _trunk, _menu, _hours)


def test_a_hundred_applies_touch_none_of_fifty_calls(line: LiveLine) -> None:
    """Each caller hangs up by themselves, forty seconds after they came."""
    stay = 40.0
    asterisk = line.pbx.status().pid
    story = (("pause", str(int(stay * 1000))), ("bye",))
    callers = line.call(*story, calls=TALKING + WAITING, rate=25)
    stages = "SELECT stage, count(*) AS n FROM calls GROUP BY stage"
    both = {"talking": TALKING, "waiting": WAITING}
    until(lambda: {r["stage"]: r["n"] for r in line.rows(stages)} == both, 20, "fifty calls")
    chance, switched = random.Random(20261125), 0
    began = time.monotonic()
    for at in range(APPLIES):
        document = tomlkit.parse(line.folder.hotline.read_text("utf-8"))
        for change in chance.sample(CHANGES, chance.randint(1, 3)):
            change(document, chance)
        line.folder.hotline.write_text(tomlkit.dumps(document), "utf-8")
        if at % 10 == 0:  # people come, too
            people.add_agent(line.folder.database, f"new{at}", f"New {at}", ["visio"])
        said = apply(line.folder, line.release)
        switched += any(word.startswith("changed") for word in said)
        assert load(line.folder.applied) == load(line.folder.hotline)
    took = time.monotonic() - began
    assert took < stay - 20, f"the calls ended before the {APPLIES} applies did ({took:.0f} s)"
    assert {r["stage"]: r["n"] for r in line.rows(stages)} == both
    callers.succeed(stay + 30)
    line.until_quiet(calls=TALKING + WAITING)
    print(f"\n{switched} of {APPLIES} applies switched files, in {took:.1f} s, under 50 calls")
    assert switched > APPLIES * 0.9
    assert line.pbx.status().pid == asterisk
    calls = line.calls()
    assert [row["outcome"] for row in calls].count("answered") == TALKING
    assert [row["outcome"] for row in calls].count("abandoned") == WAITING
    for row in calls:
        assert (row["ended"] - row["arrived"]) / 1e6 == pytest.approx(stay, abs=2)
        assert row["rings"] == (row["outcome"] == "answered") and not row["fellback"]


# Broken files.

HEADER = re.compile(r"^\[([a-z.-]+)\]$")
WRONG_KEYS = ("unknown", "Ring_Time", "ring time")
WRONG_VALUES = ("[[1]]", "{ a = 1 }", "1979-05-27T07:32:00Z")
NOT_TOML = ("= 3", "key", "[queues", '"', "a = 'b", "x = 1 2", "\x00", "k = 0_1_")
NAMES = ("Nuit", "a b", "é", "-nuit", "n" * 41, "trunk/x", "nu\\nit", "general")
LABELS = ('""', '"' + "x" * 81 + '"', "3", "true", '["a"]')
PERIODS = ("9-18", "18:00-09:00", "24:00-25:00", "09:00-18:00-19:00", "", "09:00–18:00")
NUMBERS = ("-1", "100000", "1.5", '"20"', "true", "nan")


def broken(good: str) -> Iterator[tuple[int, str]]:
    """(the line that is to be named, a text that is no hotline), of many kinds."""
    lines = good.splitlines()
    headers = [at for at, text in enumerate(lines) if HEADER.match(text)]

    def with_line(at: int, text: str) -> tuple[int, str]:
        return at + 1, "\n".join([*lines[:at], text, *lines[at:]]) + "\n"

    for at in headers:
        for text in NOT_TOML:
            yield with_line(at + 1, text)
        if lines[at] not in ("[prompts]",):
            for key in WRONG_KEYS[:2]:
                yield with_line(at + 1, f"{key} = 1")
    for at, text in enumerate(lines):
        if "=" in text and "{" not in text:
            for value in WRONG_VALUES:
                yield (
                    at + 1,
                    "\n".join([*lines[:at], f"{text.split('=')[0]}= {value}", *lines[at + 1 :]]),
                )
    end = len(lines)
    for name in NAMES:
        header = f'[queues."{name}"]'
        yield end + 1, "\n".join([*lines, header, 'label = "X"']) + "\n"
    for label in LABELS:
        yield end + 2, "\n".join([*lines, "[queues.neuf]", f"label = {label}"]) + "\n"
    monday = next(at for at, text in enumerate(lines) if text.startswith("monday"))
    for period in PERIODS:
        yield monday + 1, good.replace('monday = ["00:00-24:00"]', f'monday = ["{period}"]')
    for number in NUMBERS:
        for key in ("ring_time", "max_wait", "overflow_after"):
            yield end + 3, "\n".join([*lines, "[queues.neuf]", 'label = "X"', f"{key} = {number}"])


def test_two_hundred_broken_files_are_refused_by_line(line: LiveLine) -> None:
    good = line.folder.hotline.read_text("utf-8")
    before = line.folder.etc.resolve(), settings.current(line.folder)
    said = line.members(), line.pbx.ask("dialplan show")
    count = 0
    try:
        for number, text in broken(good):
            line.folder.hotline.write_text(text, "utf-8")
            with pytest.raises(HotlineError) as refused:
                apply(line.folder, line.release)
            words = str(refused.value)
            assert str(line.folder.hotline) in words and len(words) < 1000, words
            assert re.search(rf"\bline {number}\b", words), (
                f"{words}\n{text.splitlines()[(number or 1) - 1]}"
            )
            count += 1
        raw = good.encode()
        for bytes_ in (
            b"\xff\xfe" + raw,
            raw.replace(b"Essai", b"\xe9"),
            b"",
            raw[: len(raw) // 3],
        ):
            line.folder.hotline.write_bytes(bytes_)
            with pytest.raises(HotlineError, match=re.escape(str(line.folder.hotline))):
                apply(line.folder, line.release)
            count += 1
    finally:
        line.folder.hotline.write_text(good, "utf-8")
    print(f"\n{count} broken files refused")
    assert count >= 200
    assert before == (line.folder.etc.resolve(), settings.current(line.folder))
    assert said == (line.members(), line.pbx.ask("dialplan show"))


# Killed.

TOUCHES = re.compile(r"open|os\.|socket\.connect|subprocess|sqlite3\.connect|fcntl|shutil")


def _killed(folder: Folder, release: Release, stop_at: int) -> None:
    """Apply in this process, and be killed at the ``stop_at``-th touch of the system."""
    touched = 0

    def count(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal touched
        if TOUCHES.match(event):
            touched += 1
            if touched == stop_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    apply(folder, release)


def killed(line: LiveLine, stop_at: int) -> bool:
    """Whether an apply was killed there, and had not ended before."""
    context = multiprocessing.get_context("fork")
    child = context.Process(target=_killed, args=(line.folder, line.release, stop_at))
    child.start()
    child.join(30)
    assert child.exitcode in (0, -signal.SIGKILL), child.exitcode
    return child.exitcode != 0


def test_an_apply_killed_at_every_step_leaves_old_or_new(line: LiveLine) -> None:
    """Between two files that differ in many of Asterisk's; with a caller on the line meanwhile."""
    first = line.folder.hotline.read_text("utf-8")
    document = tomlkit.parse(first)
    table(document, "queues", "demarches")["label"] = "Other"
    table(document, "queues", "more")["label"] = "More"
    table(document, "trunks", "more").update(host="127.0.0.2", port=5998, dids=["0811111111"])
    second = tomlkit.dumps(document)
    apply(line.folder, line.release)
    wanted = {}
    for text in (second, first):
        line.folder.hotline.write_text(text, "utf-8")
        wanted[text] = next_files(line.folder, line.release)[1]
    caller = line.call(("pause", "280000"), ("bye",))
    before, after, stop_at = first, second, 0
    seen: list[bool] = []
    while True:
        stop_at += 1
        line.folder.hotline.write_text(after, "utf-8")
        was_killed = killed(line, stop_at)
        found = settings.current(line.folder)
        assert found in (wanted[before], wanted[after]), f"between, at {stop_at}"
        seen.append(found == wanted[after])
        apply(line.folder, line.release)  # the next one goes through, and Asterisk knows it
        assert settings.current(line.folder) == wanted[after]
        assert ("more has" in line.pbx.ask("queue show")) == (after == second)
        if not was_killed:
            break
        before, after = after, before
    print(f"\nkilled at each of {stop_at - 1} touches: {seen.count(False)} old, the others new")
    assert stop_at > 30 and not seen[0] and seen[-1]
    assert seen == sorted(seen)
    assert line.channels() and caller.process.poll() is None, caller.tail()
