import pytest

from ingest import Gap, JsonDecoder, MissingOffsets, Position, SampleSettings, WindowBuilder
from ingest import read_window as read
from tests.ingest.samples import SCHEMA, ListDeadLetters, MemorySource, encoded
from tests.ingest.test_window import same

RECORDS = {
    ("a", 0): [(offset, encoded(offset)) for offset in range(100) if offset % 9 != 4],
    ("a", 1): [(offset, b"bad" if offset % 8 == 1 else encoded(offset)) for offset in range(80)],
}
START = Position({"a": {0: 10, 1: 20}})
END = Position({"a": {0: 60, 1: 41}})


def builder(start=START):
    settings = SampleSettings(seed=1, window=12, holdout=0.3, holdout_rows=5)
    decoder = JsonDecoder(SCHEMA)
    return WindowBuilder(SCHEMA, ("a",), decoder, ListDeadLetters(), settings, start)


def first_reading(source, end, start=START):
    """As the service reads: whole polls, stopping exactly at `end`."""
    made = builder(start)
    while any((source.position().get(t, p) or 0) < o for t, p, o in end.items()):
        made.add_all(source.poll(1.0), source.take_gaps())
        made.advance(source.position())
    return made.cut()


@pytest.mark.parametrize("most", [1, 7, 1000])
def test_it_reads_exactly_the_recorded_range(most):
    window = read(MemorySource(RECORDS, START, most=most), builder(), END)
    assert (window.start, window.end) == (START, END)
    expected = sum(10 <= o < 60 for o, _ in RECORDS["a", 0]) + 21
    assert window.counts.seen == expected
    again = read(MemorySource(RECORDS, START, most=5), builder(), END)
    assert same(window, again)


def test_it_equals_the_window_that_was_cut_first():
    made = builder()
    source = MemorySource(RECORDS, START, most=7)
    for _ in range(4):
        made.add_all(source.poll(1.0), source.take_gaps())
        made.advance(source.position())
    window = made.cut()
    assert same(read(MemorySource(RECORDS, START, most=3), builder(), window.end), window)


def test_the_end_may_lie_behind_the_last_record():
    ends = {("a", 0): 105}
    end = Position({"a": {0: 105, 1: 80}})
    window = read(MemorySource(RECORDS, START, ends=ends), builder(), end)
    assert window.end == end


def test_a_gap_of_the_first_reading_is_no_surprise():
    source = MemorySource(RECORDS, START)
    source.trimmed["a", 0] = 30
    window = first_reading(source, END)
    assert window.gaps == (Gap("a", 0, 10, 30),)
    source = MemorySource(RECORDS, START)
    source.trimmed["a", 0] = 30
    assert same(read(source, builder(), window.end, window.gaps), window)


def test_what_was_deleted_since_is_named():
    source = MemorySource(RECORDS, START)
    source.trimmed["a", 0] = 45
    with pytest.raises(MissingOffsets, match=r"offsets a\[0\] 10 to 44; a longer retention"):
        read(source, builder(), END)
    source = MemorySource(RECORDS, START)
    source.trimmed["a", 0] = 45
    with pytest.raises(MissingOffsets, match=r"offsets a\[0\] 10 to 14, a\[0\] 30 to 44;"):
        read(source, builder(), END, [Gap("a", 0, 15, 30), Gap("a", 1, 40, 44)])


def test_what_is_deleted_meanwhile_is_named():
    source = MemorySource(RECORDS, START, most=5)
    source.events[3] = lambda: source.trimmed.update({("a", 0): 50})
    with pytest.raises(MissingOffsets, match=r"offsets a\[0\] 2[0-9] to 49;"):
        read(source, builder(), END)


def test_deletion_behind_the_window_does_not_matter():
    source = MemorySource(RECORDS, START)
    whole = read(source, builder(), END)
    trimmed = MemorySource(RECORDS, START)
    trimmed.trimmed["a", 0] = 10
    assert same(read(trimmed, builder(), END), whole)


def test_a_partition_that_became_too_short_is_named():
    end = Position({"a": {0: 60, 1: 90, 2: 5}})
    with pytest.raises(MissingOffsets, match=r"a\[1\] 80 to 89, a\[2\] 0 to 4;"):
        read(MemorySource(RECORDS, START), builder(), end)


def test_partitions_that_are_newer_than_the_window_are_left_out():
    newer = {**RECORDS, ("a", 2): [(0, encoded(1))]}
    window = read(MemorySource(newer, START), builder(), END)
    assert same(window, read(MemorySource(RECORDS, START), builder(), END))


def test_the_conformance_check_holds_for_the_source_of_these_tests():
    from ingest.checks import check_source

    check_source(lambda start: MemorySource(RECORDS, start), sum(map(len, RECORDS.values())))
