"""The sample of timestamps: the same however the records came, and close to all of them."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import EventTimes, RecordBatch
from ingest.event_times import CAPACITY, EARLIEST_MS, TimeSampler
from millstream.testing import run_workers

NOW = 1_700_000_000_000
SHARES = (0.05, 0.5, 0.95)


def batch(partition: int, offsets: np.ndarray, times: np.ndarray) -> RecordBatch:
    none = np.full(len(offsets), -1)
    spans = (np.zeros_like(none), none, np.zeros_like(none), none)
    return RecordBatch("t", partition, offsets, times, *spans, np.empty(0, np.uint8))


def sampled(batches: list[RecordBatch]) -> EventTimes:
    sampler = TimeSampler(seed=3)
    for one in batches:
        sampler.add(one)
    return sampler.read()


def stream(partition: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    offsets = np.arange(count)
    return offsets, NOW + (partition + 1) * offsets**2 % 1_000_003


def cut(partition: int, count: int, cuts: list[int]) -> list[RecordBatch]:
    offsets, times = stream(partition, count)
    bounds = [0, *sorted({c for c in cuts if 0 < c < count}), count]
    return [
        batch(partition, offsets[a:b], times[a:b]) for a, b in itertools.pairwise(bounds) if b > a
    ]


def same(one: EventTimes, other: EventTimes) -> bool:
    counts = (one.records, one.without) == (other.records, other.without)
    columns = np.array_equal(one.times, other.times) and np.array_equal(
        np.sort(one.places), np.sort(other.places)
    )
    return counts and columns


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(1, 9_000), max_size=12), order=st.randoms())
def test_the_sample_does_not_depend_on_how_the_records_came(cuts, order):
    batches = [*cut(0, 9_000, cuts), *cut(1, 500, cuts)]
    whole = sampled([*cut(0, 9_000, []), *cut(1, 500, [])])
    order.shuffle(batches)
    assert same(sampled(batches), whole)
    assert len(whole.times) == CAPACITY
    assert whole.records == 9_500


def test_few_records_have_exact_quantiles():
    times = NOW + np.array([0, 10, 20, 30, 1_000])
    found = sampled([batch(0, np.arange(5), times)])
    assert found.quantiles((0.0, 0.5, 1.0)) == [NOW, NOW + 20, NOW + 1_000]


def test_quantiles_of_many_records_are_close_in_rank():
    offsets = np.arange(300_000)
    times = NOW + np.random.default_rng(1).lognormal(8, 2, len(offsets)).astype(np.int64)
    found = sampled(
        [
            batch(0, offsets[i : i + 50_000], times[i : i + 50_000])
            for i in range(0, 300_000, 50_000)
        ]
    )
    ranks = [np.mean(times <= at) for at in found.quantiles(SHARES)]
    # Three standard deviations of a rank in a sample of 4,096.
    np.testing.assert_allclose(ranks, SHARES, atol=3 * np.sqrt(0.25 / CAPACITY))


def test_clocks_that_tell_no_time_are_counted_apart():
    seconds = NOW // 1000
    times = np.array([-1, 0, seconds, EARLIEST_MS - 1, EARLIEST_MS, NOW])
    found = sampled([batch(0, np.arange(6), times)])
    assert (found.records, found.without) == (2, 4)
    assert found.times.tolist() == [EARLIEST_MS, NOW]
    nothing = sampled([batch(0, np.arange(1), np.array([-1]))])
    assert (nothing.records, nothing.quantiles(SHARES)) == (0, [])


def test_workers_agree_on_the_sample_of_all():
    parts = [cut(p, 5_000, []) for p in range(3)]
    whole = sampled([one for part in parts for one in part])

    def work(workers):
        own = [one for p in range(3) if p % workers.size == workers.rank for one in parts[p]]
        return sampled(own).agreed(workers)

    assert all(same(found, whole) for found in run_workers(2, work))


def test_of_a_large_batch_with_few_times_none_is_lost():
    offsets = np.arange(60_000)
    times = np.where(offsets % 20, -1, NOW + offsets)
    whole = sampled([batch(0, offsets, times)])
    pieces = [batch(0, part, times[part]) for part in np.split(offsets, 40)]
    assert same(sampled(pieces), whole)
    assert (whole.records, whole.without) == (3_000, 57_000)
    assert len(whole.times) == 3_000
