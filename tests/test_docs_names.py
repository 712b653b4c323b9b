"""The reference pages name everything that they are about, and nothing that is not there.

Every key of hotline.toml, prompt, journal event, column, name of the dialplan, table and cookie.
"""

import json
import re
import sqlite3
import tomllib
import types
import typing
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest

from decroche import hotline
from decroche.asterisk.release import Release
from decroche.asterisk.render import STRATEGIES
from decroche.dashboard import accounts
from decroche.dashboard.settings import COOKIE, LANGUAGE_COOKIE, SECURE_COOKIE
from decroche.kb import schema as kb
from decroche.records import dialplan, kinds, schema
from decroche.records.fallback import BEEP, FALLBACK

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
TABLES: tuple[tuple[str, type[msgspec.Struct]], ...] = (
    ("## `[line]`", hotline.Line),
    ("## `[network]`", hotline.Network),
    ("## `[trunks.NAME]`", hotline.Trunk),
    ("## `[hours]`", hotline.Hours),
    ("## `[menu]`", hotline.Menu),
    ("Each choice:", hotline.Choice),
    ("## `[queues.NAME]`", hotline.Queue),
    ("## `[agents]`", hotline.Agents),
    ("## `[callbacks]`", hotline.Callbacks),
    ("## `[limits]`", hotline.Limits),
    ("## `[outside]`", hotline.Outside),
    ("## `[voicemail]`", hotline.Voicemail),
    ("## `[mail]`", hotline.Mail),
)


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def rows(text: str, column: int = 0) -> list[str]:
    """The cells of one column of every table row in a text."""
    cells = (line.strip("|").split(" | ") for line in text.splitlines() if line.startswith("| "))
    return [row[column].strip() for row in cells if len(row) > column]


def named(cell: str) -> list[str]:
    """What stands in code marks in a cell."""
    return re.findall(r"`([^`]+)`", cell)


def section(text: str, heading: str) -> str:
    """A part of a page: from its heading (or first words) to the next heading."""
    assert heading in text, f"{heading!r} is not there"
    return text.split(heading, 1)[1].split("\n#", 1)[0]


# hotline.toml.


def default_of(field: msgspec.structs.FieldInfo) -> str:
    """A default as one would write it; "required" or "none" where there is no value."""
    if field.required:
        return "required"
    if field.default_factory is not msgspec.NODEFAULT:
        return f"`{json.dumps(field.default_factory())}`"
    value = field.default
    if value is None:
        return "none"
    return f"`{json.dumps(value)}`"


def bounds_of(kind: Any) -> str:
    """ "5 to 60" for a bounded number, the words in quotes for a choice, else empty."""
    if isinstance(kind, types.UnionType):
        kind = typing.get_args(kind)[0]
    if typing.get_origin(kind) is Annotated:
        meta = next(m for m in kind.__metadata__ if isinstance(m, msgspec.Meta))
        if meta.ge is None:
            return ""
        return f"{meta.ge} or more" if meta.le is None else f"{meta.ge} to {meta.le}"
    return ""


FIELDS = [
    pytest.param(heading, kind, field, id=f"{kind.__name__.lower()}.{field.name}")
    for heading, kind in TABLES
    for field in msgspec.structs.fields(kind)
]


@pytest.mark.parametrize(("heading", "kind", "field"), FIELDS)
def test_every_hotline_key_is_documented(
    heading: str, kind: type[msgspec.Struct], field: msgspec.structs.FieldInfo
) -> None:
    text = section(page("hotline.md"), heading)
    found = [line for line in text.splitlines() if line.startswith(f"| `{field.name}` |")]
    assert len(found) == 1, f"docs/hotline.md, {heading}: no row (or two) for {field.name}"
    cells = [cell.strip() for cell in found[0].strip("|").split(" | ")]
    default = default_of(field).replace(".0`", "`")
    assert cells[2].replace(".0`", "`") == default, f"{field.name}: the default is {default}"
    assert bounds_of(field.type) in cells[3]


def test_every_table_of_the_model_is_documented() -> None:
    tables = {field.name for field in msgspec.structs.fields(hotline.Hotline)}
    headings = re.findall(r"^## `\[([a-z]+)", page("hotline.md"), re.MULTILINE)
    assert set(headings) == tables


def test_no_hotline_key_is_made_up() -> None:
    known = {f.name for _, kind in TABLES for f in msgspec.structs.fields(kind)}
    strategies = set(typing.get_args(hotline.Strategy))
    told = {name.strip('"') for cell in rows(page("hotline.md")) for name in named(cell)}
    assert told == known | strategies


def test_the_strategies_of_the_fallback_are_told() -> None:
    for ours, theirs in STRATEGIES.items():
        assert f"| `{ours}` | `{theirs}` |" in page("dialplan.md")


def test_every_key_stands_in_the_example() -> None:
    text = (ROOT / "configs" / "hotline.toml").read_text("utf-8")
    missing = [
        f"{kind.__name__.lower()}.{field.name}"
        for _, kind in TABLES
        for field in msgspec.structs.fields(kind)
        if not re.search(rf"(?<![a-z_]){field.name} = ", text)
    ]
    assert missing == []


def test_what_is_commented_out_in_the_example_is_the_default() -> None:
    text = (ROOT / "configs" / "hotline.toml").read_text("utf-8")
    parts = re.split(r"(?m)^(?=#? ?\[)", text)
    for at, part in enumerate(parts):
        if re.match(r"#? ?\[(line|network|menu|queues)", part):
            absent = "overflow|hours|max_waiting|external_address|page_url"
            keys = rf"(?m)^# (\[network\]|(?!({absent}) = )[a-z_]+ = )"
            parts[at] = re.sub(keys, r"\1", part)
    assert "".join(parts) != text
    assert hotline.parse("".join(parts)) == hotline.parse(text)


# Prompts.


def catalogue() -> dict[str, dict[str, str]]:
    data = tomllib.loads((ROOT / "configs" / "prompts.toml").read_text("utf-8"))
    return {
        language: {name: text for name, text in texts.items() if isinstance(text, str)}
        for language, texts in data.items()
    }


def test_every_prompt_is_documented_with_its_texts() -> None:
    texts = catalogue()
    table = section(page("prompts.md"), "## The sentences")
    for name, french in texts["fr"].items():
        ending = " | ".join(text or "*(nothing)*" for text in (french, texts["en"][name]))
        pattern = rf"^\| `{name}` \| [^|]+ \| {re.escape(ending)} \|$"
        assert re.search(pattern, table, re.MULTILINE), f"docs/prompts.md: {name} is not as it is"


def test_no_prompt_is_made_up() -> None:
    assert {n for c in rows(page("prompts.md")) for n in named(c)} == set(catalogue()["fr"])


def test_every_prompt_has_a_number_for_good() -> None:
    """Two digits behind *15; choices have 90 and their key."""
    numbers = hotline.prompt_numbers()
    choices = {hotline.choice_name(key) for key in "0123456789*#"}
    composing = set(hotline.PATTERNS)
    assert set(numbers) == set(catalogue()["fr"]) - composing | choices
    assert len(set(numbers.values())) == len(numbers)
    assert all(10 <= number <= 99 for number in numbers.values())
    assert all(numbers[hotline.choice_name(str(key))] == 90 + key for key in range(10))
    table = section(page("prompts.md"), "## The sentences")
    told = dict(zip(rows(table), rows(table, 1), strict=True))
    for name in catalogue()["fr"].keys() - composing:
        assert told[f"`{name}`"].startswith(f"{numbers[name]}: "), name


def test_every_prompt_has_a_sound_of_asterisks_own(release: Release) -> None:
    assert set(FALLBACK) >= set(catalogue()["fr"]) - set(hotline.PATTERNS)
    for core in {*FALLBACK.values(), BEEP}:
        assert list((release.sounds / "fr").glob(f"{core}.*")), core
        assert list((release.sounds / "en").glob(f"{core}.*")), core


# The journal.


def test_every_kind_is_documented() -> None:
    table = section(page("journal.md"), "## Every kind")
    assert {name for cell in rows(table) for name in named(cell)} == kinds.KINDS


def test_the_words_of_a_body_are_documented() -> None:
    """The comment behind a kind names the words of its body, before any colon or comma."""
    source = (ROOT / "records" / "kinds.py").read_text("utf-8")
    table = section(page("journal.md"), "## Every kind")
    told = dict(zip(rows(table), rows(table, 2), strict=True))
    for kind, words in dialplan.NOTES.items():
        assert set(words) <= set(named(told[f"`{kind}`"])), kind
    for kind, comment in re.findall(r'^[A-Z_]+ = "([a-z]+\.[a-z]+)"  # (\w+):', source, re.M):
        if comment != "why":
            assert comment in named(told[f"`{kind}`"]), kind


def test_every_outcome_is_documented() -> None:
    table = section(page("journal.md"), "## How a call ends")
    assert [named(cell)[0] for cell in rows(table)[1:] if named(cell)] == list(kinds.OUTCOMES)
    assert all(f"`{name}`" in table for name in kinds.DISMISSALS)


def columns(connection: sqlite3.Connection, table: str) -> set[str]:
    return {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}


def test_every_projected_column_is_documented() -> None:
    connection = sqlite3.connect(":memory:")
    schema.make_projections(connection)
    for table in schema.PROJECTIONS:
        text = page("journal.md").split(f"**{table}**", 1)[1].split("\n**", 1)[0]
        text = text.split("\nAll times", 1)[0]
        told = {name for cell in rows(text) for name in named(cell)}
        assert told == columns(connection, table), table
    connection.close()


# The dialplan.


def test_every_name_of_the_dialplan_is_documented() -> None:
    text = page("dialplan.md")
    names = {dialplan.OK, dialplan.QUEUE, dialplan.STOP}
    names |= {dialplan.CALLERS, dialplan.TALK, dialplan.AGENTS}
    names |= {dialplan.OUTSIDE, dialplan.HELD, dialplan.ASK, dialplan.RING}
    assert names <= set(re.findall(r"`([^`\n]+)`", text))
    assert f"`{dialplan.TRUNK}NAME`" in text and f"`{dialplan.LEG}NAME`" in text


def test_every_feature_code_is_documented() -> None:
    table = text = section(page("dialplan.md"), "## Feature codes")
    for code, state in dialplan.FEATURES.items():
        assert f"| `{code}` | {state} | `agent.{state}` |" in table
        assert f"| `{code}` |" in page("agent.md")
    for code in (dialplan.MESSAGES, dialplan.BLOCK):
        assert f"`{code}`" in text and f"`{code}`" in page("agent.md")


def test_every_code_for_some_minutes_is_documented() -> None:
    table = section(page("dialplan.md"), "## Feature codes")
    for code in dialplan.FREE_CODES:
        assert f"| `{code}` |" in table
        assert f"`{code}`" in page("agent.md")
        assert f"`{code}`" in page("shifts.md")


def test_every_user_event_is_documented() -> None:
    table = section(page("dialplan.md"), "### User events and notes")
    told = dict(zip(rows(table), rows(table, 1), strict=True))
    for kind, words in dialplan.NOTES.items():
        assert tuple(named(told[f"`{kind}`"])) == words, kind


def test_every_generated_file_and_context_is_documented() -> None:
    text = page("dialplan.md")
    templates = ROOT / "asterisk" / "templates"
    files = {path.name.removesuffix(".j2") for path in templates.iterdir()}
    told = {name for cell in rows(section(text, "## The files")) for name in named(cell)}
    assert told == files
    source = (templates / "extensions.conf.j2").read_text("utf-8")
    told = {name for cell in rows(section(text, "## Contexts")) for name in named(cell)}
    assert len(told) == len(re.findall(r"^\[(?!general|globals)", source, re.MULTILINE))
    for name in re.findall(r"^exten => ([a-z]+),1", source, re.MULTILINE):
        assert f"`{name}`" in section(text, "## Contexts")


def test_every_variable_of_the_dialplan_is_documented() -> None:
    source = (ROOT / "asterisk" / "templates" / "extensions.conf.j2").read_text("utf-8")
    table = section(page("dialplan.md"), "## Channel variables")
    told = {name for cell in rows(table) for name in named(cell)}
    used = set(re.findall(r"\$\{([A-Z_]+)\}|Set\(([A-Z_]+)=", source))
    assert {name for pair in used for name in pair if name} - {"EPOCH"} <= told


# Privacy.


def test_every_table_of_the_database_is_in_the_privacy_page(tmp_path: Path) -> None:
    path = tmp_path / "decroche.db"
    schema.prepare(path)
    kb.migrate(path)
    accounts.prepare(path)
    connection = sqlite3.connect(path)
    sql = "SELECT name FROM sqlite_master WHERE type = 'table'"
    tables = {row[0] for row in connection.execute(sql)}
    connection.close()
    hidden = re.compile(r"_sqlite_migrations|sqlite_.*|sheets_fts_.*")
    found = {name for name in tables if not hidden.fullmatch(name)}
    table = section(page("privacy.md"), "## The database")
    assert {name for cell in rows(table) for name in named(cell)} == found


def test_every_cookie_is_in_the_privacy_page() -> None:
    for name in (COOKIE, SECURE_COOKIE, LANGUAGE_COOKIE):
        assert f"`{name}`" in page("privacy.md")
