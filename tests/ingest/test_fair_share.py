"""Where a bounded window ends: nobody gets nothing, all reach the end together."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest import Position
from ingest.fair_share import fair_share

WAYS = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 10**12)), min_size=1, max_size=12)


def positions(ways):
    start = Position({"a": {n: first for n, (first, _) in enumerate(ways)}})
    end = Position({"a": {n: first + size for n, (first, size) in enumerate(ways)}})
    return start, end


@settings(deadline=None)
@given(WAYS, st.integers(0, 10**9))
@example([(0, 1), (5, 10**9)], 10)
@example([(0, 3), (0, 3), (0, 3)], 2)
def test_a_share_is_bounded_whole_and_in_proportion(ways, most):
    start, end = positions(ways)
    goal = fair_share(start, end, most)
    total, chosen = start.records_to(end), start.records_to(goal)
    assert chosen == min(most, total)
    waiting = [size for _, size in ways if size]
    for n, (first, size) in enumerate(ways):
        given_to = goal.get("a", n) - first
        assert 0 <= given_to <= size
        if most >= len(waiting) and size:
            assert given_to >= 1
            exact = size * chosen / total
            assert abs(given_to - exact) < 2 + len(waiting) * size / total
    assert fair_share(start, end, most) == goal


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 200)), min_size=1, max_size=6),
    st.integers(1, 40),
)
def test_shares_tile_the_way_and_nobody_starves(ways, most):
    at, end = positions(ways)
    longest = max(size for _, size in ways)
    turns = 0
    while at != end:
        before, at = at, fair_share(at, end, most)
        assert before.records_to(at) == min(most, before.records_to(end))
        turns += 1
        if most >= len(ways):
            moved = [
                at.get("a", n) - before.get("a", n)
                for n in range(len(ways))
                if before.get("a", n) < end.get("a", n)
            ]
            assert min(moved, default=1) >= 1
    assert turns == -(-sum(size for _, size in ways) // most) or longest == 0


def test_a_new_partition_begins_at_zero():
    start, end = Position({"a": {0: 100}}), Position({"a": {0: 200, 1: 100}, "b": {0: 0}})
    assert fair_share(start, end, 100) == Position({"a": {0: 150, 1: 50}, "b": {0: 0}})


def test_all_partitions_end_together():
    at, end = Position({"a": {0: 0, 1: 0}}), Position({"a": {0: 9_000, 1: 1_000}})
    for turn in range(1, 11):
        at = fair_share(at, end, 1_000)
        assert abs(at.get("a", 0) - 900 * turn) <= turn
    assert at == end
