"""Queues, menu, trunks and the whole file, from a terminal: what an admin types and reads."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from decroche.cli import main
from decroche.hotline import load
from decroche.records import secrets
from decroche.records.folder import Folder

Type = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    assert CliRunner().invoke(main, ["init", str(tmp_path)]).exit_code == 0
    return Folder(tmp_path)


@pytest.fixture
def typed(folder: Folder) -> Type:
    def run(*words: str, fails: int = 0, **more: Any) -> Result:
        done = CliRunner().invoke(main, ["--dir", str(folder.root), *words], **more)
        assert done.exit_code == fails, done.output
        return done

    return run


def rows(done: Result) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


# Queues.


def test_a_queue_is_added_set_and_removed(typed: Type, folder: Folder) -> None:
    before = folder.hotline.read_text("utf-8")
    said = typed("queue", "add", "papiers", "--label", "Papiers", "ring_time=25", "overflow=visio")
    assert "Next: decroche apply" in said.output
    queue = load(folder.hotline).queues["papiers"]
    assert (queue.label, queue.ring_time, queue.overflow) == ("Papiers", 25, "visio")
    typed("queue", "set", "papiers", "overflow=", "strategy=ring-few", "ring-time=")
    queue = load(folder.hotline).queues["papiers"]
    assert (queue.ring_time, queue.overflow, queue.strategy) == (20, None, "ring-few")
    typed("queue", "remove", "papiers")
    assert folder.hotline.read_text("utf-8") == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "visio", "--label", "X"), "there is a queue 'visio'"),
        (("add", "Visio!", "--label", "X"), "queues"),
        (("add", "general", "--label", "X"), "Asterisk keeps this name"),
        (("add", "neuf", "--label", ""), "label"),
        (("set", "nowhere", "ring_time=20"), "there are: demarches, visio"),
        (("set", "visio", "ring_time"), "write KEY=VALUE"),
        (("set", "visio", "colour=red"), "no key 'colour'; there are: label, strategy"),
        (("set", "visio", "ring_time=900"), "ring_time=900: Expected `int` <= 60"),
        (("set", "visio", "ring_time=soon"), "ring_time=soon: Expected `int`"),
        (("set", "visio", "overflow=visio"), "no other queue"),
        (("show", "nowhere"), "no queue 'nowhere'"),
        (("remove", "demarches"), "the menu's default and key 1 lead to"),
        (("remove", "demarches", "--to", "nowhere"), "no queue 'nowhere'"),
        (("remove", "demarches", "--to", "demarches"), "another queue"),
    ],
)
def test_a_queue_that_cannot_be_is_refused(
    typed: Type, folder: Folder, words: tuple[str, ...], said: str
) -> None:
    before = folder.hotline.read_text("utf-8")
    assert said in typed("queue", *words, fails=1).output
    assert folder.hotline.read_text("utf-8") == before


def test_what_leads_to_a_removed_queue_leads_elsewhere(typed: Type, folder: Folder) -> None:
    typed("queue", "set", "visio", "overflow=demarches")
    typed("queue", "remove", "demarches", "--to", "visio")
    hotline = load(folder.hotline)
    assert list(hotline.queues) == ["visio"] and hotline.queues["visio"].overflow is None
    assert hotline.menu.default == "visio"
    assert {choice.queue for choice in hotline.menu.choices} == {"visio"}
    assert "the only queue" in typed("queue", "remove", "visio", fails=1).output


def test_queues_are_listed_with_what_apply_would_do(typed: Type, folder: Folder) -> None:
    typed("agent", "add", "camille", "--queue", "visio")
    folder.applied.parent.mkdir(parents=True)
    folder.applied.write_text(folder.hotline.read_text("utf-8"), "utf-8")
    typed("queue", "set", "visio", "ring_time=30")
    typed("queue", "add", "neuf", "--label", "Neuf")
    typed("queue", "remove", "demarches", "--to", "neuf")
    found = {row["name"]: row for row in rows(typed("queue", "list", "--json"))}
    assert {name: row["in_force"] for name, row in found.items()} == {
        "visio": "changed: apply",
        "neuf": "after apply",
        "demarches": "until apply",
    }
    assert (found["visio"]["agents"], found["visio"]["waiting"]) == (1, 0)


def test_a_queue_shows_its_defaults(typed: Type) -> None:
    typed("queue", "set", "visio", "wrap_up=0")
    found = {row["key"]: row for row in rows(typed("queue", "show", "visio", "--json"))}
    assert found["wrap_up"] == {"key": "wrap_up", "value": "0", "is_default": False}
    assert found["ring_time"] == {"key": "ring_time", "value": "20", "is_default": True}


# The menu.


def test_a_key_of_the_menu_is_added_changed_and_removed(typed: Type, folder: Folder) -> None:
    before = folder.hotline.read_text("utf-8")
    typed("menu", "set", "3", "visio", "--label", "Autre chose")
    typed("menu", "set", "3", "demarches")
    choice = load(folder.hotline).menu.choices[2]
    assert (choice.key, choice.queue, choice.label) == ("3", "demarches", "Autre chose")
    typed("menu", "set", "3", "--label", "Vos papiers")
    assert load(folder.hotline).menu.choices[2].label == "Vos papiers"
    typed("menu", "set", "3", "--remove")
    assert folder.hotline.read_text("utf-8") == before


def test_keys_are_changed_however_the_file_writes_them(typed: Type, folder: Folder) -> None:
    text = folder.hotline.read_text("utf-8")
    begin, end = text.index("choices = ["), text.index("[queues.demarches]")
    table = '[[menu.choices]]\nkey = "1"\nqueue = "visio"\nlabel = "Un"\n\n'
    for written in ("", "choices = []\n\n", table):
        folder.hotline.write_text(text[:begin] + written + text[end:], "utf-8")
        typed("menu", "set", "5", "visio", "--label", "Cinq")
        assert load(folder.hotline).menu.choices[-1].label == "Cinq"
        typed("menu", "set", "5", "--remove")
        assert "5" not in {choice.key for choice in load(folder.hotline).menu.choices}


def test_the_whole_menu_is_set(typed: Type, folder: Folder) -> None:
    typed("menu", "set", "repeat=3", "patience=8", "default=visio")
    menu = load(folder.hotline).menu
    assert (menu.repeat, menu.patience, menu.default) == (3, 8.0, "visio")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("3", "visio"), 1, "say its queue and --label"),
        (("3", "nowhere", "--label", "X"), 1, "no queue 'nowhere'"),
        (("x", "visio", "--label", "X"), 1, "menu.choices.2.key"),
        (("7", "--remove"), 1, "the menu has no key 7; it has: 1, 2"),
        (("default=nowhere",), 1, "no queue 'nowhere'"),
        (("choices=1",), 1, "no key 'choices'"),
        (("1", "visio", "demarches"), 2, "say one KEY"),
        (("repeat=2", "--remove"), 2, "go with one KEY"),
    ],
)
def test_a_menu_that_cannot_be_is_refused(
    typed: Type, folder: Folder, words: tuple[str, ...], code: int, said: str
) -> None:
    before = folder.hotline.read_text("utf-8")
    assert said in typed("menu", "set", *words, fails=code).output
    assert folder.hotline.read_text("utf-8") == before


def test_the_menu_is_shown_as_callers_hear_it(typed: Type) -> None:
    found = json.loads(typed("menu", "show", "--json").stdout)
    assert found["heard"][0].startswith("Bonjour")
    assert found["keys"][1] == {
        "key": "2",
        "does": "queue visio",
        "label": "Appeler un proche en vidéo",
    }
    assert found["nothing"] == "queue demarches"
    assert "« Bonjour" in typed("menu", "show").stdout


# Trunks.


def test_a_trunk_is_added_with_its_password_apart(typed: Type, folder: Folder) -> None:
    before = folder.hotline.read_text("utf-8")
    words = (
        "kind=register",
        "host=127.0.0.1",
        "username=0033987654321",
        "dids=0987654321,0987654322",
    )
    typed("trunk", "add", "ovh", *words, "--password", input="s3cret\n")
    assert load(folder.hotline).trunks["ovh"].dids == ["0987654321", "0987654322"]
    assert secrets.load(folder.secrets).trunks == {"ovh": "s3cret"}
    assert "s3cret" not in folder.hotline.read_text("utf-8")
    typed("trunk", "set", "ovh", "--password", input="other\n")
    assert secrets.load(folder.secrets).trunks == {"ovh": "other"}
    typed("trunk", "set", "ovh", "port=5070")
    assert load(folder.hotline).trunks["ovh"].port == 5070
    assert [row["name"] for row in rows(typed("trunk", "list", "--json"))] == ["local", "ovh"]
    typed("trunk", "remove", "ovh")
    assert folder.hotline.read_text("utf-8") == before
    assert secrets.load(folder.secrets).trunks == {}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("add", "local", "host=127.0.0.1", "dids=200"), 1, "there is a trunk 'local'"),
        (("add", "neuf", "host=127.0.0.1"), 1, "dids"),
        (("add", "neuf", "host=127.0.0.1", "dids=100"), 1, "stands in two trunks"),
        (("add", "neuf", "host=127.0.0.1", "dids=200", "kind=register"), 1, "needs a username"),
        (("set", "nowhere", "port=5060"), 1, "no trunk 'nowhere'; there are: local"),
        (("set", "local"), 2, "say what to set"),
        (("remove", "nowhere"), 1, "no trunk 'nowhere'"),
        (("test", "nowhere"), 1, "no trunk 'nowhere'"),
    ],
)
def test_a_trunk_that_cannot_be_is_refused(
    typed: Type, folder: Folder, words: tuple[str, ...], code: int, said: str
) -> None:
    before = folder.hotline.read_text("utf-8")
    assert said in typed("trunk", *words, fails=code).output
    assert folder.hotline.read_text("utf-8") == before


# The whole file.


def test_every_key_is_shown_with_its_path(typed: Type, folder: Folder) -> None:
    found = {row["key"]: row for row in rows(typed("config", "show", "--json"))}
    assert found["queues.visio.ring_time"]["value"] == "20"
    assert found["menu.choices.1.queue"]["value"] == "visio"
    assert found["hours.monday"] == {
        "key": "hours.monday",
        "value": "09:00-18:00",
        "is_default": False,
    }
    changed = rows(typed("config", "show", "--changed", "--json"))
    assert changed and not any(row["is_default"] for row in changed)
    assert "there is no hotline here" in typed("config", "show", "--applied", fails=1).output


def test_any_key_is_set_by_its_path(typed: Type, folder: Folder) -> None:
    before = folder.hotline.read_text("utf-8")
    words = ("line.name=L'entraide", "network.bind=0.0.0.0", "callbacks.prefixes=+33,+596")
    typed("config", "set", *words, "voicemail=on", "prompts.greeting=Bonjour à tous.")
    typed("config", "set", "hours.saturday=09:00-12:00,14:00-16:00", "queues.visio.ring_time=30")
    hotline = load(folder.hotline)
    assert (hotline.line.name, hotline.network.bind) == ("L'entraide", "0.0.0.0")
    assert hotline.callbacks and hotline.callbacks.prefixes == ["+33", "+596"]
    assert hotline.voicemail and hotline.prompts["greeting"] == "Bonjour à tous."
    assert hotline.hours and hotline.hours.saturday == ["09:00-12:00", "14:00-16:00"]
    assert hotline.queues["visio"].ring_time == 30
    typed("config", "set", "line.name=Entraide numérique", "network=off", "callbacks=off")
    typed("config", "set", "voicemail=off", "prompts.greeting=", "hours.saturday=")
    typed("config", "set", "queues.visio.ring_time=")
    assert folder.hotline.read_text("utf-8") == before


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("line.name", "write PATH=VALUE"),
        ("colour=red", "no table 'colour'; there are: line, menu"),
        ("line.colour=red", "no key 'colour'; there are: name, language"),
        ("colour.red=1", "no table 'colour'"),
        ("line.name.x=1", "no table 'line.name'"),
        ("queues.visio=on", "has a name of its own"),
        ("voicemail=perhaps", "say on or off"),
        ("line.name=", "missing required field `name`"),
        ("prompts.nothing=x", "no such prompt"),
        ("hours.monday=soon", "is not a period"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(
    typed: Type, folder: Folder, word: str, said: str
) -> None:
    before = folder.hotline.read_text("utf-8")
    assert said in typed("config", "set", word, fails=1).output
    assert folder.hotline.read_text("utf-8") == before


def edited(monkeypatch: pytest.MonkeyPatch, *texts: str | None) -> list[str]:
    """Have the editor save these texts, one each time; what it was opened on is returned."""
    left, seen = list(texts), list[str]()

    def edit(text: str, **more: Any) -> str | None:
        seen.append(text)
        return left.pop(0)

    monkeypatch.setattr("click.edit", edit)
    return seen


def test_an_edit_by_hand_is_kept_when_it_is_valid(
    typed: Type, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = folder.hotline.read_text("utf-8")
    wrong = before.replace("[menu]", "[menu]\nrepeat = 99", 1)
    right = before.replace("[menu]", "[menu]\nrepeat = 3", 1)
    seen = edited(monkeypatch, wrong, right)
    said = typed("config", "edit", input="y\n").output
    assert "menu.repeat: Expected `int` <= 5" in said and "+repeat = 3" in said
    assert seen == [before, wrong]  # it opens again on what was typed
    assert folder.hotline.read_text("utf-8") == right


def test_an_edit_that_is_given_up_changes_nothing(
    typed: Type, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = folder.hotline.read_text("utf-8")
    edited(monkeypatch, "nonsense")
    assert "stays as it was" in typed("config", "edit", input="n\n").output
    edited(monkeypatch, None)
    assert "nothing changes" in typed("config", "edit").output
    assert folder.hotline.read_text("utf-8") == before


def test_an_edit_does_not_undo_that_of_somebody_else(
    typed: Type, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def edit(text: str, **more: Any) -> str:
        typed("queue", "set", "visio", "ring_time=30")
        return text.replace("[menu]", "[menu]\nrepeat = 3", 1)

    monkeypatch.setattr("click.edit", edit)
    assert "has changed meanwhile" in typed("config", "edit", fails=1).output
    assert load(folder.hotline).queues["visio"].ring_time == 30
    assert "repeat = 3" in (folder.root / "hotline.toml.yours").read_text("utf-8")


# Completion.


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_told_how_to_complete(typed: Type, shell: str) -> None:
    assert "_DECROCHE_COMPLETE" in typed("completion", shell).output


@pytest.mark.parametrize(
    ("typed_so_far", "found"),
    [
        ("queue sh", {"show"}),
        ("queue show ", {"demarches", "visio"}),
        ("queue show v", {"visio"}),
        ("trunk test ", {"local"}),
    ],
)
def test_names_of_the_line_are_completed(
    folder: Folder, typed_so_far: str, found: set[str]
) -> None:
    words = ["decroche", "--dir", str(folder.root), *typed_so_far.split(" ")]
    environment = {
        "_DECROCHE_COMPLETE": "zsh_complete",
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    done = CliRunner().invoke(main, [], prog_name="decroche", env=environment)
    lines = done.stdout.splitlines()
    assert set(lines[1::3]) == found


def test_completion_says_nothing_where_there_is_no_line(tmp_path: Path) -> None:
    words = f"decroche --dir {tmp_path / 'none'} queue show "
    environment = {
        "_DECROCHE_COMPLETE": "zsh_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": "5",
    }
    done = CliRunner().invoke(main, [], prog_name="decroche", env=environment)
    assert done.stdout.strip() == "" and "Traceback" not in done.output


def test_the_file_stays_valid_toml_whatever_is_typed(typed: Type, folder: Folder) -> None:
    label = 'He said "9\\n" [x] # no comment — é'
    typed("queue", "add", "odd", "--label", label)
    data = tomllib.loads(folder.hotline.read_text("utf-8"))
    assert data["queues"]["odd"]["label"] == label
