"""One record at a time, by the shortest way: buffers that stay, and no array per field.

It gives what `encode` and `LiteRuntime.predict` give, or nothing: what it does not know well (a
number of another kind, a missing value, what does not fit) is left to them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .encode import encode, encode_numbers, milliseconds, word_code
from .runtime import InputError, LiteRuntime

__all__ = ["SingleRecord"]

EXACT = 2**53  # whole numbers up to here are floats
DECIMALS = frozenset({float, np.float64})
WHOLE = frozenset({int, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32})
Cell = Callable[[Any], Any]


class Unusual(Exception):  # noqa: N818 - reads as what happened
    """A value is to be looked at by `encode`."""


class SingleRecord:
    """Predicts one record. Safe to share by threads.

    Args:
        fields: the schema's, by name.
        runtime: what predicts.
    """

    def __init__(self, fields: Mapping[str, Mapping[str, Any]], runtime: LiteRuntime) -> None:
        self._runtime = runtime
        self._lock = threading.Lock()
        buffers = runtime.one_row() or {}
        self._arrays = list(buffers.values())
        self._shapes = [array.shape for array in self._arrays]
        self._is_able = bool(buffers)
        self._cells: list[tuple[str, Cell, np.ndarray, Any]] = []
        for name, array in buffers.items():
            field = fields[name]
            self._is_able = self._is_able and fits(field, array.shape)
            given = field.get("default")
            default = None if given is None else encode(field, [None])[0]
            place = array.reshape(-1) if field.get("length") else array.reshape(-1)[:1]
            self._cells.append((name, cell_of(field), place, default))

    def predict(self, record: Mapping[str, Any]) -> list[np.ndarray] | None:
        """The outputs for a record, each of one row; None if it is none, or an unusual one."""
        if not self._is_able:
            return None
        with self._lock:
            try:
                for name, cell, place, default in self._cells:
                    value = record.get(name)
                    if value is not None:
                        place[...] = cell(value)
                    elif default is not None:
                        place[...] = default
                    else:
                        return None
            except (Unusual, TypeError, ValueError, OverflowError):
                return None
            return self._runtime.run(self._arrays, self._shapes)


def fits(field: Mapping[str, Any], shape: tuple[int, ...]) -> bool:
    """Whether an input of one row takes a value of the field as `LiteRuntime.fit` takes it."""
    length = field.get("length")
    if not length:
        return shape in {(1,), (1, 1)}
    return shape in {(1, length), (1, length, 1)} or (length == 1 and shape == (1,))


def cell_of(field: Mapping[str, Any]) -> Cell:
    """The function from a value of a field to what the model takes; it raises `Unusual`."""
    kind, length = field["dtype"], field.get("length")
    if length:
        return list_cell(field) if kind not in {"category", "timestamp"} else any_cell(field)
    if kind == "category":
        return text_cell(word_code(field))
    if kind == "timestamp":
        return moment_cell(text_cell(milliseconds), whole_cell(np.dtype(np.int64)))
    if kind == "bool":
        return truth_cell
    dtype = np.dtype(kind)
    return decimal_cell(dtype) if dtype.kind == "f" else whole_cell(dtype)


def decimal_cell(dtype: np.dtype[Any]) -> Cell:
    """Finite numbers of a type of floats."""
    most = float(np.finfo(dtype).max)

    def cell(value: Any) -> Any:
        if type(value) in DECIMALS and -most <= value <= most:
            return value
        if type(value) is np.float32 and np.isfinite(value):
            return value
        if type(value) is int and -EXACT <= value <= EXACT:
            return value
        raise Unusual

    return cell


def whole_cell(dtype: np.dtype[Any]) -> Cell:
    """Whole numbers of a type of integers."""
    least, most = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)

    def cell(value: Any) -> Any:
        if type(value) in WHOLE and least <= value <= most:
            return value
        raise Unusual

    return cell


def truth_cell(value: Any) -> Any:
    """Booleans."""
    if type(value) is bool or type(value) is np.bool_:
        return value
    raise Unusual


def text_cell(code: Callable[[Any], int | None]) -> Cell:
    """Texts by the function that knows their number."""

    def cell(value: Any) -> Any:
        found = code(value) if type(value) is str else None
        if found is None:
            raise Unusual
        return found

    return cell


def moment_cell(text: Cell, whole: Cell) -> Cell:
    """Moments as texts or whole milliseconds."""

    def cell(value: Any) -> Any:
        return text(value) if type(value) is str else whole(value)

    return cell


def list_cell(field: Mapping[str, Any]) -> Cell:
    """Lists of numbers or booleans."""
    name, dtype, shape = field["name"], np.dtype(field["dtype"]), (field["length"],)
    kinds = "b" if dtype.kind == "b" else "iuf"

    def cell(value: Any) -> Any:
        if not isinstance(value, (list, tuple, np.ndarray)):
            raise Unusual
        array = np.asarray(value)
        if array.shape != shape or array.dtype.kind not in kinds:
            raise Unusual
        return encode_numbers(name, dtype, array[None])[0]

    return cell


def any_cell(field: Mapping[str, Any]) -> Cell:
    """Whatever `encode` makes of a list."""

    def cell(value: Any) -> Any:
        if not isinstance(value, (list, tuple, np.ndarray)):
            raise Unusual
        try:
            return encode(field, [list(value)])[0]
        except InputError as e:
            raise Unusual from e

    return cell
