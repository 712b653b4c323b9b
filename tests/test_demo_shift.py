"""The agents of the demonstration come, take pauses and come back."""

from random import Random

from decroche.asterisk.conductor import (
    AGAIN,
    LENGTH,
    MOST_PAUSES,
    Shift,
    call_back,
    next_to_dial,
    send_on_break,
)

NAMES = ("annabelle", "driss", "ines")
AWAY = dict.fromkeys(NAMES, "away")


def shifts() -> dict[str, Shift]:
    return {name: Shift() for name in NAMES}


def test_everybody_dials_once_even_if_they_seem_to_be_there() -> None:
    all_of_them = shifts()
    there = dict.fromkeys(NAMES, "available")
    dialled = []
    while name := next_to_dial(all_of_them, there, (), 1.0):
        all_of_them[name].told = "available"
        dialled.append(name)
    assert dialled == list(NAMES)


def test_a_code_that_changed_nothing_is_dialled_again_later() -> None:
    one = {"ines": Shift(told="available", dialled=10.0)}
    assert next_to_dial(one, AWAY, (), 10.0 + AGAIN) == ""
    assert next_to_dial(one, AWAY, (), 10.1 + AGAIN) == "ines"


def test_nobody_dials_in_the_middle_of_a_talk_or_without_being_on_the_line() -> None:
    assert next_to_dial(shifts(), AWAY, NAMES, 1.0) == ""
    assert next_to_dial(shifts(), {}, (), 1.0) == ""


def test_only_some_idle_agents_are_out_at_once() -> None:
    all_of_them = shifts()
    for _ in range(10):
        send_on_break(all_of_them, {"driss"}, 5.0, Random(1))
    out = [name for name, shift in all_of_them.items() if shift.wanted != "available"]
    assert len(out) == min(MOST_PAUSES, 2) and "driss" not in out


def test_a_pause_ends() -> None:
    all_of_them = shifts()
    send_on_break(all_of_them, (), 5.0, Random(1))
    call_back(all_of_them, 5.0 + LENGTH[0] - 0.1)
    assert any(shift.back for shift in all_of_them.values())
    call_back(all_of_them, 5.0 + LENGTH[1])
    assert all(shift == Shift() for shift in all_of_them.values())
