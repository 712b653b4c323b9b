"""Keys of hotline.toml by their paths: what an empty value does where there is no table."""

from pathlib import Path

import pytest

from decroche.hotline import load
from decroche.records import paths
from decroche.records.folder import Folder

EXAMPLE = Path(__file__).parent.parent / "configs" / "hotline.toml"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path)
    folder.hotline.write_text(EXAMPLE.read_text("utf-8"), "utf-8")
    return folder


@pytest.mark.parametrize("word", ["callbacks.menu=", "voicemail.longest=", "mail.host="])
def test_the_default_of_a_table_that_is_not_there_switches_nothing_on(
    folder: Folder, word: str
) -> None:
    before = folder.hotline.read_text("utf-8")
    said = paths.change(folder, [word])
    assert said == ["nothing changes: hotline.toml says so already"]
    assert folder.hotline.read_text("utf-8") == before


def test_a_queue_without_hours_of_its_own_is_not_closed_for_ever(folder: Folder) -> None:
    paths.change(folder, ["queues.visio.hours.monday="])
    assert load(folder.hotline).queues["visio"].hours is None


def test_what_is_off_already_makes_no_table(folder: Folder) -> None:
    paths.change(folder, ["queues.nuit.hours=off"])
    assert "nuit" not in load(folder.hotline).queues


def test_the_default_is_put_back_where_there_is_a_table(folder: Folder) -> None:
    paths.change(folder, ["voicemail=on", "voicemail.longest=60"])
    paths.change(folder, ["voicemail.longest="])
    voicemail = load(folder.hotline).voicemail
    assert voicemail is not None
    assert voicemail.longest != 60
