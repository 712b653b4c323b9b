"""hotline.toml: errors that name line, key and expectation; hours in local time, every night."""

import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decroche.hotline import (
    HotlineError,
    load,
    menu_pieces,
    parse,
    prompt_texts,
    public_holidays,
)

ROOT = Path(__file__).parent.parent
GOOD = """[line]
name = "Entraide"

[trunks.street]
host = "127.0.0.1"
dids = ["0900000000"]

[menu]
default = "demarches"
choices = [
    { key = "1", queue = "demarches", label = "Démarches" },
    { key = "2", queue = "visio", label = "Visio" },
]

[queues.demarches]
label = "Démarches"
ring_time = 20

[queues.visio]
label = "Visio"
overflow = "demarches"
"""


def refused(old: str, new: str) -> str:
    assert old in GOOD
    with pytest.raises(HotlineError) as told:
        parse(GOOD.replace(old, new, 1), "hotline.toml")
    return str(told.value)


def test_the_example_and_the_smallest_file_are_good() -> None:
    assert load(ROOT / "configs/hotline.toml").queues
    assert parse(GOOD).menu.choices[1].queue == "visio"


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "told"),
    [
        ('name = "Entraide"', 'name = ""', 2, "line.name", "length >= 1"),
        ('name = "Entraide"', 'nom = "Entraide"', 2, "line.nom", "`nom`"),
        ('name = "Entraide"', "name = 3", 2, "line.name", "str"),
        ('host = "127.0.0.1"', 'host = "a b"', 5, "trunks.street.host", "regex"),
        ('dids = ["0900000000"]', 'dids = ["_X."]', 6, "trunks.street.dids", "regex"),
        ('dids = ["0900000000"]', "dids = []", 6, "trunks.street.dids", "length >= 1"),
        ('dids = ["0900000000"]', 'dids = ["01"]\nkind = "register"', 4, "username", "username"),
        ('default = "demarches"', 'default = "x"', 9, "menu.default", "expected one of: demarches"),
        ('queue = "visio"', 'queue = "x"', 10, "menu.choices.1.queue", "expected one of"),
        ('key = "2"', 'key = "1"', 10, "menu.choices.1.key", "used twice"),
        ('key = "2"', 'key = "12"', 10, "menu.choices.1.key", "regex"),
        ("ring_time = 20", "ring_time = 4", 17, "queues.demarches.ring_time", ">= 5"),
        ("ring_time = 20", "ring_tim = 20", 17, "queues.demarches.ring_tim", "ring_tim"),
        ('overflow = "demarches"', 'overflow = "visio"', 21, "queues.visio.overflow", "other"),
        ('overflow = "demarches"', 'overflow = "x"', 21, "queues.visio.overflow", "other queue"),
        (
            "[queues.visio]",
            '[queues.general]\nlabel = "G"\n[queues.visio]',
            19,
            "queues.general",
            "keeps this name",
        ),
        ("[queues.visio]", '[queues."Vi sio"]', 19, "queues.Vi sio", "regex"),
        ("[menu]", "[hours]\nmonday = 3\n[menu]", 9, "hours.monday", "array"),
        ("[menu]", '[hours]\nmonday = ["9-10"]\n[menu]', 9, "hours.monday", "09:00-18:00"),
        ("[menu]", '[hours]\nmonday = ["18:00-09:00"]\n[menu]', 9, "hours.monday", "midnight"),
        (
            "[menu]",
            '[hours]\nmonday = ["09:00-12:00", "11:00-14:00"]\n[menu]',
            9,
            "hours.monday",
            "overlap",
        ),
        ("[menu]", "[line2]\nx = 1\n[menu]", 8, "line2", "line2"),
        ("[menu]", '[prompts]\nhello = "x"\n[menu]', 9, "prompts.hello", "expected one of: gree"),
        ("[menu]", "[network]\nsip = 70000\n[menu]", 9, "network.sip", "<= 65535"),
        (
            "[menu]",
            "[network]\nrtp_first = 10000\nrtp_last = 10001\n[menu]",
            10,
            "network.rtp_last",
            "ten RTP ports",
        ),
        ('name = "Entraide"', 'name = "E"\ntimezone = "Paris"', 3, "line.timezone", "Europe/Paris"),
        ('name = "Entraide"', 'name = "E"\nlanguage = "de"', 3, "line.language", "'de'"),
        ('name = "Entraide"', 'name = "E"\nservice_level = 7', 3, "line.service_level", "of 5"),
    ],
)
def test_an_error_names_line_key_and_expectation(
    old: str, new: str, line: int, key: str, told: str
) -> None:
    text = refused(old, new)
    assert text.startswith(f"hotline.toml, line {line}: ")
    assert key in text
    assert told in text


def test_what_is_no_toml_is_told_with_its_line() -> None:
    assert "line 2" in refused('name = "Entraide"', "name = Entraide")


def test_a_missing_file_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(HotlineError, match="decroche init"):
        load(tmp_path / "hotline.toml")
    (tmp_path / "hotline.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(HotlineError, match="line 1: not UTF-8"):
        load(tmp_path / "hotline.toml")


@given(st.text())
def test_any_text_is_a_line_or_a_hotline_error(text: str) -> None:
    try:
        parse(text)
    except HotlineError as error:
        assert str(error).startswith("hotline.toml")


@pytest.mark.parametrize(
    "name", ["a/b", "A", "-a", "a" * 41, "a b", "a;b", "ünal", "", "a]\\n[b", "${x}"]
)
def test_a_bad_name_of_a_queue_is_refused(name: str) -> None:
    with pytest.raises(HotlineError):
        parse(GOOD.replace("[queues.visio]", f'[queues."{name}"]'))


# Hours; what they mean: tests/test_opening.py.


def refused_hours(text: str, table: str = "hours") -> str:
    with pytest.raises(HotlineError) as told:
        parse(GOOD + f"\n[{table}]\n{text}")
    return str(told.value)


@pytest.mark.parametrize("table", ["hours", "queues.visio.hours"])
@pytest.mark.parametrize(
    ("text", "key", "told"),
    [
        ('monday = ["9-18"]', "monday", "not a period"),
        ('monday = ["18:00-09:00"]', "monday", "split it at midnight"),
        ('monday = ["09:00-12:00", "11:00-14:00"]', "monday", "overlap"),
        ('on_holidays = ["09:00-12:00", "11:00-14:00"]', "on_holidays", "overlap"),
        ('open = ["2026-12-24"]', "open", "2026-12-24 09:00-12:00"),
        ('open = ["24/12/2026 09:00-12:00"]', "open", "write it as"),
        ('open = ["20261224 09:00-12:00"]', "open", "write it as"),
        ('open = ["2026-02-30 09:00-12:00"]', "open", "write it as"),
        ('open = ["2026-12-24 9:00-12:00"]', "open", "not a period"),
        (
            'open = ["2026-12-24 09:00-12:00", "2026-12-24 11:00-14:00"]',
            "open",
            "overlap",
        ),
        ('closed = ["Noël"]', "closed", "date"),
        ('holidays = "XX"', "holidays", 'expected a code like "FR" or "FR-GP"'),
        ('holidays = "FR-QQ"', "holidays", "FR-Alsace, FR-GP"),
        ('holidays = ""', "holidays", "no such country"),
        ('holidays = "utils"', "holidays", "no such country"),  # a module of the library
        ('holidays = "HolidayBase"', "holidays", "no such country"),
        ('holidays = "FR-"', "holidays", "no such country"),
    ],
)
def test_odd_hours_are_refused_with_line_and_remedy(
    table: str, text: str, key: str, told: str
) -> None:
    found = refused_hours(text, table)
    assert f"{table}.{key}" in found and told in found
    line = GOOD.count("\n") + 3
    assert found.startswith(f"hotline.toml, line {line}: ")


@pytest.mark.parametrize(
    ("region", "day", "is_one"),
    [
        ("FR", "2026-12-25", True),
        ("FR", "2026-12-26", False),
        ("FR-Alsace", "2026-12-26", True),
        ("FR-57", "2026-12-26", True),
        ("FR-Alsace", "2026-04-03", True),
        ("FR", "2026-05-27", False),
        ("FR-GP", "2026-05-27", True),
        ("FR-971", "2026-05-27", True),
        ("FR-RE", "2026-12-20", True),
        ("FR-YT", "2026-04-27", True),
        ("FR-MQ", "2026-05-22", True),
        ("FR-GY", "2026-06-10", True),
        ("DE-BY", "2026-01-06", True),
        ("BE", "2026-07-21", True),
    ],
)
def test_public_holidays_of_a_region(region: str, day: str, is_one: bool) -> None:
    assert (date.fromisoformat(day) in public_holidays(region, 2026)) is is_one


def test_public_holidays_have_names_in_the_language_of_the_line() -> None:
    christmas = date(2026, 12, 25)
    assert public_holidays("FR", 2026, "fr")[christmas] == "Noël"
    assert public_holidays("FR", 2026, "en")[christmas] == "Christmas Day"
    assert public_holidays("DE", 2026, "fr")[christmas]


# Sentences.


def test_sentences_are_composed_and_replaced() -> None:
    texts = prompt_texts(parse(GOOD))
    assert texts["greeting"] == "Bonjour, vous êtes bien chez Entraide."
    assert texts["menu"].startswith("Démarches : tapez 1. Visio : tapez 2.")
    assert "information" not in texts
    own = prompt_texts(parse(GOOD + '\n[prompts]\ngreeting = ""\ninformation = "Neige."'))
    assert "greeting" not in own
    assert own["information"] == "Neige."


def test_the_menu_is_put_together_from_a_sentence_for_each_key() -> None:
    line = parse(GOOD + '\n[callbacks]\nmenu = "*"\n')
    pieces = menu_pieces(line)
    assert list(pieces) == ["choice-1", "choice-2", "choice-star", "menu-last"]
    texts = prompt_texts(line)
    assert texts["menu"] == " ".join(pieces.values())
    assert pieces.items() <= texts.items()
    assert pieces["choice-star"] == "Pour être rappelé plus tard : tapez étoile."


def test_a_slow_menu_says_which_keys_help_unless_a_choice_has_them() -> None:
    slow = GOOD.replace("[menu]", '[menu]\nstyle = "slow"')
    kept = list(menu_pieces(parse(slow)))
    assert kept == ["menu-first", "choice-1", "choice-2", "menu-again", "menu-last"]
    for key in "*0":
        taken = parse(slow.replace('key = "2"', f'key = "{key}"'))
        assert "menu-again" not in menu_pieces(taken)


def test_a_piece_of_the_menu_has_words_of_its_own_and_so_has_the_whole() -> None:
    own = parse(GOOD + '\n[prompts]\nchoice-2 = "Deux : la visio."\nmenu-last = ""\n')
    assert prompt_texts(own)["menu"] == "Démarches : tapez 1. Deux : la visio."
    whole = parse(GOOD + '\n[prompts]\nmenu = "Un ou deux ?"\nchoice-2 = "Deux."\n')
    assert menu_pieces(whole) == {}
    assert prompt_texts(whole)["menu"] == "Un ou deux ?"
    assert not [name for name in prompt_texts(whole) if name.startswith("choice")]


def test_without_choices_there_is_no_menu() -> None:
    none = parse(re.sub(r"choices = \[.*?\n\]", "", GOOD, flags=re.DOTALL))
    assert not [name for name in prompt_texts(none) if name.startswith(("menu", "choice"))]


def test_every_language_has_the_same_sentences() -> None:
    french = parse(GOOD)
    english = parse(GOOD.replace('name = "Entraide"', 'name = "Help"\nlanguage = "en"'))
    assert prompt_texts(french).keys() == prompt_texts(english).keys()
    for line in (french, english):
        for text in prompt_texts(line).values():
            assert "{" not in text
