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


def longer_call(document: tomlkit.TOMLDocument) -> None:
    table(document, "queues", "ecoute")["ring_time"] = 25


def other_line(document: tomlkit.TOMLDocument) -> None:
    document.remove("line")
    table(document, "line")["name"] = "Other"


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


def test_a_new_table_and_its_removal_leave_the_file_as_it_was(folder: Folder) -> None:
    before = folder.hotline.read_text("utf-8")
    values = {"host": "127.0.0.1", "port": 5070, "dids": ["0900000000"]}
    edit(folder, lambda document: table(document, "trunks", "other").update(values))
    between = folder.hotline.read_text("utf-8")
    assert "\n\n[trunks.other]\n" in between
    assert "those over the week.\n[hours]" in between
    edit(folder, lambda document: table(document, "trunks").pop("other"))
    assert folder.hotline.read_text("utf-8") == before


def test_a_comment_stays_when_the_table_before_it_goes(folder: Folder) -> None:
    edit(folder, lambda document: table(document).pop("hours"))
    text = folder.hotline.read_text("utf-8")
    assert "never a dead end.\n[menu]" in text and "[hours]\n" not in text


def test_a_new_key_stands_below_its_commented_default(folder: Folder) -> None:
    edit(folder, lambda document: table(document, "queues", "demarches").update(wrap_up=30))
    lines = folder.hotline.read_text("utf-8").splitlines()
    at = lines.index("wrap_up = 30")
    assert lines[at - 1].startswith("# wrap_up = 10") and lines[at + 1].startswith("# priority")


def test_a_new_key_without_one_stands_below_the_others(folder: Folder) -> None:
    edit(folder, longer_ring)
    lines = folder.hotline.read_text("utf-8").splitlines()
    at = lines.index("ring_time = 25")
    assert lines[at - 1] == 'label = "Visio, famille"' and lines[at + 1] == ""


SMALL = """# the line
[line] # ours
name = "Entraide"

  # the menu
  [menu]
  default = "ecoute"

# calm
[queues.ecoute]
label = "Écoute"
"""


def test_ends_of_lines_stay_as_the_editor_wrote_them(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.hotline.write_bytes(SMALL.replace("\n", "\r\n").encode())
    assert edit(folder, longer_call) == ["+ring_time = 25", editing.NEXT]
    wanted = SMALL + "ring_time = 25\n"
    assert folder.hotline.read_bytes() == wanted.replace("\n", "\r\n").encode()


def test_a_mark_at_the_beginning_is_no_mistake(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.hotline.write_bytes(b"\xef\xbb\xbf" + SMALL.encode())
    edit(folder, longer_call)
    assert load(folder.hotline).queues["ecoute"].ring_time == 25


@pytest.mark.parametrize("sign", ["\u2028", "\u2029", "\x85"])
def test_a_text_may_hold_what_python_takes_for_the_end_of_a_line(tmp_path: Path, sign: str) -> None:
    folder = Folder(tmp_path)
    before = SMALL + f'\n[prompts]\ngreeting = "Bonjour{sign}à vous."\n'
    folder.hotline.write_text(before, "utf-8", newline="")
    edit(folder, longer_call)
    assert folder.hotline.read_bytes().decode() == before.replace(
        'label = "Écoute"\n', 'label = "Écoute"\nring_time = 25\n'
    )


def test_a_new_key_does_not_come_into_a_text_of_several_lines(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.hotline.write_text(SMALL + '\n[prompts]\ngreeting = """\nBonjour.\n\nMerci.\n"""\n')
    greeting = load(folder.hotline).prompts["greeting"]
    edit(folder, lambda document: table(document, "prompts").update(closed="Fermé."))
    assert load(folder.hotline).prompts == {"greeting": greeting, "closed": "Fermé."}


def test_a_comment_goes_with_the_table_below_it_although_it_is_indented(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.hotline.write_text(SMALL, "utf-8")
    edit(folder, other_line)
    assert "  # the menu\n  [menu]\n" in folder.hotline.read_text("utf-8")


def test_a_queue_among_queues_that_are_written_in_one_line(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.hotline.write_text(
        'queues = { a = { label = "A" } }\nline = { name = "E" }\nmenu = { default = "a" }\n'
    )
    edit(folder, lambda document: table(document, "queues", "b").update(label="B"))
    assert load(folder.hotline).queues["b"].label == "B"


def test_what_tomlkit_cannot_place_is_told(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    before = 'line.name = "E"\nmenu.default = "a"\nqueues.a.label = "A"\nqueues.c.label = "C"\n'
    folder.hotline.write_text(before)
    with pytest.raises(HotlineError, match="by hand: decroche config edit"):
        edit(folder, lambda document: table(document, "queues", "b").update(label="B"))
    assert folder.hotline.read_text() == before


def test_the_line_of_a_mistake_is_counted_as_editors_count(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.hotline.write_text(
        "# un\u2028deux\x85trois\n" + SMALL.replace("[menu]", "[menu]\n  x = 1")
    )
    with pytest.raises(HotlineError, match="line 8: menu.x"):
        edit(folder, longer_call)
    folder.hotline.write_text("# un\u2028deux\n" + SMALL + 'ring_time = [1, "\n')
    with pytest.raises(HotlineError, match="line 13: not valid TOML"):
        edit(folder, longer_call)
    folder.hotline.write_text("# un\u2028deux\n" + SMALL + "open = [\n")
    with pytest.raises(HotlineError, match="line 13: not valid TOML"):
        edit(folder, longer_call)
