"""Any hours, any night, any switch: the next change is the next instant with another decision."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from decroche.hotline import DAYS, parse
from decroche.records.events import MICRO
from decroche.records.opening import (
    AUTO,
    CLOSED,
    OPEN,
    SHORT,
    Opening,
    Switch,
    as_instant,
    merged,
)

from .test_opening import LINE

MINUTE = 60 * MICRO

moments = st.integers(0, 24 * 4 - 1)


@st.composite
def texts(draw: st.DrawFn, most: int = 3) -> list[str]:
    """Periods of a day in quarters of an hour, none of them over another."""
    edges = sorted(draw(st.sets(moments, max_size=2 * most)))
    pairs = zip(edges[::2], edges[1::2], strict=False)
    return [f"{b // 4:02}:{b % 4 * 15:02}-{e // 4:02}:{e % 4 * 15:02}" for b, e in pairs]


@st.composite
def openings(draw: st.DrawFn) -> tuple[Opening, int]:
    """A line, its queue with or without hours of its own, switches; and an instant near them."""
    first = draw(st.sampled_from([date(2026, 3, 27), date(2026, 10, 23), date(2026, 12, 23)]))
    toml = LINE
    for table in ("[hours]", *(["[queues.visio.hours]"] if draw(st.booleans()) else [])):
        week = "".join(f"{day} = {draw(texts())!r}\n" for day in DAYS)
        toml += f"{table}\n{week}".replace("'", '"')
        days = [first + timedelta(days=draw(st.integers(0, 4))) for _ in range(2)]
        toml += f"closed = [{days[0]}]\n"
        toml += f"open = {[f'{days[1]} {one}' for one in draw(texts(1))]}\n".replace("'", '"')
        toml += draw(st.sampled_from(["", 'holidays = "FR"\non_holidays = ["10:00-12:00"]\n']))
    begin = as_instant(datetime.combine(first, time(), UTC))
    switches: Mapping[str, Switch] = {
        place: Switch(state, begin + since * MINUTE, begin + (since + length) * MINUTE)
        for place, state, since, length in draw(
            st.lists(
                st.tuples(
                    st.sampled_from(["", "visio"]),
                    st.sampled_from([OPEN, SHORT, CLOSED, AUTO]),
                    st.integers(0, 4000),
                    st.integers(1, 3000),
                ),
                max_size=2,
            )
        )
    }
    return Opening(parse(toml), switches), begin + draw(st.integers(0, 4000)) * MINUTE


@given(openings(), st.sampled_from(["", "demarches", "visio"]))
def test_the_next_change_is_the_next_instant_at_which_the_decision_is_another(
    made: tuple[Opening, int], queue: str
) -> None:
    line, here = made
    state, change = line.state(here, queue), line.next_change(here, queue)
    end = here + 3 * 24 * 60 * MINUTE if change is None else change
    for moment in range(here, min(end, here + 3 * 24 * 60 * MINUTE), 15 * MINUTE):
        assert line.state(moment, queue) == state
    if change is not None:
        assert change > here
        assert line.state(change, queue) != state
        assert line.state(change - 1, queue) == state


@given(openings(), st.integers(0, 300), st.sampled_from(["", "visio"]))
def test_what_is_remembered_of_the_next_change_is_what_would_be_found(
    made: tuple[Opening, int], minutes: int, queue: str
) -> None:
    line, here = made
    line.next_change(here, queue)
    later = here + minutes * MINUTE
    assert line.state(later, queue) == Opening(line.hotline, line.switches).state(later, queue)
    assert line.next_change(later, queue) == Opening(line.hotline, line.switches).next_change(
        later, queue
    )


@given(st.lists(st.tuples(moments, moments), max_size=6), moments)
def test_merged_periods_cover_what_they_covered(pairs: list[tuple[int, int]], moment: int) -> None:
    found = [(time(b // 4, b % 4 * 15), time(e // 4, e % 4 * 15)) for b, e in pairs if b < e]
    whole = list(merged(found))
    here = time(moment // 4, moment % 4 * 15)
    assert any(b <= here < e for b, e in found) == any(
        b <= here and (e is None or here < e) for b, e in whole
    )
    assert all(
        one[1] is not None and one[1] < two[0] for one, two in zip(whole, whole[1:], strict=False)
    )
