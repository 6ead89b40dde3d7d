"""Whether columns are the same to the bit: equal numbers may differ, such as 0.0 and -0.0."""

from collections.abc import Mapping

from ingest.ragged import Column, Ragged


def same_columns(one: Mapping[str, Column], other: Mapping[str, Column]) -> None:
    """Assert that columns have the same names, types, shapes and bytes."""
    assert one.keys() == other.keys()
    for name, column in one.items():
        same = other[name]
        assert column.dtype == same.dtype, name
        if isinstance(column, Ragged) and isinstance(same, Ragged):
            assert column.splits.tolist() == same.splits.tolist(), name
            column, same = column.values, same.values
        assert column.shape == same.shape, name
        assert column.tobytes() == same.tobytes(), name
