"""What is said of each agent: skills, tiers, limits; by the functions and by the commands."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from decroche import cli
from decroche.asterisk import line as lines
from decroche.records import kinds, people, rebuild, staffing, views
from decroche.records.abilities import Ability, Place, Wish, abilities, arrange, change
from decroche.records.events import MICRO, Event
from decroche.records.folder import Folder
from decroche.records.people import PeopleError
from decroche.records.schema import reader
from decroche.records.store import Store

CONFIGS = Path(__file__).parent.parent / "configs"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A line with the queues "demarches" and "visio"; ana and ben are in both."""
    folder = Folder(tmp_path / "line")
    lines.create(folder, CONFIGS)
    for name in ("ana", "ben"):
        people.add_agent(folder.database, name, name.capitalize(), ["demarches", "visio"])
    return folder


def run(folder: Folder, *words: str) -> str:
    done = CliRunner().invoke(cli.main, ["--dir", str(folder.root), *words])
    assert done.exit_code == 0, done.output
    return done.output


def refused(folder: Folder, *words: str) -> str:
    done = CliRunner().invoke(cli.main, ["--dir", str(folder.root), *words])
    assert done.exit_code in (1, 2), done.output
    return done.output


def test_it_begins_with_nothing_said(folder: Folder) -> None:
    places = {"demarches": Place(0), "visio": Place(0)}
    assert abilities(folder.database)["ana"] == Ability(places=places)


def test_it_remembers_what_was_said_and_leaves_the_rest(folder: Folder) -> None:
    change(folder.database, "ana", Wish(skills=["fr", "en", "en"], tiers={"visio": 3}))
    change(folder.database, "ana", Wish(limits={"calls_a_day": 20, "long_call": 0}))
    change(folder.database, "ana", Wish(same_helper=True))
    found = abilities(folder.database)["ana"]
    assert found.skills == {"en", "fr"} and found.same_helper
    assert found.places == {"demarches": Place(0, 0), "visio": Place(0, 3)}
    assert (found.calls_a_day, found.minutes_a_day, found.long_call) == (20, None, 0)
    change(folder.database, "ana", Wish(limits={"calls_a_day": -1}))
    assert abilities(folder.database)["ana"].calls_a_day is None


@pytest.mark.parametrize(
    "wish",
    [Wish(skills=["E N"]), Wish(tiers={"visio": 10}), Wish(tiers={"nowhere": 1})],
)
def test_it_refuses_and_changes_nothing(folder: Folder, wish: Wish) -> None:
    before = abilities(folder.database)
    with pytest.raises(PeopleError):
        change(folder.database, "ana", wish)
    assert abilities(folder.database) == before


def test_a_queue_is_arranged_as_a_whole_or_not_at_all(folder: Folder) -> None:
    with pytest.raises(PeopleError, match="nobody"):
        arrange(folder.database, "visio", {"ana": 2, "nobody": 0}, ["ben"])
    assert abilities(folder.database)["ana"].places["visio"].tier == 0
    arrange(folder.database, "visio", {"ana": 2}, ["ben"])
    found = abilities(folder.database)
    assert found["ana"].places["visio"].tier == 2 and "visio" not in found["ben"].places


def test_other_queues_of_an_agent_keep_their_tier(folder: Folder) -> None:
    arrange(folder.database, "visio", {"ana": 2})
    staffing.edit_agent(folder.database, "ana", queues=["visio"])
    assert abilities(folder.database)["ana"].places == {"visio": Place(0, 2)}


def test_the_commands_say_what_they_changed(folder: Folder) -> None:
    words = ("--skill", "fr", "--skill", "en", "--tier", "visio=1", "--calls-a-day", "20")
    said = run(folder, "agent", "set", "ana", *words, "--same-helper")
    assert "It holds at once" in said and "calls a day      20\n" in said
    assert "skills           en fr\n" in said and "visio tier 1" in said
    assert "asks for: en fr" in said
    again = run(folder, "agent", "set", "ana", "--calls-a-day", "line", "--no-skills")
    assert "calls a day      none (the line)\n" in again and "skills           none\n" in again
    run(folder, "queue", "members", "visio", "--add", "ben:4")
    rows = json.loads(run(folder, "queue", "members", "visio", "--json"))
    assert [(row["agent"], row["tier"]) for row in rows] == [("ana", 1), ("ben", 4)]
    listed = json.loads(run(folder, "agent", "list", "--json"))
    assert [row["queues"] for row in listed] == ["demarches visio:1", "demarches visio:4"]


def test_a_file_that_is_being_edited_hinders_no_list(folder: Folder) -> None:
    folder.applied.parent.mkdir(parents=True)
    folder.applied.write_text(folder.hotline.read_text("utf-8"), "utf-8")
    folder.hotline.write_text("[menu", "utf-8")
    listed = json.loads(run(folder, "agent", "list", "--json"))
    assert [row["name"] for row in listed] == ["ana", "ben"]


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("agent", "set", "nobody", "--skill", "fr"), "decroche agent list"),
        (("agent", "set", "ana", "--tier", "visio"), "QUEUE=TIER"),
        (("agent", "set", "ana", "--tier", "other=1"), "queue members other --add ana:1"),
        (("agent", "set", "ana", "--calls-a-day", "many"), '"line"'),
        (("queue", "members", "other"), "demarches, visio"),
        (("queue", "members", "visio", "--add", "ana:first"), "AGENT:TIER"),
        (("queue", "members", "visio", "--remove", "nobody"), "decroche agent list"),
    ],
)
def test_a_refusal_says_what_to_type(folder: Folder, words: tuple[str, ...], what: str) -> None:
    assert what in refused(folder, *words)


# What agents have taken today, by the record.


def talk(number: int, answered: int, ended: int | None, agent: str = "ana") -> list[Event]:
    """A call and its one ring; instants in seconds."""
    call, ring = f"c{number}", {"agent": agent, "offer": f"o{number}"}
    steps = [(kinds.ARRIVED, answered - 9, {"trunk": "t", "did": "1"})]
    steps += [(kinds.RANG, answered - 5, ring), (kinds.ANSWERED, answered, ring)]
    if ended is not None:
        steps.append((kinds.OFFER_ENDED, ended, ring | {"cause": "16"}))
    return [
        Event(id=f"{call}:{kind}", at=at * MICRO, kind=kind, call=call, actor="", body=body)
        for kind, at, body in steps
    ]


def test_the_record_counts_talks_that_are_over_by_the_day_of_the_answer(folder: Folder) -> None:
    midnight = 86_400
    store = Store(folder.database)
    for number, (answered, ended) in enumerate(
        [(midnight - 10, midnight + 60), (midnight + 5, midnight + 65), (midnight + 90, None)]
    ):
        store.append(talk(number, answered, ended))
    store.close()
    connection = reader(folder.database)
    found = views.answered_per_agent(connection, midnight * MICRO)
    connection.close()
    assert found == {"ana": views.Taken(1, 60 * MICRO, (midnight + 90) * MICRO)}


def test_the_record_counts_promised_call_backs(folder: Folder) -> None:
    caller, at = "aa" * 16, 100 * MICRO
    channel = f"callback-{caller}-1"
    promise = {"caller": caller, "queue": "visio", "trunk": "t", "did": "1", "since": 1, "due": 1}
    promise |= {"tries": 3, "pause": 600}
    ben: dict[str, object] = {"caller": caller, "agent": "ben"}
    steps: list[tuple[str, int, dict[str, object]]] = [
        (kinds.PROMISED, 0, promise),
        (kinds.BACK_RANG, 1, ben),
        (kinds.BACK_DIALLED, 2, ben),
        (kinds.BACK_KEPT, 3, {"caller": caller}),
        (kinds.BACK_LEFT, 63, {"caller": caller, "side": "caller"}),
    ]
    store = Store(folder.database)
    for kind, second, body in steps:
        call = "" if kind == kinds.PROMISED else channel
        actor = str(body.get("agent", ""))
        key = f"{call}:{kind}"
        event = Event(id=key, at=at + second * MICRO, kind=kind, call=call, actor=actor, body=body)
        store.append([event])
    store.close()
    connection = reader(folder.database)
    found = views.answered_per_agent(connection, at)
    connection.close()
    assert found == {"ben": views.Taken(1, 60 * MICRO, at + 63 * MICRO)}


def test_what_the_board_says_of_an_agent_is_computed_again_bit_for_bit(folder: Folder) -> None:
    store = Store(folder.database)
    said: list[tuple[str, dict[str, object]]] = [
        (kinds.AVAILABLE, {"by": "phone"}),
        (kinds.CAPPED, {"until": 99, "why": "calls"}),
        (kinds.CAPPED, {"until": 0, "why": ""}),
        (kinds.PAUSED, {"by": "missed"}),
        (kinds.PAUSED, {"by": "phone"}),
        (kinds.AVAILABLE, {"by": "page"}),
        (kinds.CAPPED, {"until": 777, "why": "minutes"}),
    ]
    seen = []
    for at, (kind, body) in enumerate(said):
        store.append([Event(id=f"{at}", at=at, kind=kind, actor="ana", body=body)])
        row = store.rows.row("presence", "ana")
        assert row is not None
        seen.append((row["state"], row["since"], row["by"], row["capped_until"]))
    store.close()
    assert seen[3:] == [
        ("paused", 3, "missed", 0),
        ("paused", 3, "phone", 0),
        ("available", 5, "page", 0),
        ("available", 5, "page", 777),
    ]
    before = rebuild.projections(folder.database)
    rebuild.rebuild(folder.database)
    assert rebuild.projections(folder.database) == before
