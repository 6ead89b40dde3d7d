"""What was read ahead of a bounded window: each record once, and no partition left behind."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import Gap, Position, RecordBatch
from ingest import waiting as module
from ingest.fair_share import fair_share
from ingest.waiting import Waiting

START = Position({"a": {0: 0, 1: 0}})
END = Position({"a": {0: 100, 1: 100}})


def batch(partition, low, high, step=1):
    offsets = range(low, high, step)
    return RecordBatch.of("a", partition, offsets, [str(o).encode() for o in offsets])


def at(*offsets):
    return Position({"a": dict(enumerate(offsets))})


def identities(batches):
    return [(part.partition, int(offset)) for part in batches for offset in part.offsets]


def test_what_has_room_is_handed_out_as_it_came():
    waiting, one, two = Waiting(START), batch(0, 0, 60), batch(1, 0, 30)
    assert not waiting.take(START, END, 200)
    waiting.add([two, one], [], at(60, 30))
    portion = waiting.take(START, END, 200)
    assert {id(part) for part in portion.batches} == {id(one), id(two)}
    assert portion.position == at(60, 30)


def test_a_partition_that_was_read_first_waits_for_its_share():
    waiting = Waiting(START)
    waiting.add([batch(0, 0, 100)], [], at(100, 0))
    portion = waiting.take(START, END, 50)
    assert (identities(portion.batches), portion.position) == (
        [(0, offset) for offset in range(25)],
        at(25, 0),
    )
    assert not waiting.take(at(25, 0), END, 25)
    waiting.add([batch(1, 0, 100)], [], at(100, 100))
    portion = waiting.take(at(25, 0), END, 25)
    assert (identities(portion.batches), portion.position) == (
        [(1, offset) for offset in range(25)],
        at(25, 25),
    )
    waiting.begin()
    assert waiting.take(at(25, 25), END, 50).position == at(50, 50)


def test_a_silent_partition_holds_the_others_up_for_a_few_reads_only():
    waiting = Waiting(START)
    waiting.add([batch(0, 0, 100)], [], at(100, 0))
    position = waiting.take(START, END, 50).position
    reads = 0
    while position == at(25, 0):
        waiting.add([], [], at(100, 0))
        position = waiting.take(position, END, 25).position
        reads += 1
    assert (reads, position) == (module.MOST_EMPTY_READS, at(50, 0))


def test_what_is_kept_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "MOST_BYTES", 1_000)
    waiting, end = Waiting(START), Position({"a": {0: 10**6, 1: 10**6}})
    position, taken = START, 0
    for low in range(0, 2_000, 100):
        waiting.add([batch(0, low, low + 100)], [], at(low + 100, 0))
        portion = waiting.take(position, end, 10**4 - taken)
        position, taken = portion.position, taken + sum(map(len, portion.batches))
        kept = sum(len(part.buffer) for part in waiting._parts["a", 0])
        assert kept <= 1_000 + 4 * 100
    assert taken == 2_000


def test_a_gap_comes_in_its_place_and_takes_no_room():
    waiting, end = Waiting(START), at(1_000_100, 100)
    gap = Gap("a", 0, 0, 1_000_000)
    waiting.add([batch(0, 1_000_000, 1_000_100), batch(1, 0, 100)], [gap], at(1_000_100, 100))
    portion = waiting.take(START, end, 50)
    assert (list(portion.gaps), identities(portion.batches)) == ([gap], [(1, 0)])
    assert portion.position == at(1_000_000, 1)
    portion = waiting.take(portion.position, end, 49)
    assert (len(portion.gaps), sum(map(len, portion.batches))) == (0, 49)


def test_offsets_without_records_take_no_room():
    """Of a compacted partition, a window has as many records as of another."""
    waiting, end = Waiting(START), at(1_000, 0)
    waiting.add([batch(0, 0, 1_000, step=10)], [], end)
    position, sizes = START, []
    while position != end:
        waiting.begin()
        room = 30
        while room and (portion := waiting.take(position, end, room)).position != position:
            position, room = portion.position, room - sum(map(len, portion.batches))
        sizes.append(30 - room)
    assert sizes == [30, 30, 30, 10]


@settings(deadline=None)
@given(st.data())
def test_whatever_is_read_when_each_record_comes_once_in_order(data):
    ends = [data.draw(st.integers(0, 60)) for _ in range(3)]
    end, read, position = at(*ends), [0, 0, 0], at(0, 0, 0)
    waiting, found, most = Waiting(position), [], data.draw(st.integers(1, 50))
    room, sizes = most, []
    while position != end:
        batches = []
        for partition in data.draw(st.permutations(range(3))):
            step = data.draw(st.integers(0, 20))
            high = min(read[partition] + step, ends[partition])
            if high > read[partition]:
                batches.append(batch(partition, read[partition], high))
                read[partition] = high
        waiting.add(batches, [], at(*read))
        portion = waiting.take(position, end, room)
        position, part = portion.position, identities(portion.batches)
        found += part
        room -= len(part)
        assert room >= 0
        if room == 0:
            sizes.append(most)
            room = most
            waiting.begin()
    assert sorted(found) == [(p, o) for p in range(3) for o in range(ends[p])]
    for partition in range(3):
        mine = [offset for p, offset in found if p == partition]
        assert (np.diff(mine) == 1).all()
    assert len(sizes) == sum(ends) // most


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(1, 100))
def test_where_windows_end_does_not_depend_on_how_it_was_read(chunk, most):
    expected, position = [], START
    while position != END:
        position = fair_share(position, END, most)
        expected.append(position)
    waiting, read = Waiting(START), [0, 0]
    ends, position, room = [], START, most
    while position != END:
        portion = waiting.take(position, END, room)
        if not portion:
            partition = 0 if read[0] < 100 else 1  # one partition wholly before the other
            high = min(read[partition] + chunk, 100)
            part = batch(partition, read[partition], high)
            read[partition] = high
            waiting.add([part], [], at(*read))
            continue
        position, room = portion.position, room - sum(map(len, portion.batches))
        if room == 0 or position == END:
            ends.append(position)
            room = most
            waiting.begin()
    assert ends == expected
