"""Statistics with fixed seeds; each test fails by chance for 1 in 10,000 choices of seeds."""

import itertools
import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ingest import (
    TEST,
    TRAIN,
    VALIDATION,
    Gap,
    JsonDecoder,
    Position,
    PositionError,
    RecordBatch,
    SampleSettings,
    WindowBuilder,
    split,
)
from ingest.errors import SettingsError
from tests.ingest.samples import SCHEMA, TOPICS, ListDeadLetters, encoded

CHANCE = 1e-4
SETTINGS = SampleSettings(seed=3, window=25, holdout=0.3, holdout_rows=8)
PARTITIONS = [("a", 0), ("a", 1), ("b", 0)]
START = Position({"a": {0: 0, 1: 0}, "b": {0: 0}})


def builder(start=START, letters=None, **changed):
    return WindowBuilder(
        schema=SCHEMA,
        topics=TOPICS,
        decoder=JsonDecoder(SCHEMA),
        dead_letters=letters or ListDeadLetters(),
        settings=replace(SETTINGS, **changed),
        start=start,
    )


def value(partition, offset):
    number = PARTITIONS.index(partition) + 3 * offset
    return b"bad" if number % 11 == 5 else encoded(number)


def stream(partition, count=60):
    """Offsets of one partition, with holes as compaction and transactions leave them."""
    return [offset for offset in range(count) if offset % 7 != 3]


def batch(partition, offsets):
    values = [value(partition, offset) for offset in offsets]
    return RecordBatch.of(*partition, offsets, values, timestamps=[10_000 - o for o in offsets])


def same(one, two):
    fields = ("start", "end", "gaps", "counts", "train", "validation", "test")
    times = ("first_timestamp", "last_timestamp")
    return all(getattr(one, name) == getattr(two, name) for name in (*fields, *times))


def whole(**changed):
    made = builder(**changed)
    for partition in PARTITIONS:
        made.add(batch(partition, stream(partition)))
    return made.build()


@st.composite
def deliveries(draw):
    """The same records, cut into batches at will and interleaved over partitions at will."""
    queues = []
    for partition in PARTITIONS:
        offsets = stream(partition)
        cuts = sorted(draw(st.sets(st.integers(1, len(offsets) - 1), max_size=8)))
        bounds = [0, *cuts, len(offsets)]
        pieces = itertools.pairwise(bounds)
        queues.append([(partition, offsets[low:high]) for low, high in pieces])
    order = []
    while any(queues):
        queue = draw(st.sampled_from([queue for queue in queues if queue]))
        order.append(queue.pop(0))
    return order


@settings(deadline=None, max_examples=60)
@given(deliveries(), st.booleans())
def test_a_window_does_not_depend_on_how_its_records_came(order, advancing):
    made = builder()
    for partition, offsets in order:
        made.add(batch(partition, offsets))
        if advancing:
            made.advance(Position({partition[0]: {partition[1]: offsets[-1] + 1}}))
    assert same(made.build(), whole())


def test_every_record_is_counted_once():
    letters = ListDeadLetters()
    made = builder(letters=letters)
    for partition in PARTITIONS:
        made.add(batch(partition, stream(partition)))
    window = made.build()
    counts, names = window.counts, [(*p, o) for p in PARTITIONS for o in stream(p)]
    bad = [name for name in names if value(name[:2], name[2]) == b"bad"]
    sides = [
        int(split(3, [topic], 0, partition, [offset], 0.3)[0])
        for topic, partition, offset in names
        if (topic, partition, offset) not in bad
    ]
    assert counts.seen == len(names)
    assert (counts.bad, counts.kinds) == (len(bad), {"not_json": len(bad)})
    assert counts.train == sides.count(TRAIN)
    assert counts.validation == sides.count(VALIDATION)
    assert counts.test == sides.count(TEST)
    assert sorted(sent[:3] for sent in letters.sent) == sorted(bad)
    assert (len(window.train), len(window.validation), len(window.test)) == (25, 8, 8)
    assert window.start == START
    assert window.end == Position({"a": {0: 59, 1: 59}, "b": {0: 59}})
    assert (window.first_timestamp, window.last_timestamp) == (10_000 - 58, 10_000)
    assert json.loads(json.dumps(asdict(counts)))["seen"] == len(names)


def test_the_three_samples_never_share_a_record():
    window = whole(window=10_000, holdout_rows=10_000)
    names = [
        {tuple(identity.tolist()) for identity in rows.identities()}
        for rows in (window.train, window.validation, window.test)
    ]
    assert all(names)
    assert sum(map(len, names)) == len(set.union(*names)) == window.counts.seen - window.counts.bad


def test_rows_carry_the_values_of_their_own_record():
    window = whole(window=10_000)
    for rows in (window.train, window.validation, window.test):
        for at in range(len(rows)):
            topic = rows.topics[rows.topic[at]]
            partition, offset = int(rows.partition[at]), int(rows.offset[at])
            number = PARTITIONS.index((topic, partition)) + 3 * offset
            assert rows.columns["count"][at] == number
            assert rows.timestamp[at] == 10_000 - offset


def test_windows_follow_each_other_without_gap_or_overlap():
    made, windows = builder(), []
    for low in range(0, 60, 10):
        for partition in PARTITIONS:
            made.add(batch(partition, [o for o in stream(partition) if low <= o < low + 10]))
        windows.append(made.cut())
    assert windows[0].start == START
    for one, two in itertools.pairwise(windows):
        assert one.end == two.start
    assert sum(window.counts.seen for window in windows) == whole().counts.seen
    assert made.build().counts.seen == 0


def test_records_are_never_counted_twice():
    made = builder()
    made.add(batch(("a", 0), [0, 1, 2]))
    before = made.build()
    with pytest.raises(PositionError, match=r"a\[0\]: expected an offset from 3 on, got 2"):
        made.add(batch(("a", 0), [2, 4]))
    with pytest.raises(PositionError, match="never goes back"):
        made.advance(Position({"a": {0: 2}}))
    with pytest.raises(PositionError, match="never goes back"):
        made.add_gap(Gap("a", 0, 2, 9))
    assert same(made.build(), before)


def test_positions_move_over_holes_and_gaps():
    made = builder()
    made.add_all([batch(("a", 0), [50, 51]), batch(("a", 1), [4])], [Gap("a", 0, 5, 50)])
    made.advance(Position({"a": {0: 55, 1: 5}}))
    window = made.cut()
    assert window.end == Position({"a": {0: 55, 1: 5}, "b": {0: 0}})
    assert window.gaps == (Gap("a", 0, 5, 50),)
    assert made.build().gaps == ()


def test_batches_and_gaps_of_one_poll_are_taken_in_order():
    made = builder()
    made.add_all([batch(("a", 0), [60]), batch(("a", 0), [1])], [Gap("a", 0, 2, 60)])
    assert made.build().end.get("a", 0) == 61


def test_a_partition_that_appears_begins_at_0():
    made = builder()
    made.add(RecordBatch.of("b", 7, [0, 1], [encoded(1), encoded(2)]))
    made.advance(Position({"b": {8: 0}}))
    window = made.build()
    assert window.start == Position({"a": {0: 0, 1: 0}, "b": {0: 0, 7: 0, 8: 0}})
    assert {(r.topic, r.partition, r.start, r.end) for r in window.start.ranges_to(window.end)} == {
        ("a", 0, 0, 0), ("a", 1, 0, 0), ("b", 0, 0, 0), ("b", 7, 0, 2), ("b", 8, 0, 0),
    }  # fmt: skip


def test_a_window_without_records():
    window = builder().build()
    assert (window.counts.seen, len(window.train)) == (0, 0)
    assert (window.first_timestamp, window.last_timestamp) == (None, None)


def test_records_without_timestamps_have_no_say_in_the_times():
    made = builder()
    made.add(RecordBatch.of("a", 0, [0, 1], [encoded(1)] * 2, timestamps=[-1, 500]))
    assert (made.build().first_timestamp, made.build().last_timestamp) == (500, 500)


def test_a_cut_delivers_dead_letters_first():
    letters = ListDeadLetters()
    made = builder(letters=letters)
    made.add(RecordBatch.of("a", 0, [0], [b"bad"]))
    assert letters.delivered == 0
    made.cut()
    assert letters.delivered == 1
    letters.fail_flush = RuntimeError("not delivered")
    made.add(RecordBatch.of("a", 0, [1], [encoded(1)]))
    with pytest.raises(RuntimeError, match="not delivered"):
        made.cut()
    letters.fail_flush = None
    assert made.cut().counts.seen == 1


@pytest.mark.parametrize("changed", [{"holdout": 1.0}, {"holdout": -0.1}, {"window": 0}])
def test_settings_outside_their_range_are_refused(changed):
    with pytest.raises(SettingsError, match="sample"):
        replace(SETTINGS, **changed)


def test_each_training_record_is_in_the_window_equally_often():
    """Windows of 1,000 seeds over the same 120 records: chi-square over the records."""
    values = [encoded(n) for n in range(120)]
    records = RecordBatch.of("a", 0, range(120), values)
    found, eligible = np.zeros(120), np.zeros(120)
    for seed in range(1_000):
        made = builder(seed=seed, window=30, holdout=0.2)
        made.add(records)
        window = made.build()
        found[window.train.offset] += 1
        eligible += split(seed, TOPICS, 0, 0, records.offsets, 0.2) == TRAIN
    # About 96 of 120 are on the training side and 30 of these are sampled.
    expected = found.sum() / 120
    statistic = ((found - expected) ** 2).sum() / (expected * (1 - 30 / 120)) * 119 / 120
    assert found.sum() == 30_000
    assert CHANCE / 2 < stats.chi2.sf(statistic, 119) < 1 - CHANCE / 2
    assert abs(eligible.mean() / 1_000 - 0.8) < 0.01
