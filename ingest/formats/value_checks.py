"""Whether a value is good for its field, type by type."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

from ingest.field import FLOAT32_OVERFLOW, INTEGER_LIMIT, Field
from ingest.formats.moments import milliseconds_of, parse_rfc3339

__all__ = ["BadKind", "WrongError", "check"]

BadKind = Literal[
    "malformed",
    "missing_field",
    "not_finite",
    "not_framed",
    "not_json",
    "null_value",
    "out_of_range",
    "too_large",
    "unknown_label",
    "unknown_schema",
    "wrong_length",
    "wrong_type",
]


class WrongError(Exception):
    """A value is wrong in one of the ways of `BadKind`; `place` is that of an element in a list."""

    def __init__(self, kind: BadKind) -> None:
        super().__init__(kind)
        self.kind: BadKind = kind
        self.place: int | None = None


def check(field: Field, value: object) -> Any:
    """A value that is neither missing nor null, as `values.check_value` returns it.

    Raises:
        WrongError: it is bad.
    """
    if not field.length:
        return CHECKS[field.dtype](field, value)
    if not isinstance(value, (list, tuple)):
        raise WrongError("wrong_type")
    if field.length not in ("ragged", len(value)):
        raise WrongError("wrong_length")
    one, found = CHECKS[field.dtype], []
    for place, element in enumerate(value):
        try:
            found.append(one(field, element))
        except WrongError as error:
            error.place = place
            raise
    return found


def _check_float(field: Field, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise WrongError("wrong_type")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not abs(number) < (FLOAT32_OVERFLOW if field.dtype == "float32" else math.inf):
        raise WrongError("not_finite")
    if field.role == "weight" and number < 0:
        raise WrongError("out_of_range")
    _check_bounds(field, number)
    return abs(number) if number == 0 else number


def _check_integer(field: Field, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise WrongError("wrong_type")
    limit = INTEGER_LIMIT[field.dtype]
    if not -limit <= value < limit:
        raise WrongError("out_of_range")
    _check_bounds(field, value)
    return value


def _check_bounds(field: Field, value: float) -> None:
    low, high = field.bounds
    if (low is not None and value < low) or (high is not None and value > high):
        raise WrongError("out_of_range")


def _check_bool(_field: Field, value: object) -> bool:
    if not isinstance(value, bool):
        raise WrongError("wrong_type")
    return value


def _check_category(field: Field, value: object) -> int | bytes:
    word = _check_string(field, value)
    if field.grow:
        return word
    code = field.code(str(value))
    if code < 0:
        raise WrongError("unknown_label")
    return code


def _check_string(_field: Field, value: object) -> bytes:
    if not isinstance(value, str):
        raise WrongError("wrong_type")
    try:
        return value.encode()
    except UnicodeEncodeError as error:
        raise WrongError("wrong_type") from error


def _check_bytes(_field: Field, value: object) -> bytes:
    if not isinstance(value, bytes):
        raise WrongError("wrong_type")
    return value


def _check_timestamp(field: Field, value: object) -> int:
    if isinstance(value, datetime):
        value = milliseconds_of(value)
    elif isinstance(value, str):
        value = parse_rfc3339(value)
    return _check_integer(field, value)


CHECKS: dict[str, Callable[[Field, object], Any]] = {
    "float32": _check_float,
    "float64": _check_float,
    "int32": _check_integer,
    "int64": _check_integer,
    "bool": _check_bool,
    "category": _check_category,
    "timestamp": _check_timestamp,
    "string": _check_string,
    "bytes": _check_bytes,
}
