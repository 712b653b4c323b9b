"""Who may ring: the table of cases, run against the pure core. What it means: cases.py."""

import pytest

from decroche import hotline
from decroche.records import opening

from .cases import LINE, QUEUES, Case, read

CASES = [pytest.param(case, id=f"line {case.line}") for case in read("cases.txt")]
WITH_HOURS = [pytest.param(case, id=f"line {case.line}") for case in read("cases_hours.txt")]
DAYS = """
[hours]
monday = ["09:00-12:30", "14:00-18:00"]
tuesday = ["09:00-18:00"]
wednesday = ["09:00-18:00"]
friday = ["09:00-18:00"]
holidays = "FR"
closed = [2026-12-22]
open = ["2026-12-25 09:00-12:00"]
"""


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 300
    assert sum(case.live for case in read("cases.txt")) >= 30


@pytest.mark.parametrize("case", CASES)
def test_it_rings_as_the_table_says(case: Case) -> None:
    at = int(case.when.timestamp() * 1_000_000)
    rung = case.rung() if opening.Opening(LINE).is_open(at) else "closed"
    assert rung == case.rings


@pytest.mark.parametrize("case", WITH_HOURS)
def test_it_rings_as_hours_holidays_and_the_switch_say(case: Case) -> None:
    line = hotline.parse('[line]\nname = "Essai"\n' + DAYS + QUEUES)
    at = int(case.when.timestamp() * 1_000_000)
    said = {"": opening.Switch(case.switch, at - 1, at + 1)} if case.switch != "-" else {}
    is_open = opening.Opening(line, said).is_open(at, case.queue)
    assert (case.rung() if is_open else "closed") == case.rings
