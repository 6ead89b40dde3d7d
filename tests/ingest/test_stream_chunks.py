import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import Rows, SettingsError
from ingest.ragged import Ragged
from ingest.stream.chunks import BatchSettings, chunks, cut_rows


def rows(start, count):
    offsets = np.arange(start, start + count)
    zeros = np.zeros(count, np.int32)
    texts = Ragged.of([b"t" * (n % 4) for n in offsets], np.uint8)
    columns = {"n": offsets * 2, "pair": np.stack([offsets, -offsets], axis=1), "text": texts}
    return Rows(("a",), zeros, zeros, offsets, offsets + 5, columns if count else {})


def parts(sizes):
    starts = np.cumsum([0, *sizes])
    return [rows(start, size) for start, size in zip(starts.tolist(), sizes, strict=False)]


@settings(deadline=None)
@given(st.lists(st.integers(0, 25), max_size=8), st.integers(1, 12), st.booleans())
def test_all_rows_in_batches_in_their_order(sizes, size, drop):
    total = sum(sizes)
    found = list(chunks(parts(sizes), BatchSettings(size, drop)))
    expected = total - total % size if drop else total
    at = 0
    for chunk in found:
        assert chunk.first == at
        assert len(chunk.rows) % chunk.size == 0
        assert chunk.size == size or chunk is found[-1]
        assert chunk.rows == rows(at, len(chunk.rows))
        at += len(chunk.rows)
    assert at == expected


def test_a_batch_that_has_waited_is_given_short():
    given = [rows(0, 5), None, rows(5, 3)]
    found = list(chunks(given, BatchSettings(4, linger_s=0.0)))
    assert [chunk and (chunk.first, chunk.size, len(chunk.rows)) for chunk in found] == [
        (0, 4, 4),
        (4, 1, 1),
        (5, 3, 3),
    ]
    patient = list(chunks(given, BatchSettings(4)))
    assert [chunk and len(chunk.rows) for chunk in patient] == [4, None, 4]


def test_a_part_of_rows_is_those_rows():
    assert cut_rows(rows(0, 9), 2, 7) == rows(2, 5)


@pytest.mark.parametrize("size", [0, -1, 2.5, True])
def test_a_batch_size_is_a_count(size):
    with pytest.raises(SettingsError, match="batch_size"):
        BatchSettings(size)
