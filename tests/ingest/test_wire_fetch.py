"""Batches of every kind, read as kafka-python reads them."""

import numpy as np
import pytest

from tests.ingest.wire_batches import (
    CODECS,
    batch,
    empty_batch,
    empty_marker,
    kafka_python,
    marker,
    ours,
    reader_of,
    records,
    with_crc,
)


def same(buffer, offset=0, aborted=()):
    """Read both ways; the rows, which must be the same, and the next offset, too."""
    expected, error, end = kafka_python(buffer, offset, aborted)
    assert error is None
    for most in (1, 10, 1_000_000):
        assert ours(buffer, offset, aborted, most) == (expected, None, end)
    return expected


@pytest.mark.parametrize("codec", CODECS)
def test_every_codec(codec):
    parts = [batch(base, records(20), codec) for base in (0, 20, 40)]
    assert len(same(b"".join(parts))) == 60


def test_codecs_may_alternate():
    parts = [batch(7 * n, records(7), codec) for n, codec in enumerate([*CODECS, *CODECS])]
    assert len(same(b"".join(parts))) == 70


@pytest.mark.parametrize("codec", CODECS)
def test_records_before_the_offset_asked_for_are_left_out(codec):
    buffer = batch(10, records(10), codec) + batch(20, records(10), codec)
    for offset in (0, 10, 11, 19, 20, 29):
        assert [row[0] for row in same(buffer, offset)] == list(range(max(offset, 10), 30))


def test_a_fetch_with_nothing_from_the_offset_on_moves_the_position():
    assert same(batch(10, records(10), last_delta=40), 25) == []
    assert ours(batch(10, records(10), last_delta=40), 25)[2] == 51


def test_times_of_the_broker_replace_those_of_the_records():
    rows = same(batch(0, records(5), append_time=77) + batch(5, records(5)))
    assert [row[1] for row in rows] == [77] * 5 + [1000, 1007, 1014, 1021, 1028]


def test_times_before_1970_and_no_times():
    content = [(n, time, None, b"", []) for n, time in enumerate([-1, -5, 0, 2**62, -(2**61)])]
    assert [row[1] for row in same(batch(0, content))] == [-1, -5, 0, 2**62, -(2**61)]


def test_holes_and_empty_batches_of_compaction():
    parts = [
        empty_batch(0, 9),
        batch(10, records(5, step=3), last_delta=19),
        empty_batch(30, 4),
        batch(100, records(1), last_delta=0),
        empty_batch(200, 0),
    ]
    rows = same(b"".join(parts))
    assert [row[0] for row in rows] == [10, 13, 16, 19, 22, 100]
    assert ours(b"".join(parts))[2] == 201


def test_what_is_cut_off_at_the_end_is_left_for_the_next_fetch():
    whole, cut = batch(0, records(5)), batch(5, records(5))
    for length in (*range(0, 62, 7), 61, len(cut) - 1):
        assert len(same(whole + cut[:length])) == 5
        assert ours(whole + cut[:length])[2] == 5


def test_nothing_at_all():
    assert same(b"") == []
    assert reader_of(b"").ended


@pytest.mark.parametrize("codec", CODECS)
def test_aborted_transactions_are_left_out_when_only_what_is_committed_is_read(codec):
    parts = [
        batch(0, records(3), codec, producer=1),
        batch(3, records(3), codec, producer=2),
        marker(6, 1, commit=False),
        batch(7, records(3), codec, producer=1),
        marker(10, 2, commit=True),
        marker(11, 1, commit=True),
        batch(12, records(3), codec),
        batch(15, records(3), codec, producer=2),
        marker(18, 2, commit=False),
        batch(19, records(3), codec, producer=2),
    ]
    buffer = b"".join(parts)
    rows = same(buffer, aborted=[(15, 2), (0, 1)])
    assert [row[0] for row in rows] == [3, 4, 5, 7, 8, 9, 12, 13, 14, 19, 20, 21]
    assert len(same(buffer, aborted=None)) == 18
    assert [row[0] for row in same(buffer, 8, aborted=[(15, 2)])] == [8, 9, 12, 13, 14, 19, 20, 21]


def test_a_fetch_that_ends_with_a_marker_moves_the_position_behind_it():
    buffer = batch(0, records(2), producer=1) + marker(2, 1, commit=True)
    same(buffer)
    assert ours(buffer)[2] == 3


def test_a_marker_that_compaction_has_emptied_is_passed_over():
    """Kafka keeps the header of a producer's last marker; Kafka's own consumer passes over it."""
    parts = [
        batch(0, records(3), producer=1),
        empty_marker(3, 1),
        empty_marker(4, 2),
        batch(5, records(2), producer=2),
        batch(7, records(2)),
        empty_marker(20, 2),
    ]
    buffer = b"".join(parts)
    for aborted, expected in (((), [0, 1, 2, 5, 6, 7, 8]), ([(0, 1)], [5, 6, 7, 8])):
        rows, error, end = ours(buffer, aborted=aborted)
        assert ([row[0] for row in rows], error, end) == (expected, None, 21)


def test_a_marker_may_have_a_longer_key():
    """Kafka's consumer reads what it knows of a later version's key."""
    later = marker(3, 1, commit=False, key_more=b"more")
    rows, error, end = ours(batch(0, records(3), producer=1) + later, aborted=[(0, 1)])
    assert (rows, error, end) == ([], None, 4)
    rows, error, _ = ours(later + batch(4, records(2), producer=1), aborted=[(0, 1)])
    assert ([row[0] for row in rows], error) == ([4, 5], None)


def test_nothing_is_copied_when_nothing_is_compressed():
    buffer = batch(0, records(20)) + batch(20, records(20))
    found = reader_of(buffer).read(100)
    assert np.shares_memory(found.buffer, np.frombuffer(buffer, np.uint8))
    assert len(found) == 40


def test_reading_in_pieces_cuts_between_batches():
    buffer = b"".join(batch(10 * n, records(10)) for n in range(10))
    reader, sizes = reader_of(buffer), []
    while not reader.ended:
        sizes.append(len(reader.read(25)))
        assert reader.position == sum(sizes)
    assert sizes == [20] * 5


def test_columns_fit_together():
    """`RecordBatch` looks at them again where they are not trusted."""
    found = reader_of(batch(0, records(60), "zstd"), 3, headers=True).read(100)
    checked = type(found)(**{name: getattr(found, name) for name in found.__dataclass_fields__})
    assert len(checked) == 57
    assert [checked.headers(n) for n in range(57)] == [
        list(record[4]) for record in records(60)[3:]
    ]


def test_headers_are_columns_only_when_they_are_asked_for():
    found = reader_of(batch(0, records(3))).read(100)
    assert found.header_columns is None
    with pytest.raises(Exception, match="open its source with headers=True"):
        found.headers(0)


def test_a_header_name_that_is_no_utf_8_does_not_stop_the_reading():
    """kafka-python refuses it; whoever may write to a topic could so stop all of its readers."""
    made = batch(0, [(0, 1, None, b"v", [("é", b"x")])]).replace("é".encode(), b"\xff\xff")
    made = with_crc(bytearray(made))
    assert "UnicodeDecodeError" in str(kafka_python(made)[1])
    rows, error, _ = ours(made)
    assert error is None
    assert rows[0][4] == [("��", b"x")]
