"""Reading a list of volunteers: what files look like out there, and all that can be wrong."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decroche.records import people, volunteers
from decroche.records.volunteers import EnrolError, Sheet, name_for

QUEUES = ["demarches", "visio"]


def read(text: str, encoding: str = "utf-8", ignore_unknown: bool = False) -> Sheet:
    return volunteers.read(text.encode(encoding), QUEUES, ignore_unknown)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("sign", [";", ",", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_it_reads_what_a_spreadsheet_writes(encoding: str, sign: str, end: str) -> None:
    rows = [["Prénom", "Courriel", "Files"], ["Éliane", "E@Example.org", "visio"], ["", "", ""]]
    sheet = read("".join(sign.join(row) + end for row in rows), encoding)
    (row,) = sheet.rows
    assert (row.label, row.email, row.queues) == ("Éliane", "e@example.org", ("visio",))
    assert sheet.problems == []


def test_it_believes_a_file_that_names_its_sign() -> None:
    sheet = read("sep=;\r\nlabel;queues\r\nÉliane, Petit;visio\r\nX;nowhere\r\n")
    assert [(row.line, row.label) for row in sheet.rows] == [(3, "Éliane, Petit")]
    assert [line for line, _ in sheet.problems] == [4]


def test_it_says_that_a_file_is_latin_1_and_where_to_look() -> None:
    sheet = read("label\nCamille\nÉliane\n", "cp1252")
    assert [row.label for row in sheet.rows] == ["Camille", "Éliane"]
    (note,) = sheet.notes
    assert 'line 3: "Éliane"' in note and "UTF-8" in note
    (note,) = volunteers.decode(b"label\n\xe9\x1b[2J\x0b\n")[1]  # a terminal obeys nobody
    assert 'line 2: "é?[2J"' in note


@pytest.mark.parametrize(
    ("head", "row", "expected"),
    [
        ("identifiant;alias;e-mail", "eli;Éliane;a@b.org", ("eli", "Éliane", "a@b.org")),
        ("NAME;Label;E-Mail", "eli;Éliane;a@b.org", ("eli", "Éliane", "a@b.org")),
        ("name", "eli", ("eli", "Eli", "")),
        ("Nom;Prénom", "Petit;Éliane", ("", "Éliane", "")),
        ("nom_de_famille;first name", "Petit;Éliane", ("", "Éliane", "")),
    ],
)
def test_it_knows_columns_in_both_languages(
    head: str, row: str, expected: tuple[str, str, str]
) -> None:
    (found,) = read(f"{head}\n{row}\n").rows
    assert (found.name, found.label, found.email) == expected


def test_it_lists_every_problem_with_its_line() -> None:
    text = """label;name;email;queues

Éliane;eliane;e@example.org;visio
"two
lines";two;;
Driss;0612345678;;
Léa;lea;lea@;visio
Odile;odile;;nowhere, visio
Zoé;eliane;E@example.org;
Noël;noel;n@example.org;visio;too;many
"""
    found = dict[int, list[str]]()
    for line, why in read(text).problems:
        found.setdefault(line, []).append(why)
    assert found.keys() == {4, 6, 7, 8, 9, 10}
    assert "printable" in found[4][0]
    assert "not digits alone" in found[6][0]
    assert "is not an e-mail address" in found[7][0]
    assert found[8] == ["no queue 'nowhere'; there are: demarches, visio"]
    assert found[9] == [
        "the same e-mail as line 3: e@example.org",
        "the same name as line 3: eliane",
    ]
    assert "6 cells under 4 columns" in found[10][0]


def test_two_who_cannot_be_told_apart_are_refused() -> None:
    assert read("label\nCamille\nCamille\n").problems[0][0] == 3
    assert read("label;email\nCamille;a@b.org\nCamille;c@d.org\n").problems == []
    assert read("prénom;nom\nCamille;Petit\nCamille;Roux\n").problems == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"\n\n ; \n", "empty"),
        (b"email\na@b.org\n", "must name the columns"),
        (b"label;label\na;b\n", "two columns"),
        (b"label;tiers;mobile\na;1;06\n", "nobody knows the column 'tiers', 'mobile'"),
        (b'label\n"open\n', "line 2: .*quote"),
        (b"PK\x03\x04\x00\x00", "no CSV"),
    ],
)
def test_it_refuses_what_is_no_list(data: bytes, reason: str) -> None:
    with pytest.raises(EnrolError, match=reason):
        volunteers.read(data, QUEUES)


def test_it_leaves_columns_out_when_told_to() -> None:
    sheet = read("label;tiers\nCamille;1\n", ignore_unknown=True)
    assert len(sheet.rows) == 1 and "'tiers'" in sheet.notes[0]


def test_it_refuses_a_file_that_is_no_list_of_people(tmp_path: Path) -> None:
    with pytest.raises(EnrolError, match="No such file"):
        volunteers.read_file(tmp_path / "none.csv")
    with open(tmp_path / "large.csv", "wb") as file:
        file.truncate(volunteers.LARGEST + 1)
    with pytest.raises(EnrolError, match="right file"):
        volunteers.read_file(tmp_path / "large.csv")


@pytest.mark.parametrize(
    ("label", "family", "name"),
    [
        ("Éliane", "D'Arc", "eliane-d-arc"),
        ("Jean-Luc", "", "jean-luc"),
        ("Łukasz", "Œuvrard", "lukasz-oeuvrard"),
        ("李", "", "agent"),
        ("2000", "", "agent-2000"),
        ("Queue-jumper", "", "agent-queue-jumper"),
        ("a" * 60, "", "a" * 34),
    ],
)
def test_it_makes_names_as_they_look(label: str, family: str, name: str) -> None:
    assert name_for(label, family, ()) == name


@given(st.lists(st.tuples(st.text(max_size=90), st.text(max_size=20)), max_size=20))
def test_every_name_that_it_makes_is_one_and_free(pairs: list[tuple[str, str]]) -> None:
    taken: set[str] = set()
    for label, family in pairs:
        name = name_for(label, family, taken)
        assert people.check_name(name) not in taken
        taken.add(name)


@given(st.binary(max_size=300))
def test_no_bytes_are_worse_than_a_refusal(data: bytes) -> None:
    try:
        sheet = volunteers.read(b"label;email;queues\n" + data, QUEUES)
    except EnrolError:
        return
    for row in sheet.rows:
        assert people.check_label(row.label) == row.label
        assert not re.search(r"[\x00-\x1f]", row.email)
