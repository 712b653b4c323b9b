"""When people call the demonstration, and who they are."""

from collections import Counter
from itertools import islice
from random import Random

from decroche.asterisk.tempo import (
    FICTION,
    MOST_CALLERS,
    MOST_WAITING,
    Crowd,
    may_call,
    pauses,
)


def test_it_begins_at_once() -> None:
    waits = list(islice(pauses(Random(1)), 7))
    assert waits[0] == 0 and sum(waits) < 20


def test_it_has_calm_and_crowded_moments() -> None:
    waits = list(islice(pauses(Random(1)), 500))
    assert all(0 <= wait <= 20 for wait in waits)
    assert sum(wait < 2.5 for wait in waits) > 100
    assert sum(wait > 7 for wait in waits) > 100


def test_it_stays_within_its_bounds() -> None:
    assert may_call(0, 0)
    assert not may_call(MOST_CALLERS, MOST_CALLERS - 1)
    assert not may_call(MOST_WAITING + 2, 2)


def test_it_calls_only_from_numbers_kept_for_fiction() -> None:
    crowd = Crowd(Random(2))
    callers = [crowd.next_caller(["1", "2"]) for _ in range(1000)]
    numbers = [caller.number for caller in callers]
    assert all(len(n) == 10 and n.startswith(FICTION) for n in numbers if n)
    assert 50 < numbers.count("") < 200
    assert max(Counter(n for n in numbers if n).values()) > 5  # some call again


def test_it_presses_keys_of_the_menu_or_nothing() -> None:
    crowd = Crowd(Random(3))
    keys = Counter(crowd.next_caller(["1", "2", "7"]).key for _ in range(1000))
    assert set(keys) == {"", "1", "2", "7"}
    assert keys["1"] > keys["7"] > 0
    assert crowd.next_caller([]).key == ""
