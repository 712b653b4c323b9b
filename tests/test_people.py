"""Agents: added, listed, joined to queues, removed; and written down in the journal."""

from pathlib import Path

import pytest

from decroche.records import kinds, people, schema, staffing
from decroche.records.people import PeopleError, add_agent, ha1, list_agents, members
from decroche.records.schema import reader
from decroche.records.store import read


@pytest.fixture
def path(tmp_path: Path) -> Path:
    schema.prepare(tmp_path / "decroche.db")
    return tmp_path / "decroche.db"


def test_it_keeps_no_password(path: Path) -> None:
    password = add_agent(path, "camille", "Camille", ["q"])
    (agent,) = list_agents(path)
    assert agent.ha1 == ha1("camille", password)
    assert password.encode() not in path.read_bytes()


def test_it_keeps_the_order_of_members(path: Path) -> None:
    for name in ("zoe", "abel", "lea"):
        add_agent(path, name, name, ["q", "r"])
    staffing.edit_agent(path, "abel", queues=["r", "q"])
    assert members(path) == {"q": ["zoe", "abel", "lea"], "r": ["zoe", "abel", "lea"]}


def test_it_tells_the_services(path: Path) -> None:
    add_agent(path, "lea", "Léa", ["q"])
    staffing.edit_agent(path, "lea", queues=[])
    people.remove_agent(path, "lea")
    connection = reader(path)
    found = [(event.kind, event.actor) for event in read(connection)]
    connection.close()
    assert found == [(kind, "lea") for kind in (kinds.ADDED, kinds.CHANGED, kinds.REMOVED)]


@pytest.mark.parametrize(
    "name", ["", "Camille", "0612345678", "trunk-x", "queue-x", "-x", "a" * 41, "a b", "é", "a\n"]
)
def test_it_refuses_names_that_asterisk_could_misread(path: Path, name: str) -> None:
    with pytest.raises(PeopleError):
        add_agent(path, name, "Camille", [])
    assert list_agents(path) == []


@pytest.mark.parametrize("label", ["", "  ", "a\nb", "a\x1bb", "a" * 81, "a\u202eb", "a\u2028b"])
def test_it_refuses_labels_that_no_screen_shows(path: Path, label: str) -> None:
    with pytest.raises(PeopleError):
        add_agent(path, "camille", label, [])


def test_it_refuses_a_taken_name_and_an_unknown_one(path: Path) -> None:
    add_agent(path, "camille", "Camille", [])
    with pytest.raises(PeopleError, match="already"):
        add_agent(path, "camille", "Camille", [])
    for change in (
        people.remove_agent,
        lambda path, name: staffing.edit_agent(path, name, queues=[]),
    ):
        with pytest.raises(PeopleError, match="no agent"):
            change(path, "nobody")
