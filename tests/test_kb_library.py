"""A folder gets into the database as a whole, and twice is once."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from decroche.kb.library import ImportResult, Library, Topic, import_folder
from decroche.kb.readers import Readers
from decroche.kb.schema import migrate
from decroche.kb.sheets import read_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "sheets"
    for topic, names in {"Impôts": ("numero-fiscal", "payer"), "Visio": ("jitsi",)}.items():
        (folder / topic).mkdir(parents=True)
        for name in names:
            write(folder / topic / f"{name}.md", name.title())
    return folder


def write(path: Path, title: str) -> None:
    path.write_text(f"# {title}\n\nLe texte de {title}.\n", encoding="utf-8")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    migrate(tmp_path / "decroche.db")
    return tmp_path / "decroche.db"


@pytest.fixture
def library(path: Path) -> Iterator[Library]:
    readers = Readers(path)
    yield Library(readers)
    readers.close()


def counts(result: ImportResult) -> tuple[int, int, int, int]:
    return result.added, result.changed, result.unchanged, result.removed


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def test_it_adds_then_leaves_alone(path: Path, folder: Path) -> None:
    assert counts(import_folder(path, folder)) == (3, 0, 0, 0)
    before = dump(path)
    assert counts(import_folder(path, folder)) == (0, 0, 3, 0)
    assert dump(path) == before


def test_a_touched_file_changes_nothing(path: Path, folder: Path) -> None:
    import_folder(path, folder)
    before = dump(path)
    (folder / "Visio" / "jitsi.md").touch()
    assert counts(import_folder(path, folder)) == (0, 0, 3, 0)
    assert dump(path) == before


def test_it_changes_what_differs(path: Path, folder: Path, library: Library) -> None:
    import_folder(path, folder)
    write(folder / "Visio" / "jitsi.md", "Jitsi sans compte")
    assert counts(import_folder(path, folder)) == (0, 1, 2, 0)
    found = library.get("jitsi")
    assert found is not None and found.title == "Jitsi sans compte"


def test_it_removes_only_when_told(path: Path, folder: Path, library: Library) -> None:
    import_folder(path, folder)
    (folder / "Visio" / "jitsi.md").unlink()
    assert counts(import_folder(path, folder)) == (0, 0, 2, 0)
    assert counts(import_folder(path, folder, remove_missing=True)) == (0, 0, 2, 1)
    assert library.get("jitsi") is None


def test_it_removes_nothing_of_another_folder(path: Path, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    write(other / "caf.md", "Caf")
    import_folder(path, folder)
    assert counts(import_folder(path, other, remove_missing=True)) == (1, 0, 0, 0)


def test_a_file_gone_bad_leaves_its_last_good_version(
    path: Path, folder: Path, library: Library
) -> None:
    import_folder(path, folder)
    (folder / "Visio" / "jitsi.md").write_bytes(b"\xff")
    result = import_folder(path, folder, remove_missing=True)
    assert counts(result) == (0, 0, 2, 0)
    assert [problem.file for problem in result.problems] == ["Visio/jitsi.md"]
    assert library.get("jitsi") is not None


def test_it_tells_its_progress(path: Path, folder: Path) -> None:
    told: list[tuple[int, int]] = []
    import_folder(path, folder, lambda done, total: told.append((done, total)))
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_a_failure_leaves_nothing_half_done(path: Path, folder: Path, library: Library) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON sheets WHEN new.slug = 'jitsi'"
            " BEGIN SELECT raise(ABORT, 'no'); END"
        )
        connection.commit()
    with pytest.raises(sqlite3.IntegrityError):
        import_folder(path, folder)
    assert library.list_sheets() == []


def test_it_lists_and_counts(path: Path, folder: Path, library: Library) -> None:
    import_folder(path, folder)
    assert [entry.title for entry in library.list_sheets()] == ["Jitsi", "Numero-Fiscal", "Payer"]
    assert [entry.slug for entry in library.list_sheets("Impôts")] == ["numero-fiscal", "payer"]
    assert library.topics() == [Topic("Impôts", 2), Topic("Visio", 1)]
    assert library.get("nowhere") is None


def test_what_is_read_back_is_what_was_written(path: Path, folder: Path, library: Library) -> None:
    import_folder(path, folder)
    for sheet in read_folder(folder):
        assert library.get(getattr(sheet, "slug", "")) == sheet


def test_it_works_in_a_folder_with_an_odd_name(tmp_path: Path, folder: Path) -> None:
    odd = tmp_path / "ligne ?#%41"
    odd.mkdir()
    migrate(odd / "decroche.db")
    import_folder(odd / "decroche.db", folder)
    readers = Readers(odd / "decroche.db")
    assert len(Library(readers).list_sheets()) == 3
    readers.close()
