"""Noted lists of one field of many records, as a column; and which are good beyond doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ingest.field import Field
from ingest.formats.binary.noted import Noted, Read, floats_of
from ingest.formats.binary.operations import ABSENT, OPERATIONS
from ingest.formats.values import default_value
from ingest.formats.whole_columns import check_numbers
from ingest.ragged import Column, Ragged

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["list_column"]

ARRAY = OPERATIONS["array"]
BOOL, INT, LONG, FLOAT, DOUBLE = (
    OPERATIONS[name] for name in ("boolean", "int", "long", "float", "double")
)
FITTING = {
    "float32": (INT, LONG, FLOAT, DOUBLE),
    "float64": (INT, LONG, FLOAT, DOUBLE),
    "int32": (INT, LONG),
    "int64": (INT, LONG),
    "bool": (BOOL,),
}


def list_column(
    field: Field, item: int, noted: Noted, read: Read
) -> tuple[Column, NDArray[np.bool_]]:
    """The column of a field with a length, and bool[n]: which rows are good beyond doubt.

    Args:
        field: the field.
        item: the operation of the elements; ABSENT if it cannot be told.
        noted: what the walk noted of the arrays.
        read: the elements of lists, as their format writes them.
    """
    taken = (noted.kinds == ARRAY) & (noted.values >= 0)
    if item not in FITTING.get(field.dtype, ()):
        taken &= False
    if field.length != "ragged":
        taken &= noted.lengths == field.length
    lengths = np.where(taken, noted.lengths, 0)
    splits = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=splits[1:])
    start = np.where(taken, noted.values, 0)
    raw = read(noted.buffer, start, splits, item)
    values, good = check_numbers(
        field, floats_of(raw, item) if field.dtype.startswith("float") else raw
    )
    flaws = np.concatenate([[0], np.cumsum(~good)])
    fine = taken & (flaws[splits[1:]] == flaws[splits[:-1]])
    defaulted = (noted.kinds == ABSENT) & (field.default is not None)
    if field.length == "ragged":
        return Ragged(values, splits), fine | defaulted
    column = np.zeros((len(taken), *field.shape), field.numpy_dtype)
    column[taken] = values.reshape(-1, *field.shape)
    if defaulted.any():
        column[defaulted] = default_value(field)
    return column, fine | defaulted
