import dataclasses

import numpy as np
import pytest

from ingest import RecordBatch
from ingest.errors import RecordBatchError

VALUES = [b"one", None, b"", b"four"]
KEYS = [None, b"k", b"", b"key"]


def batch() -> RecordBatch:
    return RecordBatch.of("a", 3, [2, 5, 6, 9], VALUES, keys=KEYS, timestamps=[1, 2, 3, 4])


def test_keys_and_values_come_back():
    made = batch()
    assert [made.value(i) for i in range(4)] == VALUES
    assert [made.key(i) for i in range(4)] == KEYS
    assert (len(made), made.next_offset) == (4, 10)


@pytest.mark.parametrize(
    ("start", "end", "kept"), [(0, 99, [0, 1, 2, 3]), (3, 6, [1]), (5, 9, [1, 2]), (7, 9, [])]
)
def test_between_keeps_offsets_in_the_range(start, end, kept):
    part = batch().between(start, end)
    if not kept:
        assert part is None
        return
    assert part.offsets.tolist() == [[2, 5, 6, 9][i] for i in kept]
    assert [part.value(i) for i in range(len(part))] == [VALUES[i] for i in kept]
    assert [part.key(i) for i in range(len(part))] == [KEYS[i] for i in kept]


@pytest.mark.parametrize(
    "changed",
    [
        {"offsets": np.array([2, 2, 6, 9])},
        {"offsets": np.array([-1, 2, 6, 9])},
        {"offsets": np.array([0, 2**63 - 1, -(2**63), -1])},
        {"offsets": np.array([2, 5, 6])},
        {"timestamps": np.zeros(4, np.int32)},
        {"value_start": np.array([0, 0, 0, 8])},
        {"value_start": np.array([-1, 0, 0, 0])},
        {"value_length": np.array([3, -2, 0, 4])},
        {"key_length": np.array([2**62, 0, 0, 0])},
        {"buffer": np.zeros(11, np.int8)},
    ],
)
def test_columns_that_do_not_fit_are_refused(changed):
    with pytest.raises(RecordBatchError, match=r"record batch of a\[3\]"):
        dataclasses.replace(batch(), **changed)


def test_an_empty_batch_is_refused():
    with pytest.raises(RecordBatchError, match="at least one record"):
        RecordBatch.of("a", 0, [], [])
