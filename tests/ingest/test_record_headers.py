import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import RecordBatch
from ingest.errors import RecordBatchError

pair = st.tuples(st.text(max_size=5), st.none() | st.binary(max_size=5))


@given(
    headers=st.lists(st.lists(pair, max_size=3), min_size=1, max_size=12),
    start=st.integers(0, 12),
    length=st.integers(1, 12),
    step=st.integers(1, 3),
)
def test_headers_go_with_their_records(headers, start, length, step):
    values = [b"v%d" % n for n in range(len(headers))]
    made = RecordBatch.of("t", 0, range(len(values)), values, headers=headers)
    assert [made.headers(n) for n in range(len(made))] == headers
    part = made.between(start, start + length)
    if part is not None:
        found = [part.headers(n) for n in range(len(part))]
        assert found == headers[start : start + length]
        assert [part.value(n) for n in range(len(part))] == values[start : start + length]
    part = made.take(np.arange(len(values))[::step])
    assert [part.headers(n) for n in range(len(part))] == headers[::step]
    dataclasses.replace(part)


@pytest.mark.parametrize(
    "changed",
    [
        {"splits": np.array([0, 1, 1])},
        {"splits": np.array([0, 2, 1, 3])},
        {"splits": np.array([1, 1, 2, 3])},
        {"splits": np.array([0, 1, 1, 9])},
        {"name_start": np.array([0, 0, 99])},
        {"name_length": np.array([-1, 0, 0])},
        {"value_start": np.array([0, 0, 10])},
        {"value_length": np.array([0, 0, 2**62])},
        {"value_length": np.array([0, 0])},
        {"value_length": np.zeros(3, np.int32)},
    ],
)
def test_headers_that_do_not_fit_are_refused(changed):
    headers = [[("a", b"b")], [], [("c", None), ("d", b"efg")]]
    made = RecordBatch.of("t", 0, [1, 2, 3], [b"x", b"y", b"z"], headers=headers)
    columns = dataclasses.replace(made.header_columns, **changed)
    with pytest.raises(RecordBatchError, match=r"record batch of t\[0\]: "):
        dataclasses.replace(made, header_columns=columns)


def test_splits_that_only_seem_to_grow_as_their_differences_wrap_are_refused():
    made = RecordBatch.of("t", 0, range(4), [b"x"] * 4, headers=[[("a", b"b")], [], [], []])
    splits = np.array([0, 2**63 - 1, -(2**63), -1, 1])
    with pytest.raises(RecordBatchError, match="splits of headers from 0 to 1"):
        dataclasses.replace(
            made, header_columns=dataclasses.replace(made.header_columns, splits=splits)
        )
