"""hotline.toml changed by commands: comments stay, and what is not valid is not written."""

import fcntl
from pathlib import Path

import pytest
import tomlkit

from decroche.hotline import HotlineError, load
from decroche.records import editing
from decroche.records.editing import edit, table
from decroche.records.folder import Folder

EXAMPLE = Path(__file__).parent.parent / "configs" / "hotline.toml"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path)
    folder.hotline.write_text(EXAMPLE.read_text("utf-8"), "utf-8")
    return folder


def longer_ring(document: tomlkit.TOMLDocument) -> None:
    table(document, "queues", "visio")["ring_time"] = 25


def test_it_keeps_every_comment(folder: Folder) -> None:
    before = folder.hotline.read_text("utf-8")
    assert edit(folder, longer_ring) == ["+ring_time = 25", editing.NEXT]
    after = folder.hotline.read_text("utf-8")
    assert after.replace("ring_time = 25\n", "", 1) == before
    assert load(folder.hotline).queues["visio"].ring_time == 25


def test_it_makes_tables_that_are_not_there(folder: Folder) -> None:
    edit(folder, lambda document: table(document, "queues", "nuit").update(label="Nuit"))
    assert load(folder.hotline).queues["nuit"].label == "Nuit"
    assert "[queues.nuit]" in folder.hotline.read_text("utf-8")


def test_it_writes_nothing_that_is_not_valid(folder: Folder) -> None:
    before = folder.hotline.read_text("utf-8")
    with pytest.raises(HotlineError, match=r"line \d+: queues.visio.ring_time"):
        edit(folder, lambda document: table(document, "queues", "visio").update(ring_time=900))
    assert folder.hotline.read_text("utf-8") == before


def test_it_says_when_nothing_changes(folder: Folder) -> None:
    edit(folder, longer_ring)
    assert edit(folder, longer_ring) == ["nothing changes: hotline.toml says so already"]


def test_it_does_not_touch_a_file_that_is_broken_already(folder: Folder) -> None:
    folder.hotline.write_text("[line]\nname = 3\n", "utf-8")
    with pytest.raises(HotlineError, match="line 2: line.name"):
        edit(folder, longer_ring)
    assert folder.hotline.read_text("utf-8") == "[line]\nname = 3\n"


def test_it_waits_for_another_command_but_not_for_ever(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(editing, "LOOKS", 2)
    with open(folder.root / "hotline.lock", "w", encoding="utf-8") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(HotlineError, match="another command"):
            edit(folder, longer_ring)
    assert edit(folder, longer_ring)[-1] == editing.NEXT


def test_a_folder_without_a_line_says_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(HotlineError, match="decroche init"):
        edit(Folder(tmp_path / "none"), longer_ring)
    with pytest.raises(HotlineError, match="decroche init"):
        edit(Folder(tmp_path), longer_ring)
