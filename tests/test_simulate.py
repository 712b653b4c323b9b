"""``decroche simulate``: the people by value, and a short run with real calls."""

import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from statistics import mean

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from decroche.asterisk.release import Release
from decroche.asterisk.simulate_line import private
from decroche.asterisk.simulate_people import WITHIN, Wish, cast, memberships
from decroche.cli import main
from decroche.hotline import parse
from decroche.records import people, schema
from decroche.records.events import MICRO
from decroche.records.met import Met, met, peak

from .live import PROMPTS, until
from .test_drill import left_over

HOTLINE = """
# A comment of the admin's.
[line]
name = "Essai"
timezone = "Europe/Paris"
[network]
bind = "0.0.0.0"
sip = 5060
[trunks.provider]
kind = "register"
host = "sip.provider.example"
username = "0033987654321"
dids = ["0987654321", "0987654322"]
[hours]
monday = ["09:00-09:01"]
[menu]
default = "demarches"
patience = 1
repeat = 1
choices = [
    { key = "1", queue = "demarches", label = "Démarches" },
    { key = "2", queue = "visio", label = "Visio" },
]
[queues.demarches]
label = "Démarches"
wrap_up = 0
[queues.visio]
label = "Visio"
wrap_up = 0
"""
QUEUES = [("demarches",), ("demarches", "visio")]


def wish(**how: object) -> Wish:
    values: dict[str, object] = {"callers": 30, "agents": 4, "seconds": 60.0}
    values |= {"talk": 20.0, "patience": 30.0} | how
    return Wish(**values)  # type: ignore[arg-type]


# The people.


@given(
    callers=st.integers(1, 300),
    agents=st.integers(0, 40),
    seconds=st.floats(1, 3600),
    arrival=st.sampled_from(["poisson", "burst"]),
    seed=st.integers(0, 1 << 40),
    keys=st.lists(st.sampled_from("0123456789*#"), unique=True, max_size=5),
)
def test_everybody_comes_in_time_and_the_same_wish_gives_the_same_people(
    callers: int, agents: int, seconds: float, arrival: str, seed: int, keys: list[str]
) -> None:
    asked = wish(callers=callers, agents=agents, seconds=seconds, arrival=arrival, seed=seed)
    found = cast(asked, keys, 12.0, QUEUES)
    assert found == cast(asked, keys, 12.0, QUEUES)
    moments = [caller.at for caller in found.callers]
    assert moments == sorted(moments)
    assert len(moments) == callers
    assert 0 <= moments[0]
    assert moments[-1] <= (min(seconds, WITHIN) if arrival == "burst" else seconds)
    assert len({caller.number for caller in found.callers}) == callers
    assert {caller.key for caller in found.callers} <= {"", *keys}
    assert all(1 <= caller.listens <= 12 and caller.patience >= 0 for caller in found.callers)
    assert [agent.queues for agent in found.agents] == [QUEUES[n % 2] for n in range(agents)]
    assert all(talk >= 2 for agent in found.agents for talk in agent.talks)


def test_talks_and_patience_are_as_long_as_asked_on_average() -> None:
    found = cast(wish(callers=2000, agents=100, talk=60.0, patience=40.0), ["1"], 5.0, QUEUES)
    assert 57 < mean(talk for agent in found.agents for talk in agent.talks) < 63
    assert 36 < mean(caller.patience for caller in found.callers) < 44
    assert 0.1 < mean(caller.key == "" for caller in found.callers) < 0.2


def test_agents_are_in_the_queues_of_the_real_ones() -> None:
    members = {"visio": ["bob"], "demarches": ["bob", "ana"], "gone": ["cleo"]}
    assert memberships(members, ["demarches", "visio"]) == [
        ("demarches",),
        ("demarches", "visio"),
    ]
    assert memberships({}, ["demarches", "visio"]) == [("demarches", "visio")]


# The line.


def test_the_private_line_is_the_same_but_for_its_addresses() -> None:
    text = private(HOTLINE, 100)
    real, copy = parse(HOTLINE), parse(text)
    assert (copy.menu, copy.queues, copy.line) == (real.menu, real.queues, real.line)
    assert copy.hours is None  # always open
    assert copy.network.bind == "127.0.0.1"
    assert copy.network.rtp_last - copy.network.rtp_first == 99
    assert [trunk.host for trunk in copy.trunks.values()] == ["127.0.0.1"]
    assert copy.trunks["street"].dids == ["0987654321"]
    assert "A comment of the admin's" in text


def test_a_line_without_a_trunk_can_be_simulated() -> None:
    document = tomllib.loads(HOTLINE)
    assert document.pop("trunks")
    text = HOTLINE.split("[trunks.provider]")[0] + "[hours]" + HOTLINE.split("[hours]")[1]
    assert parse(private(text, 50)).trunks["street"].dids


# What they met.


@pytest.mark.parametrize(
    ("intervals", "most"),
    [
        ([], 0),
        ([(0, 1)], 1),
        ([(0, 1), (1, 2)], 1),
        ([(0, 3), (1, 2), (1, 4)], 3),
        ([(5, 5)], 0),
    ],
)
def test_a_peak_is_how_many_there_are_at_once(intervals: list[tuple[int, int]], most: int) -> None:
    assert peak(intervals) == most


def test_what_callers_met_is_read_from_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "decroche.db"
    schema.prepare(path)
    calls = [  # arrived, queued, answered, ended
        (0, 1, 5, 20),
        (0, 2, None, 32),  # gave up after 30 s
        (4, 6, 10, None),  # talks on
        (5, None, None, 7),
    ]
    offers = [("ana", 5, 20), ("bob", 10, None), ("bob", None, 9)]
    with closing(sqlite3.connect(path)) as connection:
        for number, (arrived, queued, answered, ended) in enumerate(calls):
            instants = [None if at is None else at * MICRO for at in (queued, answered, ended)]
            connection.execute(
                """INSERT INTO calls (call, number, trunk, did, stage, since, arrived, queued,
                    answered, ended) VALUES (?, ?, 't', 'd', 's', 0, ?, ?, ?, ?)""",
                (str(number), number, arrived * MICRO, *instants),
            )
        for number, (agent, answered, ended) in enumerate(offers):
            instants = [None if at is None else at * MICRO for at in (answered, ended)]
            connection.execute(
                "INSERT INTO offers (offer, call, agent, rang, answered, ended) "
                "VALUES (?, '0', ?, 0, ?, ?)",
                (str(number), agent, *instants),
            )
        connection.commit()
        connection.row_factory = sqlite3.Row
        found = met(connection, 0, 40 * MICRO, 2)
    # ana talked 15 s of 40, bob 30 of 40
    assert found == Met(longest=30, most_waiting=2, most_talking=2, busy=45 / 80)


# With real calls.


@pytest.fixture
def folder(release: Release, tmp_path: Path) -> Path:
    line = tmp_path / "line"
    line.mkdir()
    (line / "hotline.toml").write_text(HOTLINE + PROMPTS, "utf-8")
    done = CliRunner().invoke(main, ["--dir", str(line), "init"])
    assert done.exit_code == 0
    people.add_agent(line / "decroche.db", "ana", "Ana", ["demarches", "visio"])
    return line


@pytest.fixture
def place() -> Iterator[Path]:
    """Where simulations make their folders; short, for the path of a socket."""
    path = Path(tempfile.mkdtemp(prefix="s-"))
    yield path
    shutil.rmtree(path)


def start(folder: Path, place: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "decroche.cli", "--dir", str(folder), "simulate", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(place)},
    )


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if not path.name.endswith(("-shm", "-wal"))  # a reader of the database makes them
    }


@pytest.mark.pbx
def test_callers_are_answered_and_the_line_itself_is_not_touched(folder: Path, place: Path) -> None:
    before = contents(folder)
    words = "--callers 6 --agents 3 --minutes 0.1 --talk 2 --patience 7200 --json".split()
    process = start(folder, place, *words)
    said, told = process.communicate(timeout=180)
    assert process.returncode == 0, told
    found = json.loads(said)
    assert (found["called"], found["interrupted"]) == (6, False)
    totals = found["totals"]
    assert (totals["arrived"], totals["answered"], totals["under_way"]) == (6, 6, 0)
    assert sum(queue["arrived"] for queue in found["queues"].values()) == 6
    assert 1 <= found["most_talking"] <= 3
    assert 0 < found["busy"] <= 1
    assert contents(folder) == before
    assert left_over(place) == []


@pytest.mark.pbx
def test_who_has_no_patience_gives_up(folder: Path, place: Path) -> None:
    words = "--callers 5 --agents 1 --minutes 0.05 --talk 30 --patience 1 --json".split()
    process = start(folder, place, *words, "--arrival", "burst")
    said, told = process.communicate(timeout=180)
    assert process.returncode == 0, told
    totals = json.loads(said)["totals"]
    assert totals["arrived"] == 5
    assert totals["abandoned"] >= 3
    assert totals["abandoned"] + totals["answered"] == 5


@pytest.mark.pbx
def test_an_interruption_prints_what_was_met_until_then(folder: Path, place: Path) -> None:
    words = "--callers 40 --agents 4 --minutes 20 --talk 5 --seed 3".split()
    process = start(folder, place, *words)
    try:
        until(lambda: calls(place), 60, "somebody to call")
        process.send_signal(signal.SIGINT)
        said, told = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait(10)
    assert process.returncode == 0, told
    assert said.startswith("interrupted: ")
    assert "answered" in said
    assert left_over(place) == []


def calls(place: Path) -> int:
    for path in place.glob("drill-*/line/decroche.db"):
        try:
            with closing(schema.reader(path)) as connection:
                return int(connection.execute("SELECT count(*) FROM calls").fetchone()[0])
        except sqlite3.OperationalError:  # it is being made
            return 0
    return 0


def test_it_refuses_without_an_asterisk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DECROCHE_PBX", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    done = CliRunner().invoke(main, ["simulate"])
    assert done.exit_code == 1
    assert "decroche pbx install" in done.output


@pytest.mark.parametrize("words", [["--callers", "0"], ["--minutes", "-1"], ["--arrival", "never"]])
def test_wrong_usage_is_code_2(words: list[str]) -> None:
    assert CliRunner().invoke(main, ["simulate", *words]).exit_code == 2
