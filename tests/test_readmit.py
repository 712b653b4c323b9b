"""Agents whose table was damaged come back from Asterisk's files in force."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from decroche.asterisk.readmit import readmit
from decroche.asterisk.render import render
from decroche.records import people, schema
from decroche.records.folder import Folder
from decroche.records.salvage import mend

from .test_asterisk_files import HOTLINE, PLAN
from .test_salvage import damage, pages_of


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A line with two agents, both in force."""
    folder = Folder(tmp_path)
    schema.prepare(folder.database)
    folder.etc.mkdir(parents=True)
    for name, text in render(PLAN).items():
        (folder.etc / name).write_text(text, "utf-8")
    folder.applied.write_text(HOTLINE, "utf-8")
    for name in ("ana", "zoe"):
        people.add_agent(folder.database, name, f"{name} the agent", ["visio"], "word")
    return folder


def test_agents_that_are_lost_come_back_with_their_passwords(folder: Folder) -> None:
    with closing(sqlite3.connect(folder.database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    damage(folder.database, pages_of(folder.database, "agents"), random.Random(1))
    assert mend(folder.database)
    assert people.list_agents(folder.database) == []
    assert len(readmit(folder)) == 2
    known = {agent.name: agent for agent in people.list_agents(folder.database)}
    assert {name: agent.ha1 for name, agent in known.items()} == {
        agent.name: agent.ha1 for agent in PLAN.agents
    }
    assert known["ana"].queues == ("visio",)  # that table was not hit


def test_agents_whose_queues_are_lost_too_join_all(folder: Folder) -> None:
    with closing(sqlite3.connect(folder.database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    pages = [page for name in ("agents", "members") for page in pages_of(folder.database, name)]
    damage(folder.database, pages, random.Random(2))
    assert mend(folder.database)
    readmit(folder)
    [ana, _] = people.list_agents(folder.database)
    assert ana.queues == ("demarches", "visio")


def test_who_is_known_is_left_alone(folder: Folder) -> None:
    before = people.list_agents(folder.database)
    assert readmit(folder) == []
    assert people.list_agents(folder.database) == before


def test_a_line_that_is_not_in_force_has_nobody_to_readmit(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    schema.prepare(folder.database)
    assert readmit(folder) == []
