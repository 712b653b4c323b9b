"""The catalogue, durations, hours, the chart, the counting of tries: values in, values out."""

import re
from datetime import UTC, date, datetime
from pathlib import Path
from string import Formatter
from zoneinfo import ZoneInfo

import pytest

from decroche import hotline
from decroche.dashboard import chart, clock, words
from decroche.dashboard.guard import is_own_path
from decroche.dashboard.settings import TRIES_PER_NAME, TRY_SECONDS
from decroche.dashboard.state import Slot, agent_of, grouped
from decroche.dashboard.tries import Tries

ROOM = Path(words.__file__).parent
COMPOSED = {
    "stage.": 5,
    "error.": 15,
    "switch.by_hand.": 3,
    "switch.problem.": 3,
    "ledger.gave_up.": 4,
    "ledger.reason.": 3,
    "ledger.parts.": 3,
    "me.state.": 3,
    "me.be.": 3,
    "me.call.": 2,
    "shifts.days.": 7,
    "shifts.problem.": 8,
    "figures.kind.": 4,
    "figures.now.": 4,
    "figures.earlier.": 4,
    "figures.later.": 4,
    "figures.before.": 4,
    "figures.until_then.": 4,
    "figures.by.": 5,
    "figures.head.": 5,
    "figures.none.": 2,
    "figures.gave_up.": 4,
    "figures.outcome.": 6,
    "welcome.code.": 3,
    "blocked.problem.": 4,
}  # keys that are put together while painting
LINE = """[line]
name = "Entraide"
[menu]
default = "q"
[queues.q]
label = "Q"
"""


def texts(entry: words.Entry) -> list[str]:
    return [entry] if isinstance(entry, str) else list(entry.values())


def fields(entry: words.Entry) -> set[str]:
    return {name for text in texts(entry) for _, name, _, _ in Formatter().parse(text) if name}


def test_it_says_the_same_things_in_both_languages() -> None:
    french, english = words.catalogue("fr"), words.catalogue("en")
    assert french.keys() == english.keys()
    for key in french:
        assert fields(french[key]) == fields(english[key]), key
        assert isinstance(french[key], str) == isinstance(english[key], str), key


def test_it_uses_every_entry() -> None:
    sources = [*ROOM.glob("*.py"), *ROOM.glob("templates/*.html")]
    text = "\n".join(path.read_text("utf-8") for path in sources)
    unused = {key for key in words.catalogue("fr") if not re.search(rf"""["']{key}["']""", text)}
    for prefix, count in COMPOSED.items():
        composed = {key for key in unused if key.startswith(prefix)}
        assert len(composed) <= count
        unused -= composed
    assert unused == set()


def test_it_writes_french_as_printers_do() -> None:
    for key, entry in words.catalogue("fr").items():
        for text in texts(entry):
            assert "'" not in text, key
            assert not re.search(r" [;:?!»]|« ", text), key


def test_it_counts_as_each_language_does() -> None:
    french, english = words.words("fr"), words.words("en")
    assert [french("figure.today", n=n) for n in (0, 1, 2)] == [
        "appel aujourd’hui",
        "appel aujourd’hui",
        "appels aujourd’hui",
    ]
    assert english("figure.today", n=0) == "calls today"


@pytest.mark.parametrize(
    ("cookie", "accept", "chosen"),
    [
        ("en", "fr", "en"),
        ("xx", "en-GB,en;q=0.9", "en"),
        (None, "de, en;q=0.4, fr-FR;q=0.8", "fr"),
        (None, "en;q=0", "fr"),
        (None, "q=;;,;q=x", "fr"),
        (None, "", "fr"),
    ],
)
def test_it_chooses_a_language(cookie: str | None, accept: str, chosen: str) -> None:
    assert words.choose(cookie, accept, "fr") == chosen


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0 s"), (59, "59 s"), (60, "1 min 00"), (192, "3 min 12"), (6720, "1 h 52")],
)
def test_it_reads_durations(seconds: int, text: str) -> None:
    assert clock.duration(seconds).replace("\u00a0", " ") == text


def test_it_fills_times_for_the_first_paint() -> None:
    html = '<time datetime="x" data-since="1000" title="y"></time>'
    assert ">1\u00a0min\u00a000</time>" in clock.filled(html, 61_000_000)


def test_it_says_hours_in_each_language() -> None:
    at = datetime(2026, 11, 23, 18, 30, tzinfo=UTC)
    assert clock.hour(at, "fr") == "18\u00a0h\u00a030"
    assert clock.hour(at, "en") == "18:30"
    assert clock.long_date(date(2026, 11, 3), "fr") == "3\u00a0novembre 2026"


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25", "2026-11-23"])
def test_it_finds_midnight_in_nights_of_23_and_25_hours(day: str) -> None:
    zone = ZoneInfo("Europe/Paris")
    late = datetime.fromisoformat(f"{day}T23:30").replace(tzinfo=zone)
    began = clock.midnight(int(late.timestamp()) * 1_000_000, zone)
    local = datetime.fromtimestamp(began / 1_000_000, zone)
    assert (local.hour, f"{local:%F}") == (0, day)


def test_it_draws_the_day_from_opening_to_closing() -> None:
    line = hotline.parse(LINE + '[hours]\nmonday = ["09:00-12:00", "14:00-18:30"]\n')
    slots = (Slot(9.0, 6, 2), Slot(10.5, 3, 0))
    drawn = chart.chart(slots, line, datetime(2026, 11, 23))
    assert [bar.clock for bar in drawn.bars] == [(9, 0), (10, 30)]
    assert drawn.bars[0].unanswered_y == 0  # the tallest fills the picture
    assert drawn.bars[0].answered_y + drawn.bars[0].answered_height == chart.HEIGHT
    assert drawn.bars[-1].x + drawn.bar_width < chart.WIDTH
    assert drawn.labels[0] == (0, 9)


def test_it_draws_calls_out_of_hours() -> None:
    line = hotline.parse(LINE)
    drawn = chart.chart((Slot(2.0, 1, 0), Slot(23.5, 0, 1)), line, datetime(2026, 11, 23))
    assert drawn.labels[0] == (0, 2)
    assert drawn.bars[-1].x + drawn.bar_width <= chart.WIDTH


def test_it_puts_an_agent_in_one_group() -> None:
    row: dict[str, object] = {
        "name": "camille",
        "label": "Camille",
        "state": "available",
        "since": 10,
        "reachable": 1,
        "stage": "idle",
        "stage_since": 20,
        "rest_until": 0,
        "until": None,
        "by": "phone",
        "capped_until": 0,
    }
    cases: dict[str, dict[str, object]] = {
        "free": {},
        "resting": {"rest_until": 200},
        "capped": {"capped_until": 200, "rest_until": 200},
        "unreachable": {"reachable": 0},
        "paused": {"state": "paused", "reachable": 0},
        "away": {"until": 50},
        "talking": {"state": "away", "stage": "talking"},
        "ringing": {"stage": "ringing", "rest_until": 200},
    }
    assert {group: agent_of(row | change, 100).group for group, change in cases.items()} == {
        group: group for group in cases
    }
    missed = row | {"state": "paused", "by": "missed"}
    assert agent_of(missed, 100).missed and not agent_of(missed | {"by": "phone"}, 100).missed


def test_it_writes_numbers_in_pairs() -> None:
    assert grouped("0987654321") == "09\u00a087\u00a065\u00a043\u00a021"
    assert grouped("+32987654321") == "+32987654321"


def test_it_slows_wrong_tries_down_and_forgets() -> None:
    now = [0.0]
    tries = Tries(lambda: now[0])
    for _ in range(TRIES_PER_NAME):
        assert tries.wait("camille", "::1") == 0
        tries.was_wrong("camille", "::1")
    assert tries.wait("camille", "::1") == TRY_SECONDS
    assert tries.wait("driss", "::1") == 0
    now[0] = TRY_SECONDS + 1
    assert tries.wait("camille", "::1") == 0


@pytest.mark.parametrize(
    "path", ["", "//evil.example", "/\\evil.example", "https://evil.example", "/a\nb", "evil"]
)
def test_it_goes_on_to_our_own_pages_only(path: str) -> None:
    assert not is_own_path(path)
    assert is_own_path("/sheets?q=a")
