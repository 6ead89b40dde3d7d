"""Avro arrays of numbers, in one piece as writers leave them, and decimals as columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from ingest.field import Field
from ingest.formats.avro_bytes import read_bits, read_long
from ingest.formats.avro_columns import ABSENT, Noted, floats_of
from ingest.formats.avro_program import OPERATIONS
from ingest.formats.values import default_value
from ingest.formats.whole_columns import check_numbers
from ingest.ragged import Column, Ragged

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Read = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.int64]]

__all__ = ["list_column", "read_decimals"]

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
    field: Field, item: int, noted: Noted, read: Read | None = None
) -> tuple[Column, NDArray[np.bool_]]:
    """The column of a field with a length, and bool[n]: which rows are good beyond doubt.

    Args:
        field: the field.
        item: the operation of the elements; ABSENT if it cannot be told.
        noted: what the walk noted of the arrays.
        read: the elements of lists that begin at some places, int64[n], as single values are
            noted, int64[m]; m and the lists' ends are the splits' that it also gets. None for
            Avro's.
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
    if read is None:
        raw = np.empty(int(splits[-1]), np.int64)
        _read(noted.buffer, start, splits, item, raw)
    else:
        raw = read(start, splits)
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


def read_decimals(
    buffer: NDArray[np.uint8], start: NDArray[np.int64], length: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Whole numbers in two's complement, the most significant byte first.

    Args:
        buffer: uint8 [m].
        start: int64 [n].
        length: int64 [n], each span within the buffer.

    Returns:
        int64 [n]; and bool [n], whether it is the number, and exact as a float64.
    """
    whole, exact = np.zeros(len(start), np.int64), np.zeros(len(start), np.bool_)
    _read_decimals(buffer, start, length, whole, exact)
    return whole, exact


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _read_decimals(buffer: Any, start: Any, length: Any, whole: Any, exact: Any) -> None:
    for row in range(len(start)):
        value, fits = np.int64(0), True
        for place in range(length[row]):
            byte = np.int64(buffer[start[row] + place])
            if place == 0 and byte >= 128:
                value = np.int64(-1)
            if not -(2**45) < value < 2**45:
                fits = False
            value = (value << np.int64(8)) | byte
        whole[row], exact[row] = value, fits


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _read(buffer: Any, start: Any, splits: Any, item: Any, raw: Any) -> None:
    """The elements of arrays that `avro_walk` has found sound, as it notes single values."""
    for row in range(len(splits) - 1):
        at = start[row]
        for place in range(splits[row], splits[row + 1]):
            if item == BOOL:
                raw[place] = buffer[at]
                at += 1
            elif item == FLOAT or item == DOUBLE:  # noqa: SIM109 - numba
                raw[place] = read_bits(buffer, at)
                at += 4
                if item == DOUBLE:
                    raw[place] |= read_bits(buffer, at) << np.int64(32)
                    at += 4
            else:
                raw[place], _, at = read_long(buffer, at, len(buffer))
