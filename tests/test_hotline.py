"""hotline.toml: errors that name line, key and expectation; hours in local time, every night."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decroche.hotline import Hotline, HotlineError, load, menu_pieces, parse, prompt_texts

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


# Hours.


def hours(text: str) -> Hotline:
    return parse(GOOD + f"\n[hours]\n{text}")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_line_without_hours_is_always_open() -> None:
    assert parse(GOOD).is_open(at("2026-11-22T03:00"))
    assert parse(GOOD).next_change(at("2026-11-22T03:00")) is None


@pytest.mark.parametrize(
    ("instant", "is_open"),
    [
        ("2026-11-23T07:59:59", False),  # a Monday in winter: Paris is one hour ahead
        ("2026-11-23T08:00:00", True),
        ("2026-11-23T10:59:59", True),
        ("2026-11-23T11:00:00", False),
        ("2026-11-23T13:00:00", True),
        ("2026-11-23T22:59:59", True),  # until 24:00
        ("2026-11-23T23:00:00", False),
        ("2026-07-20T06:59:59", False),  # a Monday in summer: two hours ahead
        ("2026-07-20T07:00:00", True),
        ("2026-11-24T10:00:00", False),  # a Tuesday
        ("2026-12-28T10:00:00", False),  # a Monday that is closed
    ],
)
def test_hours_are_local(instant: str, is_open: bool) -> None:
    line = hours('monday = ["14:00-24:00", "09:00-12:00"]\nclosed = [2026-12-28]')
    assert line.is_open(at(instant)) is is_open


def test_a_night_that_goes_on_after_midnight_has_no_gap() -> None:
    line = hours('monday = ["20:00-24:00"]\ntuesday = ["00:00-02:00"]')
    assert line.is_open(at("2026-11-23T22:59:59.999999"))
    assert line.is_open(at("2026-11-23T23:00:00"))
    assert line.next_change(at("2026-11-23T22:30:00")) == at("2026-11-24T01:00:00")


def test_the_night_in_which_an_hour_is_missing() -> None:
    """2026-03-29, Paris: 02:00 becomes 03:00 at 01:00 UTC."""
    line = hours('sunday = ["01:30-02:30", "03:30-04:00"]')
    assert line.is_open(at("2026-03-29T00:30"))
    assert line.is_open(at("2026-03-29T00:59:59"))
    assert not line.is_open(at("2026-03-29T01:00"))  # 03:00 local: 02:30 never came
    assert line.is_open(at("2026-03-29T01:30"))
    assert not line.is_open(at("2026-03-29T02:00"))


def test_the_night_in_which_an_hour_comes_twice() -> None:
    """2026-10-25, Paris: 03:00 becomes 02:00 at 01:00 UTC; both 02:30 are open."""
    line = hours('sunday = ["02:15-02:45"]')
    for instant, is_open in (
        ("00:14:59", False),
        ("00:15:00", True),
        ("00:45:00", False),
        ("01:14:59", False),
        ("01:15:00", True),
        ("01:45:00", False),
    ):
        assert line.is_open(at(f"2026-10-25T{instant}")) is is_open


@pytest.mark.parametrize("start", ["2026-03-28T12:00", "2026-10-24T12:00", "2026-12-20T12:00"])
def test_the_next_change_is_a_change_and_the_first_one(start: str) -> None:
    line = hours(
        'saturday = ["09:00-24:00"]\nsunday = ["00:00-01:30", "10:00-24:00"]\n'
        'monday = ["00:00-18:00"]\nclosed = [2026-12-28]'
    )
    instant = at(start)
    for _ in range(6):
        change = line.next_change(instant)
        assert change is not None and change > instant
        state = line.is_open(instant)
        assert line.is_open(change) is not state
        moment = instant
        while moment < change:
            assert line.is_open(moment) is state
            moment += timedelta(minutes=5)
        instant = change


def test_a_line_that_never_opens_has_no_next_change() -> None:
    assert hours("monday = []").next_change(at("2026-11-23T10:00")) is None


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
