"""Names and labels of any kind: refused, or Asterisk's files read back as the same line."""

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from decroche.asterisk.conf import parse as parse_conf
from decroche.asterisk.render import RenderError, render, verify
from decroche.hotline import Hotline, HotlineError, parse
from decroche.records import dialplan, people, schema
from decroche.records.editing import changed
from decroche.records.people import PeopleError

from .test_asterisk_files import PLAN

ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
# Mostly what could pass, so that not all of them are refused at the first look.
NEARLY = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,12}", fullmatch=True)
HOSTILE = st.sampled_from(
    ["general", "default", "trunk-x", "queue-x", "talk", "callers", "agents", "a]", "[a", "a;b"]
    + [
        "x\n[y]",
        "#include a",
        "${EVAL(x)}",
        "a&b",
        "a,b",
        "a/b",
        "a@b",
        "-",
        "_X.",
        "\u202e",
        "\x00",
    ]
)
NAME = st.one_of(NEARLY, NEARLY, HOSTILE, ANY)
LABEL = st.one_of(st.text(min_size=1, max_size=80), ANY, HOSTILE)
HOST = st.one_of(st.just("192.0.2.9"), st.just("sip.example.org"), ANY, HOSTILE)
DID = st.one_of(st.from_regex(r"\+?[0-9]{2,20}", fullmatch=True), ANY, HOSTILE)


@st.composite
def lines(draw: st.DrawFn) -> dict[str, Any]:
    """A hotline.toml as a dictionary."""
    queues = draw(st.dictionaries(NAME, LABEL, min_size=1, max_size=3))
    names = list(queues)
    trunks = draw(st.dictionaries(NAME, st.tuples(HOST, DID), max_size=2))
    return {
        "line": {"name": draw(LABEL)},
        "menu": {
            "default": draw(st.sampled_from(names)),
            "choices": [{"key": "1", "queue": draw(st.sampled_from(names)), "label": draw(LABEL)}],
        },
        "queues": {name: {"label": label} for name, label in queues.items()},
        "trunks": {name: {"host": host, "dids": [did]} for name, (host, did) in trunks.items()},
        "prompts": {"greeting": draw(ANY)},
    }


def read_back(hotline: Hotline) -> None:
    """What Asterisk reads is this line, and nothing else."""
    plan = replace(PLAN, hotline=hotline)
    files = render(plan)
    verify(plan, files)
    queues = {section.name for section in parse_conf(files["queues.conf"])} - {"general"}
    assert queues == set(hotline.queues)
    contexts = {s.name: s.all("exten") for s in parse_conf(files["extensions.conf"])}
    for name, trunk in hotline.trunks.items():
        numbers = {value.split(",")[0] for value in contexts[f"from-{name}"]}
        assert set(trunk.dids) <= numbers
    hosts = {s.get("match") for s in parse_conf(files["pjsip.conf"]) if s.get("type") == "identify"}
    assert hosts == {trunk.host for trunk in hotline.trunks.values()}


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(lines())
def test_a_line_of_any_names_is_refused_or_reads_back(data: dict[str, Any]) -> None:
    text = tomlkit.dumps(data)
    try:
        hotline = parse(text)
    except HotlineError as error:
        assert str(error).isprintable(), "an error stays on one line of a terminal"
        return
    assert hotline.line.name == data["line"]["name"]
    assert {name: q.label for name, q in hotline.queues.items()} == {
        name: q["label"] for name, q in data["queues"].items()
    }
    try:
        read_back(hotline)
    except RenderError as error:
        assert str(error).isprintable()


def test_most_plain_names_are_not_refused() -> None:
    """The test above would prove nothing if everything were."""
    seen: list[bool] = []

    @settings(max_examples=200, database=None)
    @given(st.dictionaries(NEARLY, st.text("abc é", min_size=1), min_size=1, max_size=3))
    def look(queues: dict[str, str]) -> None:
        data = {
            "line": {"name": "x"},
            "menu": {"default": next(iter(queues))},
            "queues": {name: {"label": label} for name, label in queues.items()},
        }
        try:
            read_back(parse(tomlkit.dumps(data)))
        except (HotlineError, RenderError):
            seen.append(False)
        else:
            seen.append(True)

    look()
    assert sum(seen) > len(seen) * 0.9


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("people") / "line.db"
    schema.prepare(path)
    return path


@settings(max_examples=200)
@given(name=NAME, label=LABEL, queue=NAME)
def test_an_agent_of_any_name_is_refused_or_reads_back(
    database: Path, name: str, label: str, queue: str
) -> None:
    with sqlite3.connect(database) as connection:
        connection.executescript("DELETE FROM members; DELETE FROM agents")
    connection.close()
    try:
        people.add_agent(database, name, label, [queue])
    except PeopleError as error:
        assert str(error).isprintable()
        return
    agents = people.list_agents(database)
    assert [(agent.name, agent.label) for agent in agents] == [(name, label.strip())]
    plan = replace(PLAN, agents=agents)
    files = render(plan)
    verify(plan, files)
    sections = [s for s in parse_conf(files["pjsip.conf"]) if s.name == name]
    assert sorted(s.get("type") for s in sections) == ["aor", "auth", "endpoint"]
    endpoint = next(s for s in sections if s.get("type") == "endpoint")
    assert endpoint.get("context") == dialplan.AGENTS


def test_a_diff_of_two_texts_holds_only_what_differs() -> None:
    assert list(changed("a\nb\nc\n", "a\nB\nc\n")) == ["-b", "+B"]
