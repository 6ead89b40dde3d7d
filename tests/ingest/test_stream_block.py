from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import Position
from ingest.stream.block import cut

offsets = st.dictionaries(
    st.tuples(st.sampled_from("ab"), st.integers(0, 4)),
    st.tuples(st.integers(0, 50), st.integers(0, 1000)),
    min_size=1,
    max_size=6,
)


def spans(drawn):
    at = Position.of((*part, first) for part, (first, _) in drawn.items())
    end = Position.of((*part, first + more) for part, (first, more) in drawn.items())
    return at, end


@settings(deadline=None)
@given(offsets, st.integers(1, 300))
def test_blocks_tile_the_range_and_are_as_large_as_asked(drawn, rows):
    at, end = spans(drawn)
    while at != end:
        left = at.records_to(end)
        stop = cut(at, end, rows)
        size = at.records_to(stop)
        assert min(left, rows) <= size <= rows + len(drawn)
        for topic, partition, offset in stop.items():
            first, last = at.get(topic, partition), end.get(topic, partition)
            assert first <= offset <= last
            assert offset > first or first == last
        at = stop
    assert cut(at, end, rows) == end


@settings(deadline=None)
@given(offsets)
def test_partitions_of_any_length_come_to_their_ends_together(drawn):
    at, end = spans(drawn)
    total, at_first = at.records_to(end), at
    while at != end:
        at = cut(at, end, 100)
        done = at_first.records_to(at) / max(1, total)
        for part, (first, more) in drawn.items():
            assert abs(at.get(*part) - first - done * more) <= 2 + total / 100


def test_a_partition_that_the_start_does_not_know_begins_at_0():
    at, end = Position({"a": {0: 5}}), Position({"a": {0: 10, 1: 10}})
    assert cut(at, end, 1000) == end
    assert cut(at, end, 3) == Position({"a": {0: 6, 1: 2}})
