"""A window that workers read together is the one that a single worker would have had."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import (
    Balanced,
    JsonDecoder,
    PastSettings,
    Position,
    Recent,
    RecordBatch,
    Rows,
    SamplePolicy,
    SampleSettings,
    Stratified,
    Weighted,
    Window,
    WindowBuilder,
    agree_on_window,
)
from millstream.testing import run_workers
from tests.ingest.samples import SCHEMA, ListDeadLetters, encoded

POLICIES = {
    "uniform": SamplePolicy(),
    "weighted": SamplePolicy(Weighted("weight")),
    "recent": SamplePolicy(Recent(seconds=0.1)),
    "balanced": SamplePolicy(allocation=Balanced.of(SCHEMA, "user")),
    "stratified": SamplePolicy(Recent(records=20), Stratified.of(SCHEMA, "city", 5)),
}


def read(chosen: SampleSettings, counts: list[int], own: set[int]) -> Window:
    """The window of some partitions, of which each has its own number of records."""
    start = Position({"a": dict.fromkeys(own, 0)})
    builder = WindowBuilder(SCHEMA, ("a",), JsonDecoder(SCHEMA), ListDeadLetters(), chosen, start)
    for partition in sorted(own):
        if counts[partition]:
            offsets = list(range(counts[partition]))
            numbers = [partition + 7 * offset for offset in offsets]
            values = [b"bad" if n % 11 == 5 else encoded(n) for n in numbers]
            times = [10_000 + n for n in numbers]
            builder.add(RecordBatch.of("a", partition, offsets, values, timestamps=times))
    return builder.cut()


def together(chosen: SampleSettings, counts: list[int], size: int) -> list[Window]:
    def work(workers: object) -> Window:
        own = {p for p in range(len(counts)) if p % size == workers.rank}
        window = read(replace(chosen, shared=True), counts, own)
        return agree_on_window(window, chosen, SCHEMA, workers)

    return run_workers(size, work)


@settings(deadline=None, max_examples=40)
@given(
    policy=st.sampled_from(sorted(POLICIES)),
    counts=st.lists(st.integers(0, 90), min_size=1, max_size=6),
    size=st.integers(1, 4),
    window=st.integers(1, 120),
)
def test_the_parts_are_those_of_one_sample(policy, counts, size, window):
    past = PastSettings(rows=30, policy=POLICIES[policy], holdout_rows=9)
    chosen = SampleSettings(3, window, 0.3, 8, POLICIES[policy], past)
    whole = read(chosen, counts, set(range(len(counts))))
    parts = together(chosen, counts, size)
    for side in ("train", "validation", "test"):
        found = Rows.concat([getattr(part, side) for part in parts])
        assert found.sorted_by_identity() == getattr(whole, side), side
    order = np.argsort([p for part in parts for p in part.train.partition], kind="stable")
    weights = np.concatenate([part.train_weights for part in parts])[order]
    assert weights.tolist() == whole.train_weights.tolist()
    for part in parts:
        assert (part.start, part.end, part.gaps) == (whole.start, whole.end, whole.gaps)
        assert (part.counts, part.candidates) == (whole.counts, ())
        assert part.first_timestamp == whole.first_timestamp
        assert part.last_timestamp == whole.last_timestamp


def test_a_worker_without_partitions_has_a_part_without_rows():
    parts = together(SampleSettings(3, 10), [40], 3)
    assert [len(part.train) for part in parts] == [10, 0, 0]
    assert {part.counts.seen for part in parts} == {40}


def test_a_window_of_a_single_worker_tells_no_candidates():
    assert read(SampleSettings(3, 10), [40], {0}).candidates == ()
