"""Raw values of a field as the numbers that the model was trained on."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from .runtime import InputError

__all__ = ["array_of", "encode", "encode_numbers", "milliseconds", "word_code"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def encode(field: Mapping[str, Any], values: Any) -> np.ndarray:
    """Raw values of one field as the numbers that the model was trained on.

    Args:
        field: one of `schema.json`'s fields: name, dtype, vocabulary, buckets, length, default.
        values: the column, `[rows]` or `[rows, ...]`; for a list `[rows]` of lists, or `[rows, k]`.

    Returns:
        `[rows, ...]`, of a list `[rows, k]`, in the field's dtype: int32 for a category, int64 for
        a timestamp.

    Raises:
        InputError: a value is missing, not finite, out of range or of another kind.
    """
    column, default = array_of(values), field.get("default")
    length = field.get("length")
    wrapped = column.shape == (1,) and isinstance(column[0], (list, np.ndarray))
    if field["dtype"] == "category" and wrapped and not length:  # MLflow does that to a dict's
        column = np.asarray(column[0], dtype=object)
    missing = missing_in(column) if default is not None and column.ndim == 1 else None
    if missing is None or not missing.any():
        return encode_given(field, column)
    given = encode_given(field, column[~missing])
    filled = np.empty((len(column), *given.shape[1:]), given.dtype)
    filled[~missing] = given
    filled[missing] = encode_given(field, array_of([[default] * length if length else default]))
    return filled


def encode_given(field: Mapping[str, Any], column: np.ndarray) -> np.ndarray:
    """As `encode`, of values that are all there; like all below, it raises `InputError`."""
    kind, length = field["dtype"], field.get("length")
    dtype = np.dtype({"category": "int32", "timestamp": "int64"}.get(kind, kind))
    if column.shape[:1] == (0,):
        return np.zeros((0, length) if length else column.shape, dtype)
    if length:
        column = encode_lists(field, column)
    if kind == "category":
        return encode_category(field, column)
    if kind == "timestamp" and column.dtype.kind not in "iuf":
        return encode_moments(field, column)
    if column.dtype == object:
        column = numbers_of(field["name"], dtype, column)
    return encode_numbers(field["name"], dtype, column)


def encode_lists(field: Mapping[str, Any], column: np.ndarray) -> np.ndarray:
    """Lists as an array `[rows, k]` of their elements, which are checked later."""
    name, length = field["name"], field["length"]
    kind = object if field["dtype"] in {"category", "timestamp"} else None
    for row, value in enumerate(column if column.ndim == 1 else column[:1]):
        if not isinstance(value, (list, tuple, np.ndarray)) or len(value) != length:
            raise InputError(
                f'column "{name}", row {row}: expected a list of {length}, got {value!r:.100}'
            )
    try:
        return np.array([list(value) for value in column], kind).reshape(len(column), length)
    except ValueError as e:
        raise InputError(f'column "{name}": expected lists of {field["dtype"]}') from e


def numbers_of(name: str, dtype: np.dtype[Any], column: np.ndarray) -> np.ndarray:
    """A column of objects as one of numbers or booleans."""
    numbers, plain = np.asarray(column.tolist()), (int, float, np.number, np.bool_)
    if numbers.dtype.kind not in "iufb":
        got = next((v for v in column.flat if not isinstance(v, plain)), numbers.flat[0])
        raise InputError(f'column "{name}": expected {dtype}, got {got!r:.100}')
    return numbers


def encode_numbers(name: str, dtype: np.dtype[Any], column: np.ndarray) -> np.ndarray:
    """Numbers or booleans in a field's dtype."""
    kind = column.dtype.kind
    if dtype.kind == "b" and kind == "b":
        return column
    if dtype.kind == "b" or kind not in "iuf":
        raise InputError(f'column "{name}": expected {dtype}, got {column.flat[0]!r:.100}')
    limits: Any = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    whole = column.astype(np.float64) if kind == "f" else column
    if kind == "f" and dtype.kind == "i":  # float64 has no number for int64's largest
        fits = (whole >= limits.min) & (whole < limits.max + 1.0) & (whole == np.floor(whole))
    else:
        fits = (whole >= limits.min) & (whole <= limits.max)
    if not fits.all():
        row = int(np.argmin(fits.reshape(len(column), -1).all(axis=1)))
        raise InputError(f'column "{name}", row {row}: expected {dtype}, got {column[row]!r}')
    return column.astype(dtype)


def encode_moments(field: Mapping[str, Any], column: np.ndarray) -> np.ndarray:
    """Moments as int64 milliseconds since the epoch (UTC); what is finer is dropped."""
    if column.dtype.kind == "M" and not np.isnat(column).any():
        return column.astype("datetime64[ms]").astype(np.int64)
    return encode_each(field, column, milliseconds, np.dtype(np.int64), "milliseconds or a moment")


def milliseconds(value: Any) -> int | None:
    """The moment of an integer, a text, a datetime with a zone or a datetime64; else None."""
    if isinstance(value, np.datetime64):
        value = value.astype("datetime64[ms]").astype(np.int64)
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return int(value) if -(2**63) <= value < 2**63 else None
    try:
        moment = datetime.fromisoformat(value.upper()) if isinstance(value, str) else value
        return int((moment - EPOCH) // timedelta(milliseconds=1))
    except (ValueError, TypeError):
        return None


def encode_category(field: Mapping[str, Any], column: np.ndarray) -> np.ndarray:
    """Strings as int32 codes, by vocabulary (position + 1, unknown 0) or by CRC-32 bucket."""
    code = word_code(field)
    return encode_each(field, column, code, np.dtype(np.int32), "a string")


def word_code(field: Mapping[str, Any]) -> Callable[[Any], int | None]:
    """The function from a string to its code in a field; None for what is no string."""
    buckets = int(field.get("buckets") or 0)
    places = {value: i + 1 for i, value in enumerate(field.get("vocabulary", ()))}

    def bucket(value: Any) -> int | None:
        if not isinstance(value, str):
            return None
        return 1 + zlib.crc32(value.encode()) % buckets if value else 0

    def place(value: Any) -> int | None:
        return places.get(value, 0) if isinstance(value, str) else None

    return bucket if buckets else place


def encode_each(
    field: Mapping[str, Any],
    column: np.ndarray,
    code: Callable[[Any], int | None],
    dtype: np.dtype[Any],
    expected: str,
) -> np.ndarray:
    """The codes of a column's values, each distinct one of which is looked at once.

    Args:
        field: the field.
        column: values of any shape.
        code: of a value; None if it has none.
        dtype: of the codes.
        expected: what a value should be, for people.
    """
    codes, values = Codes(code), column.astype(object).reshape(-1).tolist()
    try:
        found = np.fromiter(map(codes.__getitem__, values), dtype, len(values))
    except TypeError as e:  # what cannot be hashed
        raise InputError(
            f'column "{field["name"]}": expected {expected}, got lists or dicts'
        ) from e
    if codes.strange:
        told = [repr(value)[:100] for value in codes.strange if not is_missing(value)]
        got = told[0] if told else "a missing value"
        raise InputError(f'column "{field["name"]}": expected {expected}, got {got}')
    return found.reshape(column.shape)


class Codes(dict[Any, int]):
    """Value -> code, found out when a value is first met; `strange` are those that have none."""

    def __init__(self, code: Callable[[Any], int | None]) -> None:
        super().__init__()
        self._code = code
        self.strange: list[Any] = []

    def __missing__(self, value: Any) -> int:
        found = self._code(value)
        if found is None:
            self.strange.append(value)
        self[value] = found or 0
        return found or 0


def missing_in(column: np.ndarray) -> np.ndarray:
    """Which values of a column are missing: None, NaN, NaT, and pandas' NA; bool `[rows]`."""
    if column.dtype.kind in "fM":
        return np.asarray(np.isnan(column) if column.dtype.kind == "f" else np.isnat(column))
    if column.dtype != object:
        return np.zeros(len(column), bool)
    return np.fromiter(map(is_missing, column.tolist()), bool, len(column))


def is_missing(value: Any) -> bool:
    """Whether a value stands for one that is not there."""
    if value is None or type(value) in {str, int, bool}:
        return value is None
    if isinstance(value, (list, tuple, dict, np.ndarray)):
        return False
    try:
        return bool(value != value)  # NaN and NaT are not
    except TypeError:  # pandas' NA is neither
        return True


def array_of(values: Any) -> np.ndarray:
    """Values as an array; a plain list keeps its objects, where NumPy would make 5 into "5"."""
    return np.asarray(values, dtype=object if isinstance(values, list) else None)
