import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import Gap, OffsetRange, Position, PositionError

offsets = st.dictionaries(
    st.text(max_size=4),
    st.dictionaries(st.integers(0, 9), st.integers(0, 2**62), min_size=1),
    max_size=3,
)


@given(offsets)
def test_json_round_trip_and_order(plain):
    position = Position(plain)
    assert Position.from_json(json.loads(json.dumps(position.to_json()))) == position
    assert hash(Position(dict(reversed(plain.items())))) == hash(position)
    assert list(position.items()) == sorted(position.items())


@given(offsets, offsets)
def test_ranges_hold_every_offset_once(plain, more):
    start = Position(plain)
    end = start
    for topic, partition, offset in start.items():
        end = end.advance(topic, partition, offset + more.get(topic, {}).get(partition, 0))
    ranges = start.ranges_to(end)
    assert {(r.topic, r.partition): (r.start, r.end) for r in ranges} == {
        (t, p): (o, end.get(t, p)) for t, p, o in start.items()
    }
    assert sum(len(r) for r in ranges) == start.records_to(end)


def test_it_is_copied_and_never_changes():
    plain = {"a": {0: 5}}
    position = Position(plain)
    plain["a"][0] = 9
    later = position.advance("a", 0, 7)
    assert (position.get("a", 0), later.get("a", 0)) == (5, 7)
    assert position.get("a", 1) is None
    assert repr(later) == "Position({'a': {0: 7}})"


def test_it_never_goes_back():
    with pytest.raises(PositionError, match=r"a\[0\]: expected an offset from 5 on, got 4"):
        Position({"a": {0: 5}}).advance("a", 0, 4)


def test_ranges_need_the_same_partitions():
    one, both = Position({"a": {0: 1}}), Position({"a": {0: 2, 1: 3}})
    with pytest.raises(PositionError, match=r"a\[1\]: the start position does not know"):
        one.ranges_to(both)
    with pytest.raises(PositionError, match=r"a\[1\]: the end position does not know"):
        both.ranges_to(Position({"a": {0: 2}}))
    with pytest.raises(PositionError, match="never goes back"):
        Position({"a": {0: 3}}).ranges_to(one)


@pytest.mark.parametrize("offset", [-1, 1.0, True, "1", None])
def test_offsets_are_integers_of_at_least_0(offset):
    with pytest.raises(PositionError, match="at least 0"):
        Position({"a": {0: offset}})


@pytest.mark.parametrize("value", [[1], {"a": [1]}, {"a": {"x": 1}}])
def test_a_wrong_plain_form_is_refused(value):
    with pytest.raises(PositionError, match="expected"):
        Position.from_json(value)


def test_ranges_and_gaps_have_plain_forms():
    for kind in (OffsetRange, Gap):
        part = kind("a", 1, 3, 9)
        assert len(part) == 6
        assert kind.from_json(json.loads(json.dumps(part.to_json()))) == part
