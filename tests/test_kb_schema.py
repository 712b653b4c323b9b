"""The kb room's tables, and an index that never stops following them."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database

from decroche.kb.library import import_folder
from decroche.kb.schema import TRIGGERS, migrate
from decroche.kb.search import search


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "sheets"
    folder.mkdir()
    (folder / "ecoute.md").write_text("# L’écoute\n\nÉcouter d’abord.\n", encoding="utf-8")
    return folder


def found(path: Path, text: str) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return [hit.slug for hit in search(connection, text).hits]


def transform(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        db = Database(connection, execute_plugins=False)
        db.table("sheets").transform(rename={})
        connection.commit()


def test_it_makes_a_private_file(tmp_path: Path) -> None:
    migrate(tmp_path / "decroche.db")
    assert stat.S_IMODE((tmp_path / "decroche.db").stat().st_mode) == 0o600


def test_it_migrates_twice_without_change(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "decroche.db"
    migrate(path)
    import_folder(path, folder)
    migrate(path)
    assert found(path, "ecoute") == ["ecoute"]


def test_it_keeps_its_place_beside_other_rooms(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "decroche.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE journal (seq INTEGER PRIMARY KEY)")
    migrate(path)
    import_folder(path, folder)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM journal").fetchone() == (0,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_it_finds_new_sheets_after_a_transform(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "decroche.db"
    migrate(path)
    import_folder(path, folder)
    transform(path)
    migrate(path)
    (folder / "impots.md").write_text("# Impôts\n\nLe numéro fiscal.\n", encoding="utf-8")
    import_folder(path, folder)
    assert found(path, "ecout") == ["ecoute"]
    assert found(path, "numero fisc") == ["impots"]


def test_it_notices_that_the_triggers_are_gone(tmp_path: Path) -> None:
    path = tmp_path / "decroche.db"
    migrate(path)
    transform(path)
    assert triggers(path) == set()
    migrate(path)
    assert triggers(path) == set(TRIGGERS)


def triggers(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        return {row[0] for row in rows}


def test_the_index_agrees_with_the_table_after_changes(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "decroche.db"
    migrate(path)
    import_folder(path, folder)
    (folder / "ecoute.md").write_text("# Entendre\n\nAutrement.\n", encoding="utf-8")
    import_folder(path, folder)
    (folder / "ecoute.md").rename(folder / "autre.md")
    import_folder(path, folder, remove_missing=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        # FTS5 raises when the index and the table differ.
        connection.execute(
            "INSERT INTO sheets_fts (sheets_fts, rank) VALUES ('integrity-check', 1)"
        )
    assert found(path, "ecoute") == []
    assert found(path, "autrement") == ["autre"]
