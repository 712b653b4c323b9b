"""Durations that are counted: quantiles, limits, and what buckets may change."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decroche.records.spread import Spread, bucket

TIMES = st.lists(st.integers(0, 9000), max_size=60)
SHARES = st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0])


def spread(times: Sequence[int]) -> Spread:
    found = Spread()
    for seconds in times:
        found.add(seconds)
    return found


@given(TIMES, SHARES)
def test_a_quantile_is_that_of_the_sorted_list(times: list[int], share: float) -> None:
    ranked = sorted(times)
    wanted = ranked[min(len(times) - 1, int(len(times) * share))] if times else None
    assert spread(times).quantile(share) == wanted


@given(TIMES, SHARES)
def test_in_buckets_a_quantile_is_off_by_less_than_a_width(times: list[int], share: float) -> None:
    exact, coarse = spread(times), spread(times).coarse()
    was, found = exact.quantile(share), coarse.quantile(share)
    assert found == (None if was is None else bucket(was))
    if was is not None and found is not None:
        width = next((w for edge, w in ((60, 1), (600, 5), (3600, 30)) if was <= edge), 300)
        assert 0 <= found - was < width


@given(TIMES, st.integers(1, 120))
def test_in_buckets_counts_up_to_every_allowed_limit_are_exact(times: list[int], n: int) -> None:
    limit = 5 * n  # what hotline.toml allows: 5, 10 ... 600
    exact, coarse = spread(times), spread(times).coarse()
    assert exact.within(limit) == coarse.within(limit) == sum(t <= limit for t in times)
    assert (exact.count, exact.total, exact.mean) == (coarse.count, coarse.total, coarse.mean)


@given(TIMES, TIMES)
def test_two_add_up(first: list[int], second: list[int]) -> None:
    both = spread(first)
    both.merge(spread(second))
    assert both == spread(first + second)
    listed = Spread()
    listed.extend(first + second)
    assert listed == both
    coarse = spread(first).coarse()
    coarse.merge(spread(second).coarse())
    assert coarse == both.coarse() == both.coarse().coarse()


@pytest.mark.parametrize(
    ("seconds", "edge"),
    [(0, 0), (59, 59), (60, 60), (61, 65), (600, 600), (601, 630), (3601, 3900)],
)
def test_a_bucket_is_named_by_its_upper_edge(seconds: int, edge: int) -> None:
    assert bucket(seconds) == edge
