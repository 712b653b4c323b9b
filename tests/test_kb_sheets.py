"""Sheets are read from a folder, and whatever is wrong with a file is said, not guessed."""

import datetime
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decroche.kb.sheets import MAX_BYTES, Problem, Sheet, parse_sheet, read_folder

DAY = datetime.date(2026, 11, 2)
HEAD = """+++
title = "Retrouver son numéro fiscal"
topic = "Impôts"
summary = "Où il est écrit."
updated = 2026-11-03
keywords = ["identifiant", "impot gouv"]
+++

# Retrouver son numéro fiscal

Treize chiffres.
"""


def write(folder: Path, name: str, content: str | bytes = "# Titre\n\nTexte.\n") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def sheets(folder: Path) -> dict[str, Sheet]:
    return {read.slug: read for read in read_folder(folder) if isinstance(read, Sheet)}


def problems(folder: Path) -> dict[str, str]:
    return {read.file: read.reason for read in read_folder(folder) if isinstance(read, Problem)}


def test_it_reads_a_head() -> None:
    sheet = parse_sheet(HEAD, "numero-fiscal.md", DAY)
    assert (sheet.slug, sheet.title) == ("numero-fiscal", "Retrouver son numéro fiscal")
    assert (sheet.topic, sheet.summary) == ("Impôts", "Où il est écrit.")
    assert sheet.updated == datetime.date(2026, 11, 3)
    assert sheet.keywords == ("identifiant", "impot gouv")
    assert sheet.body_markdown == "Treize chiffres.\n"
    assert sheet.language == "fr"


def test_it_does_without_a_head() -> None:
    sheet = parse_sheet(
        "# La *visio* avec `Jitsi`\n\nOuvrir le lien.\n", "Visio/Réunion d'été.md", DAY
    )
    assert (sheet.title, sheet.slug) == ("La visio avec Jitsi", "reunion-d-ete")
    assert (sheet.topic, sheet.updated) == ("Visio", DAY)
    assert sheet.summary == "Ouvrir le lien."


def test_it_keeps_a_heading_that_says_more_than_the_title() -> None:
    sheet = parse_sheet('+++\ntitle = "Impôts"\n+++\n# Avant\n\nTexte.\n', "a.md", DAY)
    assert sheet.body_markdown.startswith("# Avant")


def test_it_reads_files_from_other_systems() -> None:
    plain = parse_sheet(HEAD, "a.md", DAY)
    assert parse_sheet(HEAD.replace("\n", "\r\n"), "a.md", DAY) == plain


def test_it_composes_letters() -> None:
    assert parse_sheet("# E\u0301cran\n\nNoir.\n", "a.md", DAY).title == "\u00c9cran"


def test_it_shortens_a_long_first_paragraph() -> None:
    sheet = parse_sheet("# T\n\n" + "mot " * 100, "a.md", DAY)
    assert len(sheet.summary) <= 201 and sheet.summary.endswith("mot…")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        (" \n\t\n", "empty"),
        ("Texte sans titre.\n", "no title"),
        ("# Titre\n", "nothing stands below"),
        ("# Titre\n\n\x00\n", "control characters"),
        ("# " + "x" * 201 + "\n\nTexte.", "longer than 200"),
        ("+++\ntitle = 'x'\n\nTexte.", "line 1: the head that +++ opens is never closed"),
        ("+++\ntitle = 'x'\ntopic = \n+++\nTexte.", "line 3"),
        ("+++\ntitel = 'x'\n+++\nTexte.", "titel"),
        ("+++\ntitle = 3\n+++\nTexte.", "Expected `str`"),
        ("+++\ntitle = ' '\n+++\nTexte.", "blank"),
        ("+++\ntitle = 'x'\ntopic = \"a\\u0000\"\n+++\nTexte.", "control character"),
        ("+++\ntitle = 'x'\nslug = '../x'\n+++\nTexte.", "slug"),
        ("+++\ntitle = 'x'\nslug = \"x\\n\"\n+++\nTexte.", "slug"),
        ("---\ntitle: x\n---\nTexte.", "write TOML"),
    ],
)
def test_it_says_what_is_wrong_with_a_text(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=".") as raised:
        parse_sheet(text, "a.md", DAY)
    assert reason in str(raised.value)


def test_it_reads_sub_folders_and_leaves_hidden_files(tmp_path: Path) -> None:
    for name in ("b.md", "a/c.MD", ".d.md", ".git/e.md", "f.txt"):
        write(tmp_path, name)
    assert [read.file for read in read_folder(tmp_path)] == ["b.md", "a/c.MD"]


def test_it_lists_bad_files_and_reads_the_others(tmp_path: Path) -> None:
    write(tmp_path, "good.md")
    write(tmp_path, "latin.md", "# Impôts\n\nTexte.".encode("latin-1"))
    write(tmp_path, "large.md", b"# T\n\n" + b"x" * MAX_BYTES)
    write(tmp_path, "binary.md", b"\x89PNG\r\n\x1a\n\x00")
    write(tmp_path, "---.md")
    assert list(sheets(tmp_path)) == ["good"]
    assert {
        file: reason.split(" (")[0].split(":")[0] for file, reason in problems(tmp_path).items()
    } == {
        "latin.md": "not UTF-8",
        "large.md": "larger than 256 KiB",
        "binary.md": "not UTF-8",
        "---.md": "the file's name holds no letter or digit",
    }


def test_it_takes_a_file_of_just_the_largest_size(tmp_path: Path) -> None:
    head = b"# T\n\n"
    write(tmp_path, "large.md", head + b"x" * (MAX_BYTES - len(head)))
    assert list(sheets(tmp_path)) == ["large"]


def test_of_two_with_one_slug_the_first_wins(tmp_path: Path) -> None:
    write(tmp_path, "a/visio.md", "# Un\n\nTexte.")
    write(tmp_path, "b/Visio.md", "# Deux\n\nTexte.")
    assert sheets(tmp_path)["visio"].title == "Un"
    assert "already that of a/visio.md" in problems(tmp_path)["b/Visio.md"]


def test_it_does_not_follow_links_out_of_the_folder(tmp_path: Path) -> None:
    secret = write(tmp_path, "elsewhere/secret.md")
    folder = tmp_path / "sheets"
    write(folder, "here.md")
    (folder / "out.md").symlink_to(secret)
    (folder / "outside").symlink_to(secret.parent)
    (folder / "round").symlink_to(folder)
    (folder / "gone.md").symlink_to(folder / "nowhere.md")
    assert list(sheets(folder)) == ["here"]
    assert set(problems(folder)) == {"out.md", "outside", "round", "gone.md"}


def test_a_pipe_does_not_hold_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    assert problems(tmp_path) == {"pipe.md": "not an ordinary file"}


def test_a_name_that_is_no_utf8_can_be_told(tmp_path: Path) -> None:
    path = os.path.join(os.fsencode(tmp_path), b"\xff.md")
    with open(path, "wb") as stream:
        stream.write(b"# T\n\nTexte.")
    assert list(problems(tmp_path)) == ["?.md"]


def test_it_refuses_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError, match="no folder of sheets"):
        list(read_folder(tmp_path / "nowhere"))


def test_touching_a_file_changes_no_digest() -> None:
    later = parse_sheet(HEAD, "numero-fiscal.md", DAY + datetime.timedelta(1))
    assert later.digest == parse_sheet(HEAD, "numero-fiscal.md", DAY).digest


@given(st.text())
def test_any_text_is_a_sheet_or_a_reason(text: str) -> None:
    try:
        sheet = parse_sheet(text, "a.md", DAY)
    except ValueError as error:
        assert str(error)
    else:
        assert sheet.title and sheet.body_markdown


def test_the_example_sheets_are_all_good() -> None:
    folder = Path(__file__).parent.parent / "configs" / "sheets"
    assert problems(folder) == {}
    found = sheets(folder)
    assert len(found) >= 24
    assert all(sheet.topic and sheet.summary and sheet.keywords for sheet in found.values())
