"""What a JSON record must be: the one place that says which records are bad, and why."""

from __future__ import annotations

import math
from typing import Any, Literal

import msgspec
import numpy as np

from ingest.schema import Field, Schema

__all__ = ["BadKind", "BadValueError", "parse_record"]

BadKind = Literal[
    "not_json",
    "missing_field",
    "wrong_type",
    "out_of_range",
    "not_finite",
    "unknown_label",
]
SHOWN = 100
INTEGERS: dict[str, Any] = {"int32": np.iinfo(np.int32), "int64": np.iinfo(np.int64)}

_decode = msgspec.json.Decoder().decode


class BadValueError(Exception):
    """Why a record is bad, as kind and reason."""

    def __init__(self, kind: BadKind, reason: str) -> None:
        super().__init__(reason)
        self.kind: BadKind = kind


def parse_record(raw: bytes, schema: Schema) -> dict[str, Any]:
    """The values of a schema's fields in a JSON record, as numbers.

    Strict JSON (RFC 8259) in UTF-8; of a key that is there twice the last one counts. Fields that
    the schema does not name are ignored.

    Raises:
        BadValueError: the record is bad.
    """
    try:
        record = _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadValueError("not_json", f"not JSON: {error}; got {shown(raw)}") from error
    if not isinstance(record, dict):
        raise BadValueError("not_json", f"expected a JSON object, got {shown(raw)}")
    return {field.name: check_value(field, record) for field in schema.fields}


def check_value(field: Field, record: dict[str, Any]) -> Any:
    """A field's value in a record, as a number of the field's type.

    Raises:
        BadValueError: it is missing, of another type, out of range, or an unknown label.
    """
    if field.name not in record:
        raise BadValueError("missing_field", f'field "{field.name}": missing ({place_of(field)})')
    value = record[field.name]
    if field.dtype == "category":
        return _check_category(field, value)
    if field.dtype == "bool":
        if not isinstance(value, bool):
            raise _wrong(field, "wrong_type", value)
        return value
    if field.dtype == "float32":
        return _check_float(field, value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong(field, "wrong_type", value)
    limits = INTEGERS[field.dtype]
    if not limits.min <= value <= limits.max:
        raise _wrong(field, "out_of_range", value)
    return value


def place_of(field: Field) -> str:
    """Where the configuration describes a field."""
    return f"schema.features.{field.name}" if field.role == "feature" else f"schema.{field.role}"


def shown(raw: bytes) -> str:
    """The beginning of some bytes, for a message."""
    text = raw[:SHOWN].decode("utf-8", errors="backslashreplace")
    return f"{text!r}{' ...' if len(raw) > SHOWN else ''}"


def _check_float(field: Field, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _wrong(field, "wrong_type", value)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    with np.errstate(over="ignore"):
        if not np.isfinite(np.float32(number)):
            raise _wrong(field, "not_finite", value)
    if field.role == "weight" and number < 0:
        raise _wrong(field, "out_of_range", value)
    return number


def _check_category(field: Field, value: Any) -> int:
    if not isinstance(value, str):
        raise _wrong(field, "wrong_type", value)
    code = int(field.codes([value])[0])
    if code < 0:
        raise _wrong(field, "unknown_label", value)
    return code


def _wrong(field: Field, kind: BadKind, value: Any) -> BadValueError:
    expected = {
        "wrong_type": "a string" if field.dtype == "category" else field.dtype,
        "out_of_range": f"{field.dtype} within its range",
        "not_finite": f"a finite {field.dtype}",
        "unknown_label": "a label of the vocabulary",
    }[kind]
    if field.role == "weight" and kind == "out_of_range":
        expected = "a weight of at least 0"
    got = msgspec.json.encode(value) if not isinstance(value, int) else str(value).encode()
    return BadValueError(
        kind,
        f'field "{field.name}": expected {expected}, got {shown(got)[1:-1]} ({place_of(field)})',
    )
