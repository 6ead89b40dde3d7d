"""Many values at once: what they become in a column, and which of them are good beyond doubt.

For binary formats, whose values lie in memory as numbers and bytes. What is not good beyond doubt
is left to `values.check_value`, one by one, which has the last word and the reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.field import Field
from ingest.ragged import Ragged

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Checked = tuple[NDArray[Any], NDArray[np.bool_]]

__all__ = ["cast", "check_numbers", "check_texts", "check_words", "strip_zeros"]

CONTINUATION, AFTER_CONTINUATION, ASCII = 0x80, 0xC0, 0x80


def cast(field: Field, values: NDArray[Any]) -> NDArray[Any]:
    """Values in the dtype of their field's column, copied; floats without -0.0.

    A float64 may round to a float32 of -0.0, so a check of the float64 does not do.
    """
    column = values.astype(field.numpy_dtype, order="C")
    if column.dtype.kind == "f":
        column += column.dtype.type(0.0)
    return column


def check_numbers(field: Field, values: NDArray[Any]) -> Checked:
    """Numbers of any kind as a field of numbers, booleans (0 and 1) or milliseconds.

    Args:
        field: not a category nor a text.
        values: of integers, or of floats if the field is one, any shape.

    Returns:
        In the field's dtype, finite and without -0.0 where good; and whether each is good.
    """
    if field.numpy_dtype.kind == "f":
        return _check_floats(field, values)
    if field.dtype == "bool":
        fine = (values == 0) | (values == 1)
        return values.astype(np.bool_), fine
    return _check_integers(field, values)


def check_words(field: Field, words: Ragged) -> Checked:
    """The codes of a category's words.

    Args:
        field: a category with a vocabulary that is fixed, or with buckets.
        words: of uint8, [n].

    Returns:
        int32[n] codes and bool[n]: false for what is no UTF-8 and for an unknown label.
    """
    import pyarrow as pa

    buffers = [None, pa.py_buffer(words.splits), pa.py_buffer(words.values)]
    array = pa.Array.from_buffers(pa.large_binary(), len(words), buffers)
    encoded = array.dictionary_encode()
    codes = np.array([_code(field, word) for word in encoded.dictionary.to_pylist()], np.int32)
    found = codes[encoded.indices.to_numpy()]
    return found, found >= 0


def check_texts(texts: Ragged) -> NDArray[np.bool_]:
    """bool[n], whether each row of uint8 is UTF-8 beyond doubt."""
    firsts = texts.splits[:-1][texts.lengths > 0]
    first = texts.values[firsts]
    torn = ((first >= CONTINUATION) & (first < AFTER_CONTINUATION)).any()
    if not torn and _is_utf8(texts.values.tobytes()):
        return np.ones(len(texts), np.bool_)
    before = np.concatenate([[0], np.cumsum(texts.values >= ASCII)])
    plain: NDArray[np.bool_] = before[texts.splits[1:]] == before[texts.splits[:-1]]
    return plain


def strip_zeros(cells: NDArray[np.uint8]) -> Ragged:
    """Texts of a fixed width [n, width], each without the zero bytes at its end."""
    width = cells.shape[1]
    used = cells != 0
    lengths = np.where(used.any(axis=1), width - np.argmax(used[:, ::-1], axis=1), 0)
    return Ragged.from_lengths(cells[np.arange(width) < lengths[:, None]], lengths)


def _check_floats(field: Field, values: NDArray[Any]) -> Checked:
    plain = values if values.dtype.kind == "f" else values.astype(np.float64)
    low, high = field.bounds
    with np.errstate(over="ignore", invalid="ignore"):  # too large, and signalling NaN
        column = cast(field, plain)
        fine = np.isfinite(column)
        if field.role == "weight":
            fine &= plain >= 0
        if (low, high) != (None, None):
            exact = plain.astype(np.float64)
            fine &= exact >= (-np.inf if low is None else low)
            fine &= exact <= (np.inf if high is None else high)
    return column, fine


def _check_integers(field: Field, values: NDArray[Any]) -> Checked:
    whole = values.astype(np.int64)
    limits, (low, high) = np.iinfo(field.numpy_dtype), field.bounds
    lowest = int(limits.min if low is None else max(low, limits.min))
    highest = int(limits.max if high is None else min(high, limits.max))
    if lowest > highest:
        return whole.astype(field.numpy_dtype), np.zeros(whole.shape, np.bool_)
    fine = (whole >= lowest) & (whole <= highest)
    if values.dtype.kind == "u" and values.dtype.itemsize == 8:
        fine &= values <= np.uint64(2**63 - 1)
    return whole.astype(field.numpy_dtype), fine


def _code(field: Field, word: bytes) -> int:
    try:
        return field.code(word.decode())
    except UnicodeDecodeError:
        return -1


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
