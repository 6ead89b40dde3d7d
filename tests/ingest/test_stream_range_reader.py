import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import Gap, MissingOffsets, Position, RecordBatch
from ingest.stream.block import cut
from ingest.stream.merge import merge
from ingest.stream.range_reader import RangeReader
from tests.ingest.samples import MemorySource

MANY = 1 << 20


def texts(lengths, size=lambda offset: 10 + offset % 5):
    return {
        ("a", part): [(offset, bytes([part]) * size(offset)) for offset in range(length)]
        for part, length in enumerate(lengths)
    }


def names(batches):
    return [
        (batch.partition, int(batch.offsets[i]), batch.value(i))
        for batch in batches
        for i in range(len(batch))
    ]


def read_all(records, rows, budget=None, most=7, hold=MANY):
    """All blocks of records in memory: where each ends, and its records."""
    source = MemorySource(records, most=most)
    reader = RangeReader(source, lambda _: True, hold, stall_s=5.0)
    at, end, found = source.beginning(), source.end(), []
    while at != end:
        at, batches = reader.read(at, cut(at, end, rows), budget)
        found.append((at, names(batches)))
    return found, source


lengths = st.lists(st.integers(0, 60), min_size=1, max_size=4).filter(any)


@settings(deadline=None)
@given(lengths, st.integers(1, 40), st.integers(1, 20), st.one_of(st.none(), st.integers(1, 300)))
def test_every_record_once_in_order_and_the_cuts_do_not_depend_on_polls(lens, rows, most, budget):
    records = texts(lens)
    blocks, _ = read_all(records, rows, budget, most)
    found = [name for _, block in blocks for name in block]
    expected = [(part, *item) for (_, part), items in records.items() for item in items]
    assert sorted(found) == expected
    for part in range(len(lens)):
        assert [name[1] for name in found if name[0] == part] == list(range(lens[part]))
    assert all(block == sorted(block) for _, block in blocks)
    assert read_all(records, rows, budget, most=1000)[0] == blocks
    assert read_all(records, rows, budget, most, hold=max(30, budget or 0))[0] == blocks


def test_a_block_has_no_more_bytes_than_its_budget_but_for_one_large_record():
    records = texts([30, 30], size=lambda offset: 500 if offset == 4 else 20)
    blocks, _ = read_all(records, 1000, budget=400)
    for _, block in blocks:
        for part in (0, 1):
            sizes = [len(value) for number, _, value in block if number == part]
            assert sum(sizes) <= 200 or len(sizes) == 1


def test_what_comes_too_early_is_let_go_and_read_again():
    records = texts([200, 200])

    class Uneven(MemorySource):
        """Gives nothing of partition 1 in the first polls."""

        def poll(self, timeout_s):
            batches = super().poll(timeout_s)
            if self.polls < 10:
                self._at["a", 1] = 0
                return [batch for batch in batches if batch.partition == 0]
            return batches

    source = Uneven(records, most=20)
    sought = []
    seek = source.seek
    source.seek = lambda position: (sought.append(position), seek(position))
    reader = RangeReader(source, lambda _: True, 300, stall_s=5.0)
    at, found = source.beginning(), []
    while at != source.end():
        at, batches = reader.read(at, cut(at, source.end(), 20), None)
        found += names(batches)
    assert sorted(found) == [
        (part, *item) for (_, part), items in records.items() for item in items
    ]
    assert sought


def test_records_that_do_not_come_are_an_error_that_names_them():
    source = MemorySource(texts([5]))
    source._end = lambda topic, partition: 0
    reader = RangeReader(source, lambda _: True, MANY, stall_s=0.3)
    with pytest.raises(MissingOffsets, match=r"no record came for 0.3 s.*a\[0\] up to 9"):
        reader.read(Position({"a": {0: 0}}), Position({"a": {0: 9}}), None)


def test_gaps_are_told_and_other_partitions_are_not():
    source = MemorySource(texts([9, 9]))
    source.trimmed = {("a", 0): 4, ("a", 1): 4}
    reader = RangeReader(source, lambda partition: partition == 0, MANY, stall_s=1.0)
    stop, batches = reader.read(Position({"a": {0: 0}}), Position({"a": {0: 9}}), None)
    assert [name[:2] for name in names(batches)] == [(0, offset) for offset in range(4, 9)]
    assert stop == Position({"a": {0: 9}})
    assert reader.take_gaps() == (Gap("a", 0, 0, 4),)
    assert reader.take_gaps() == ()
    assert reader.position() == stop


@settings(deadline=None)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.booleans())
def test_merged_batches_have_the_same_records(sizes, nulls):
    batches, first = [], 0
    for size in sizes:
        values = [None if nulls and n % 3 == 0 else b"v" * (n % 4) for n in range(size)]
        keys = [None if nulls and n % 2 == 0 else b"k%d" % n for n in range(size)]
        batch = RecordBatch.of("a", 0, range(first, first + size), values, keys=keys)
        batches.append(batch.between(first + 1, first + size) or batch)
        first += size

    def told(parts):
        return [
            (int(b.offsets[i]), b.key(i), b.value(i), int(b.timestamps[i]))
            for b in parts
            for i in range(len(b))
        ]

    merged = merge(batches)
    assert len(merged) == 1
    assert told(merged) == told(batches)


def test_large_batches_stay_as_they_are():
    large = RecordBatch.of("a", 0, range(3000), [b"x"] * 3000)
    small = RecordBatch.of("a", 0, [3000], [b"y"])
    more = RecordBatch.of("a", 0, [3001], [b"z"])
    merged = merge([large, small, more])
    assert merged[0] is large
    assert np.array_equal(merged[1].offsets, [3000, 3001])
    assert merge([]) == []
