"""Who is in a sample, for small sets of rows: out is out for good, and limits are exact."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ingest.sampling import Allocation, Balanced, Stratified
from ingest.sampling.order import Identities, order_by_key
from ingest.sampling.places import Places, first_places

SHARES = st.sampled_from([{}, {0: 1 / 3, 1: 2 / 6}, {1: 3.0}, {0: 0.1, 2: 0.3}])
CAPS = st.none() | st.integers(1, 4)
BALANCED = st.builds(Balanced, st.just("by"), CAPS, SHARES)
STRATIFIED = st.builds(Stratified, st.just("by"), st.integers(1, 3))


@dataclass(frozen=True)
class Small:
    """A few rows, which are numbers; keys may be equal."""

    keys: NDArray[np.float64]
    strata: NDArray[np.int64]
    sizes: NDArray[np.int64] | None
    allocation: Allocation | None
    bounds: tuple[int, float]

    def sampled(self, rows: list[int]) -> tuple[list[int], list[float], list[int]]:
        """The sample of some rows, the limits, and all that is to be remembered."""
        offered = np.array(rows, np.int64)
        same = np.zeros(len(rows), np.int32)
        keys = self.keys[offered]
        there = offered[order_by_key(keys, Identities(same, same, offered))]
        found = self.places(there)
        held = there[np.concatenate([found.inside, found.outside])]
        return there[found.inside].tolist(), found.limits.tolist(), held.tolist()

    def places(self, there: NDArray[np.int64]) -> Places:
        sizes = None if self.sizes is None else self.sizes[there]
        strata = None if self.allocation is None else self.strata[there]
        return first_places(self.keys[there], strata, self.bounds, self.allocation, sizes)


@st.composite
def small(draw, distinct: bool = False) -> Small:
    count = draw(st.integers(0, 8))
    numbers = st.lists(st.integers(0, 2), min_size=count, max_size=count)
    keys = draw(st.permutations(range(count)) if distinct else numbers)
    strata = draw(numbers)
    sizes = draw(st.none() | st.lists(st.sampled_from([1, 5, 40]), min_size=count, max_size=count))
    allocation = draw(st.none() | BALANCED | (STRATIFIED if sizes is None else BALANCED))
    bounds = draw(st.integers(1, 9)), np.inf if sizes is None else draw(st.integers(1, 150))
    whole = None if sizes is None else np.array(sizes, np.int64)
    return Small(np.array(keys, float), np.array(strata, np.int64), whole, allocation, bounds)


@settings(deadline=None, max_examples=400)
@given(small(), st.data())
def test_what_is_forgotten_would_never_have_come_in(rows: Small, data) -> None:
    """Rows come one by one, in any order and some twice; or in two samplers that are merged."""
    everyone = list(range(len(rows.keys)))
    order = data.draw(st.permutations(everyone))
    expected = rows.sampled(everyone)[:2]
    held: list[int] = []
    for row in [*order, *order[:2]]:
        held = rows.sampled([*held, row])[2]
    assert rows.sampled(held)[:2] == expected
    place = data.draw(st.integers(0, len(order)))
    left, right = (rows.sampled(part)[2] for part in (order[:place], order[place:]))
    assert rows.sampled([*right, *left])[:2] == expected


@settings(deadline=None, max_examples=300)
@given(small(distinct=True))
def test_a_row_is_in_if_its_key_is_below_its_limit(rows: Small) -> None:
    """With the keys of all others as they are: what its chance is made of."""
    everyone = list(range(len(rows.keys)))
    inside, limits, _ = rows.sampled(everyone)
    for row, limit in zip(inside, limits, strict=True):
        own = rows.keys[row]
        for key in np.arange(-0.5, len(everyone)):
            rows.keys[row] = key
            assert (row in rows.sampled(everyone)[0]) == (key < limit)
        rows.keys[row] = own


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 4)), max_size=12))
def test_ties_go_by_identity_and_of_the_same_row_the_first_stays(rows) -> None:
    topic, offset = (np.array([row[at] for row in rows], np.int64) for at in (0, 1))
    keys = np.array([offset % 2 + 7 * (offset == 4) for _, offset in rows], float)
    who = Identities(topic.astype(np.int32), np.zeros(len(rows), np.int32), offset)
    expected = sorted(set(rows), key=lambda row: (keys[rows.index(row)], *row))
    assert order_by_key(keys, who).tolist() == [rows.index(row) for row in expected]


@settings(deadline=None, max_examples=300)
@given(small())
def test_bounds_hold(rows: Small) -> None:
    inside = rows.sampled(list(range(len(rows.keys))))[0]
    places, most = rows.bounds
    assert len(inside) <= places
    if rows.sizes is not None:
        assert rows.sizes[inside].sum() <= most
    if isinstance(rows.allocation, Balanced) and rows.allocation.cap is not None:
        assert np.bincount(rows.strata[inside], minlength=1).max() <= rows.allocation.cap


def test_strata_get_the_same_part_of_the_bytes() -> None:
    """A class of large rows and a class of small ones."""
    count = 4_000
    strata = np.arange(count) % 2
    rows = Small(
        np.random.default_rng(0).random(count),
        strata,
        np.where(strata == 0, 1_000, 50),
        Balanced("by"),
        (1_000, 200_000),
    )
    inside = np.array(rows.sampled(list(range(count)))[0])
    found = np.bincount(strata[inside])
    assert found.tolist() == [100, 500]  # half of the bytes; half of the places
