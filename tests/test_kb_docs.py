"""docs/sheets.md tells all that a head may say and all that an import may answer."""

import datetime
from pathlib import Path

import pytest

from decroche.kb.front import Front
from decroche.kb.library import import_folder
from decroche.kb.query import MAX_CHARS, MAX_WORDS
from decroche.kb.schema import migrate
from decroche.kb.search import ENOUGH
from decroche.kb.sheets import MAX_BYTES, parse_sheet

DOCS = (Path(__file__).parent.parent / "docs" / "sheets.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("key", Front.__struct_fields__)
def test_every_key_is_documented(key: str) -> None:
    assert f"\n| `{key}` |" in DOCS


def test_the_bounds_are_those_of_the_code() -> None:
    for bound in (f"{MAX_BYTES // 1024} KiB", f"{MAX_CHARS} characters", f"{MAX_WORDS} words"):
        assert bound in DOCS
    assert f"more than {ENOUGH:,} sheets" in DOCS


def test_the_example_is_a_sheet(tmp_path: Path) -> None:
    example = DOCS.partition("```markdown\n")[2].partition("```")[0]
    (tmp_path / "numero-fiscal.md").write_text(example, encoding="utf-8")
    migrate(tmp_path / "decroche.db")
    result = import_folder(tmp_path / "decroche.db", tmp_path)
    assert (result.added, result.problems) == (1, ())


@pytest.mark.parametrize("text", ["", "# T", "texte", "+++\n", "+++\nx\n+++\n", "# T\n\n\x00"])
def test_every_reason_is_documented(text: str) -> None:
    with pytest.raises(ValueError) as raised:
        parse_sheet(text, "a.md", datetime.date(2026, 11, 2))
    reason = str(raised.value)
    known = ("empty", "nothing stands below the title", "no title", "the head", "holds control")
    assert any(word in reason and word in DOCS for word in known), reason
