"""Values of one field of many records, as Python objects, to a column at once.

What is not good beyond doubt is left to `values.check_value`, which has the last word and the
reason; what is good here is what it would have returned.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, compress
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.field import Field
from ingest.formats.values import MISSING
from ingest.formats.whole_columns import check_numbers
from ingest.ragged import Column, Ragged

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Checked = tuple[Column, NDArray[np.bool_]]

__all__ = ["column_of_values"]

TYPES: dict[str, set[type]] = {
    "float32": {int, float},
    "float64": {int, float},
    "int32": {int},
    "int64": {int},
    "timestamp": {int},
    "bool": {bool},
    "category": {str},
    "string": {str},
    "bytes": {bytes},
}
NOTHING = {"bool": False, "category": "", "string": "", "bytes": b""}


def column_of_values(field: Field, values: Sequence[object]) -> Checked | None:
    """A column, and bool[n]: which of its rows are good beyond doubt.

    Args:
        field: the field.
        values: as for `values.check_value`.

    Returns:
        None when the values are not all of the type that the field asks for, or missing, or most
        are lists of another length.
    """
    absent = np.fromiter((value is MISSING for value in values), np.bool_, len(values))
    if absent.any():
        filler = _filler(field)
        values = [filler if value is MISSING else value for value in values]
    made = _lists(field, values) if field.length else _scalars(field, values)
    if made is None:
        return None
    column, fine = made
    return column, (fine if field.default is not None else fine & ~absent)


def _filler(field: Field) -> object:
    """What stands for a value that is missing: the default, if there is one."""
    if field.length and (field.length == "ragged" or field.default is None):
        return []
    value: object = NOTHING.get(field.dtype, 0) if field.default is None else field.default
    if isinstance(value, str) and field.dtype == "bytes":
        value = value.encode()
    return [value] * field.length if field.length else value


def _lists(field: Field, values: Sequence[object]) -> Checked | None:
    if set(map(type, values)) != {list}:
        return None
    lists: Any = values
    lengths = np.fromiter(map(len, lists), np.int64, len(lists))
    if field.length == "ragged":
        return _joined(field, lists, lengths)
    fitting = lengths == field.length
    if fitting.all():
        return _joined(field, lists, lengths)
    if 2 * np.count_nonzero(fitting) < len(lists):
        return None  # a column would be far larger than what there is
    made = _joined(field, list(compress(lists, fitting)), lengths[fitting])
    if made is None:
        return None
    column, fine = np.zeros((len(lists), *field.shape), field.numpy_dtype), fitting.copy()
    column[fitting], fine[fitting] = made
    return column, fine


def _joined(field: Field, lists: Any, lengths: NDArray[np.int64]) -> Checked | None:
    """The column of lists whose lengths are good."""
    made = _scalars(field, list(chain.from_iterable(lists)))
    if made is None or isinstance(made[0], Ragged):
        return None
    flat, good = np.asarray(made[0]), made[1]
    column = Ragged.from_lengths(flat, lengths)
    flaws = np.concatenate([[0], np.cumsum(~good)])
    fine = flaws[column.splits[1:]] == flaws[column.splits[:-1]]
    return (column if field.is_ragged else flat.reshape(-1, *field.shape)), fine


def _scalars(field: Field, values: Sequence[object]) -> Checked | None:
    if not set(map(type, values)) <= TYPES[field.dtype]:
        return None
    plain: Any = values
    if field.is_text:
        return _texts(plain)
    if field.dtype == "category":
        codes = {word: field.code(word) for word in set(plain)}
        column = np.fromiter((codes[word] for word in plain), np.int32, len(plain))
        return column, column >= 0
    try:
        raw = np.array(plain, np.float64 if field.dtype.startswith("float") else np.int64)
    except OverflowError:
        return None
    return check_numbers(field, raw)


def _texts(values: Sequence[Any]) -> Checked | None:
    try:
        parts = [one.encode() if isinstance(one, str) else one for one in values]
    except UnicodeEncodeError:
        return None
    text = np.frombuffer(b"".join(parts), np.uint8)
    lengths = np.fromiter(map(len, parts), np.int64, len(parts))
    return Ragged.from_lengths(text, lengths), np.ones(len(parts), np.bool_)
