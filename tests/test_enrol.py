"""Taking a list onto the line: who is new, who is there, all or nothing, twice is once."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from decroche.cli import main
from decroche.dashboard import accounts
from decroche.records import enrol, kinds, people, schema
from decroche.records.events import Event
from decroche.records.schema import reader
from decroche.records.store import Store, read
from decroche.records.volunteers import EnrolError, Volunteer

LIST = "prénom;email;files\nÉliane;e@example.org;visio\nDriss;d@example.org;\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    schema.prepare(tmp_path / "decroche.db")
    accounts.prepare(tmp_path / "decroche.db")
    return tmp_path / "decroche.db"


@pytest.fixture
def line(tmp_path: Path) -> Path:
    assert run(tmp_path, "init").exit_code == 0
    return tmp_path


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--dir", str(folder), *arguments])


def bring(line: Path, text: str, *options: str) -> Result:
    (line / "list.csv").write_text(text, "utf-8")
    return run(line, "agent", "import", str(line / "list.csv"), *options)


def everybody(path: Path) -> dict[str, tuple[str, str, tuple[str, ...]]]:
    return {a.name: (a.label, a.email, a.queues) for a in people.list_agents(path)}


def kinds_of(path: Path) -> list[tuple[str, str]]:
    connection = reader(path)
    found = [(event.kind, event.actor) for event in read(connection)]
    connection.close()
    return found


def test_it_adds_all_in_one_transaction_and_tells_the_services(path: Path) -> None:
    people.add_agent(path, "ana", "Ana", ["q"])
    rows = [Volunteer(n, f"V {n}", queues=("q",)) for n in range(2, 252)]
    seen: list[tuple[int, int]] = []
    found = enrol.carry_out(path, rows, ["q"], False, lambda done, of: seen.append((done, of)))
    assert len(found.new) == 250 and seen[-1] == (250, 250)
    assert people.members(path)["q"] == ["ana", *(f"v-{n}" for n in range(2, 252))]
    assert kinds_of(path)[1:] == [(kinds.ADDED, f"v-{n}") for n in range(2, 252)]


def test_half_a_list_is_never_taken(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add, count = Store.add, 0

    def fail(store: Store, event: Event, project: bool = True) -> Event | None:
        nonlocal count
        if (count := count + 1) == 3:
            raise OSError("the disk is gone")
        return add(store, event, project)

    monkeypatch.setattr(Store, "add", fail)
    rows = [Volunteer(n, f"V {n}") for n in range(5)]
    with pytest.raises(OSError, match="disk"):
        enrol.carry_out(path, rows, ["q"], False)
    assert everybody(path) == {} and kinds_of(path) == []


def test_what_others_did_meanwhile_stops_it(path: Path) -> None:
    rows = [Volunteer(2, "Ana", name="ana", email="x@example.org")]
    assert enrol.preview(path, rows, ["q"]).problems == []
    people.add_agent(path, "bob", "Bob", [], email="x@example.org")
    with pytest.raises(EnrolError, match="line 2: x@example.org is the address of bob already"):
        enrol.carry_out(path, rows, ["q"], False)
    assert "ana" not in everybody(path)


def test_a_second_run_changes_nothing_and_says_so(line: Path) -> None:
    first = bring(line, LIST)
    assert "2 added: eliane, driss" in first.output and "decroche apply" in first.output
    before = kinds_of(line / "decroche.db")
    second = bring(line, LIST)
    assert second.exit_code == 0
    assert "2 there already" in second.output and "Nothing changes" in second.output
    assert "apply" not in second.output
    assert kinds_of(line / "decroche.db") == before


def test_who_names_no_queue_joins_all_or_those_of_the_command(line: Path) -> None:
    bring(line, LIST)
    assert everybody(line / "decroche.db")["driss"][2] == ("demarches", "visio")
    assert everybody(line / "decroche.db")["eliane"][2] == ("visio",)
    bring(line, "prénom\nOdile\n", "--queue", "demarches")
    assert everybody(line / "decroche.db")["odile"][2] == ("demarches",)
    assert "no queue 'x'" in bring(line, "prénom\nZoé\n", "--queue", "x").output


def test_a_dry_run_changes_nothing(line: Path) -> None:
    done = bring(line, LIST, "--dry-run")
    assert "2 would be added: eliane, driss" in done.output and "dry run" in done.output
    assert everybody(line / "decroche.db") == {}


def test_all_problems_are_told_at_once_and_nothing_is_done(line: Path) -> None:
    run(line, "agent", "add", "bob", "--email", "bob@example.org")
    text = "name;label;email\nana;Ana;\nTrunk-1;X;\nzoe;Zoé;bob@example.org\nlea;;no\n"
    done = bring(line, text)
    assert done.exit_code == 1
    assert "line 3: 'Trunk-1'" in done.output
    assert "line 4: bob@example.org is the address of bob already" in done.output
    assert "line 5: 'no' is not" in done.output
    assert "3 to mend; nothing was changed" in done.output
    assert list(everybody(line / "decroche.db")) == ["bob"]


def test_who_is_there_is_changed_only_when_told(line: Path) -> None:
    bring(line, LIST)
    other = "prénom;email;files\nÉliane P.;e@example.org;demarches\nDriss;d@example.org;\n"
    done = bring(line, other)
    assert "1 differs from the file; --update changes that: eliane" in done.output
    assert everybody(line / "decroche.db")["eliane"][0] == "Éliane"
    done = bring(line, other, "--update")
    assert "1 changed: eliane" in done.output and "1 there already" in done.output
    assert everybody(line / "decroche.db")["eliane"] == (
        "Éliane P.",
        "e@example.org",
        ("demarches",),
    )
    assert everybody(line / "decroche.db")["driss"][2] == ("demarches", "visio")
    assert kinds_of(line / "decroche.db")[-1] == (kinds.CHANGED, "eliane")


def test_a_family_name_tells_two_of_the_same_label_apart(line: Path) -> None:
    two = "prénom;nom\nMarie;Dupont\nMarie;Martin\n"
    assert "2 added: marie-dupont, marie-martin" in bring(line, two).output
    again = bring(line, two)
    assert "2 there already" in again.output and "Nothing changes" in again.output
    third = bring(line, "prénom;nom\nMarie;Durand\nMarie;Martin\n")
    assert "1 added: marie-durand" in third.output and "1 there already" in third.output


def test_who_has_a_family_name_alone_is_called_by_it_once(line: Path) -> None:
    assert "1 added: dupont\n" in bring(line, "nom;email\nDupont;d@example.org\n").output


def test_a_label_that_may_be_two_people_changes_neither(line: Path) -> None:
    bring(line, "prénom;nom\nMarie;Dupont\nMarie;Martin\n")
    before = everybody(line / "decroche.db")
    done = bring(line, "prénom;files\nMarie;visio\n", "--update")
    assert done.exit_code == 1
    assert "line 2: Marie may be marie-dupont, marie-martin: write the name" in done.output
    assert everybody(line / "decroche.db") == before


def test_a_name_an_address_and_a_label_find_the_same_person(line: Path) -> None:
    run(line, "agent", "add", "eli", "--label", "Éliane", "--email", "e@example.org")
    run(line, "agent", "add", "odi", "--label", "Odile")
    assert "2 there already" in bring(line, "label;email\nÉliane;e@example.org\nOdile;\n").output
    # The same label and another address: somebody else.
    assert "1 added: eliane" in bring(line, "label;email\nÉliane;other@example.org\n").output
    text = "name;label\nodi;Odile\n;Odile\n"
    assert "line 3: the same person as line 2: odi" in bring(line, text).output
