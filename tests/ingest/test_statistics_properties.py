"""Running statistics: any cut, any order, any magnitude, and each bit kept."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest import Statistics
from ingest.statistics.counts import Tally
from ingest.statistics.moments import Moments
from ingest.statistics.quantiles import MOST, RELATIVE_ERROR, QuantileSketch

from .statistics_samples import MIXED, SCHEMA, finite, make_rows, of_numbers, ordinary, text

TINY = 2.0**-1022
MANY = st.lists(ordinary, min_size=1, max_size=60)
WILD = st.lists(finite, min_size=1, max_size=60)
WEIGHTS = st.lists(st.integers(0, 5), min_size=60, max_size=60)


def parts_of(values: list[float], cuts: list[int]) -> list[Statistics]:
    places = sorted({0, len(values), *(cut % (len(values) + 1) for cut in cuts)})
    return [of_numbers(values[a:b]) for a, b in pairwise(places)]


@given(MANY, st.lists(st.integers(0, 60), max_size=6), st.randoms(use_true_random=False))
def test_any_cut_in_any_order_is_the_whole(values, cuts, random) -> None:
    whole, parts = of_numbers(values), parts_of(values, cuts)
    random.shuffle(parts)
    merged = of_numbers([])
    for part in parts:
        merged = merged.merged(part)
    scale = max(map(abs, values)) or 1.0
    assert merged.mean("x") == pytest.approx(whole.mean("x"), rel=1e-9, abs=1e-12 * scale)
    assert merged.variance("x") == pytest.approx(whole.variance("x"), rel=1e-9, abs=1e-12 * scale)
    assert merged.parts["x"].sketch == whole.parts["x"].sketch
    assert merged.parts["code"] == whole.parts["code"]
    assert (merged.minimum("x"), merged.maximum("x")) == (min(values), max(values))
    assert (merged.rows, merged.weight) == (len(values), float(len(values)))


@given(WILD)
@example([0.0, -0.0])
@example([5e-324, -5e-324, 0.0])
@example([TINY, -TINY])
@example([1.7e308, -1.7e308])
@example([1e300] * 7)
@example([0.1] * 3)
def test_numbers_of_any_size_keep_the_promises(values: list[float]) -> None:
    found = of_numbers(values)
    low, high = min(values), max(values)
    assert low <= found.mean("x") <= high
    assert 0 <= found.variance("x") < np.inf
    if low == high:
        assert (found.mean("x"), found.variance("x")) == (low, 0)
    true = np.sort(values)
    apart = np.abs(found.quantile("x", (np.arange(len(values)) + 0.5) / len(values)) - true)
    assert (apart <= RELATIVE_ERROR * np.abs(true) + TINY).all()
    text(found.merged(found))


@given(MANY, WEIGHTS)
def test_a_weight_counts_as_that_many_repetitions(values, counts) -> None:
    times = np.array(counts[: len(values)])
    weighted = of_numbers(values, times.astype(np.float64))
    repeated = of_numbers(np.repeat(values, times).tolist())
    assert weighted.parts["x"].sketch == repeated.parts["x"].sketch
    assert weighted.parts["code"] == repeated.parts["code"]
    assert weighted.weight == repeated.weight
    assert weighted.mean("x") == pytest.approx(repeated.mean("x"), rel=1e-9, abs=1e-6)
    assert weighted.variance("x") == pytest.approx(repeated.variance("x"), rel=1e-9, abs=1e-6)
    if times.any():
        assert weighted.minimum("x") == repeated.minimum("x")
        assert weighted.maximum("x") == repeated.maximum("x")


@given(WILD, st.lists(st.floats(1e-3, 1e3), min_size=60, max_size=60), st.floats(0, 1))
def test_a_state_is_kept_bit_for_bit(values, weights, decay) -> None:
    some = np.array(weights[: len(values)])
    kept = of_numbers(values, some)
    kept = kept.merged(kept)._scaled(decay) if decay else kept
    again = Statistics.from_json(json.loads(text(kept)), MIXED)
    assert text(again) == text(kept)
    more = of_numbers(values[::-1], some)
    assert text(again.merged(more)) == text(kept.merged(more))


@settings(max_examples=10)
@given(st.integers(0, 200), st.integers(0, 2**32 - 1))
def test_every_kind_of_field_is_kept_bit_for_bit(count: int, seed: int) -> None:
    kept = Statistics.empty(SCHEMA).updated(make_rows(count, seed))
    assert text(Statistics.from_json(json.loads(text(kept)), SCHEMA)) == text(kept)


@given(WILD, WILD)
def test_sketch_and_counts_are_the_same_bits_whichever_is_first(one, other) -> None:
    first, second = of_numbers(one), of_numbers(other)
    for name, part in (("x", "sketch"), ("code", None)):
        ab, ba = first.merged(second).parts[name], second.merged(first).parts[name]
        assert (getattr(ab, part) == getattr(ba, part)) if part else (ab == ba)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(2, 7))
def test_collapsing_parts_is_collapsing_the_whole(seed: int, parts: int) -> None:
    random = np.random.default_rng(seed)
    values = random.choice([-1, 1], 9000) * 2.0 ** random.uniform(-100, 100, 9000)
    ones = np.ones(len(values))
    whole = QuantileSketch.of(values, ones)
    merged = QuantileSketch.empty()
    for part in random.permutation(parts):
        chosen = values[part::parts]
        merged = merged.merged(QuantileSketch.of(chosen, ones[: len(chosen)]))
    assert merged == whole
    signs = np.sign(whole.buckets.numbers)
    assert (signs > 0).sum() == (signs < 0).sum() == MOST
    assert whole.buckets.total == len(values)
    top = np.quantile(values, 0.99, method="inverted_cdf")
    assert whole.quantiles(np.array([0.99]))[0] == pytest.approx(top, rel=RELATIVE_ERROR)


@given(st.lists(st.integers(-(2**40), 2**40), max_size=50), st.data())
def test_a_tally_adds_up(numbers: list[int], data: st.DataObject) -> None:
    weights = data.draw(st.lists(st.integers(1, 9), min_size=len(numbers), max_size=len(numbers)))
    found = Tally.of(np.array(numbers, np.int64), np.array(weights, np.float64))
    expected: dict[int, int] = {}
    for number, weight in zip(numbers, weights, strict=True):
        expected[number] = expected.get(number, 0) + weight
    assert dict(zip(found.numbers.tolist(), found.weights.tolist(), strict=True)) == expected
    assert found.numbers.tolist() == sorted(expected)


def test_the_variance_of_close_numbers_far_from_zero_does_not_cancel() -> None:
    random = np.random.default_rng(0)
    values = 1e9 + random.normal(size=10_000)
    parts = np.array_split(values, 7)
    merged = Moments.empty(())
    for part in parts:
        merged = merged.merged(Moments.of(part, np.ones(len(part))))
    assert merged.variance == pytest.approx(values.var(), rel=1e-6)
    assert (values**2).mean() - values.mean() ** 2 != pytest.approx(values.var(), rel=1e-1)


def test_the_mean_of_the_ends_of_float64_is_between_them() -> None:
    ends = [1.7e308, -1.7e308, 1.7e308, -1.7e308]
    assert abs(of_numbers(ends).mean("x")) < 1e300
    assert abs(of_numbers(ends[:1]).merged(of_numbers(ends[1:2])).mean("x")) < 1e300
    thrice = of_numbers(ends[:1]).merged(of_numbers(ends[1:2] * 3))
    assert thrice.mean("x") == pytest.approx(-0.85e308)
