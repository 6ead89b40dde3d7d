"""Ragged columns behave as lists of lists do, also in files."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from ingest import RowsError
from ingest.ragged import Ragged, concat_columns, take_rows
from ingest.rows_file import from_arrow, to_arrow

DTYPES = st.sampled_from(["float32", "int32", "int64", "bool", "uint8"])


@st.composite
def lists(draw, dtype=None, most=12):
    """Rows as numpy arrays of one dtype."""
    dtype = np.dtype(dtype or draw(DTYPES))
    row = st.integers(0, 5).flatmap(lambda n: npst.arrays(dtype, n, elements=elements(dtype)))
    return dtype, draw(st.lists(row, max_size=most))


def elements(dtype):
    return npst.from_dtype(dtype, allow_nan=False) if dtype.kind == "f" else None


def plain(column):
    return [column.row(index).tolist() for index in range(len(column))]


@settings(deadline=None)
@given(lists())
def test_it_is_the_list_of_its_rows(made):
    dtype, rows = made
    column = Ragged.of(rows, dtype)
    assert (len(column), column.dtype) == (len(rows), dtype)
    assert plain(column) == [row.tolist() for row in rows]
    assert column.lengths.tolist() == [len(row) for row in rows]
    assert column.texts() == [row.tobytes() for row in rows]
    assert column == Ragged.of(rows, dtype)


@settings(deadline=None)
@given(lists(), st.data())
def test_take_is_what_a_list_gives(made, data):
    dtype, rows = made
    column = Ragged.of(rows, dtype)
    size = len(rows)
    places = st.lists(st.integers(-size, size - 1), max_size=20) if size else st.just([])
    chosen = data.draw(places)
    taken = take_rows(column, np.array(chosen, np.int64))
    assert plain(taken) == [rows[place].tolist() for place in chosen]
    assert plain(column.take([])) == []
    mask = data.draw(npst.arrays(np.bool_, size))
    kept = [row.tolist() for row, keep in zip(rows, mask, strict=True) if keep]
    assert plain(column.take(mask)) == kept
    assert taken.dtype == column.take(mask).dtype == dtype
    taken.values[:] = 0
    assert plain(column) == [row.tolist() for row in rows], "taken rows are copies"


@settings(deadline=None)
@given(st.lists(lists("float32"), min_size=1, max_size=5))
def test_concatenation_is_that_of_lists(parts):
    columns = [Ragged.of(rows, dtype) for dtype, rows in parts]
    expected = [row.tolist() for _, rows in parts for row in rows]
    assert plain(concat_columns(columns)) == expected


@settings(deadline=None)
@given(lists(), st.data())
def test_arrow_gives_it_back_whole_and_in_slices(made, data):
    dtype, rows = made
    column = Ragged.of(rows, dtype)
    array = to_arrow(column)
    array.validate(full=True)
    again = from_arrow(array)
    assert again == column
    assert again.splits.dtype == np.int64
    low = data.draw(st.integers(0, len(rows)))
    high = data.draw(st.integers(low, len(rows)))
    part = from_arrow(array.slice(low, high - low))
    assert plain(part) == [row.tolist() for row in rows[low:high]]
    if dtype == np.uint8:
        assert array.to_pylist() == [row.tobytes() for row in rows]


@settings(deadline=None)
@given(DTYPES, st.integers(0, 6), st.integers(1, 4), st.data())
def test_rows_of_one_length_come_back_too(dtype, size, length, data):
    kind = np.dtype(dtype)
    column = data.draw(npst.arrays(kind, (size, length), elements=elements(kind)))
    array = to_arrow(column)
    again = from_arrow(array)
    assert (again.dtype, again.shape) == (kind, (size, length))
    assert again.tobytes() == column.tobytes()
    part = from_arrow(array.slice(size // 2))
    assert part.tobytes() == column[size // 2 :].tobytes()
    assert isinstance(array.type, pa.FixedSizeListType)


def test_equal_needs_the_same_rows_and_the_same_type():
    one = Ragged.of([[1, 2], []], "int32")
    assert one == Ragged.of([[1, 2], []], "int32")
    assert one != Ragged.of([[1, 2], []], "int64")
    assert one != Ragged.of([[1], [2]], "int32")
    assert one != Ragged.of([[1, 3], []], "int32")
    assert one != "text"


def test_texts_of_words():
    column = Ragged.of([b"", "æøå".encode(), b"\0x"], np.uint8)
    assert column.texts() == [b"", "æøå".encode(), b"\0x"]
    assert Ragged.of([], "float32").texts() == []


@pytest.mark.parametrize(
    "splits",
    [[], [1, 3], [0, 2], [0, 4], [0, 2, 1, 3]],
    ids=["none", "not from 0", "short", "long", "back"],
)
def test_splits_that_do_not_cut_the_values_are_refused(splits):
    with pytest.raises(RowsError, match="expected splits"):
        Ragged(np.zeros(3, np.float32), np.array(splits, np.int64))


def test_shapes_and_types_are_checked():
    splits = np.array([0, 3])
    for values, cut in [
        (np.zeros((3, 1), np.float32), splits),
        (np.zeros(3, np.float32), splits[:, None]),
        (np.zeros(3, np.float32), splits.astype(np.int32)),
    ]:
        with pytest.raises(RowsError, match=r"expected values\[m\] and splits of int64"):
            Ragged(values, cut)


@pytest.mark.parametrize("chosen", [[3], [-4], [True, False]])
def test_rows_that_are_not_there_are_an_error(chosen):
    with pytest.raises(IndexError):
        Ragged.of([[1], [], [2, 3]], "int32").take(np.array(chosen))


def test_a_mixture_is_refused():
    ragged, flat = Ragged.of([[1]], "int32"), np.zeros(1, np.int32)
    for parts in ([], [ragged, flat]):
        with pytest.raises(RowsError, match="all ragged or none"):
            concat_columns(parts)
