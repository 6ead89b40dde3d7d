"""What a value must be to become a row of a column: the last word on which are bad, and why.

Decoders of records that are objects of fields take most values in bulk (`whole_columns`,
`json.values`), as long as they are good beyond doubt; whatever may be bad comes here, so that a
field means the same in all formats.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import numpy as np

from ingest.field import Field
from ingest.formats.value_checks import BadKind, WrongError, check
from ingest.formats.whole_columns import cast
from ingest.ragged import Column, Ragged
from ingest.schema import Schema

__all__ = [
    "MISSING",
    "BadKind",
    "BadValueError",
    "ColumnsBuilder",
    "check_value",
    "default_column",
    "default_value",
    "place_of",
    "shown",
    "shown_bytes",
    "shown_text",
    "wrong_value",
]

SHOWN = 100


class _Missing:
    """The type of `MISSING`."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()
"""In place of the value of a field that is not in its record."""


class BadValueError(Exception):
    """Why a record is bad, as kind and reason; the decoder makes a `BadRecord` of it."""

    def __init__(self, kind: BadKind, reason: str) -> None:
        super().__init__(reason)
        self.kind: BadKind = kind


def check_value(field: Field, value: object, raw: bytes | None = None) -> Any:
    """What becomes of a record's value in its field's column.

    Args:
        field: the field.
        value: as the format's library gives it: MISSING, None, bool, int, float, str, bytes, list
            or tuple, or a datetime with a zone. A bool is no number; an int will do for a float,
            never the other way round. A timestamp is an int of milliseconds since the epoch, a
            text as RFC 3339 has it, or a datetime.
        raw: the value as a text format has it, for messages; None to show it as JSON would.

    Returns:
        float, int (also codes and milliseconds), bool, or bytes for a text; a list of those for a
        field with a length. Finite, within the field's bounds and dtype, and never -0.0. The
        default where the value is MISSING or None.

    Raises:
        BadValueError: it is missing, of another type or length, out of range, not finite, or an
            unknown label.
    """
    if value is MISSING or value is None:
        if field.default is not None:
            return default_value(field)
        if value is MISSING:
            reason = f'field "{field.name}": missing ({place_of(field)})'
            raise BadValueError("missing_field", reason)
    try:
        return check(field, value)
    except WrongError as error:
        raise wrong_value(field, error, _shown_part(value, error.place, raw)) from error


def default_value(field: Field) -> Any:
    """What `check_value` returns for a value that is missing; the field must have a default."""
    if field.length == "ragged":
        return []
    value: object = field.default
    if field.dtype == "bytes":
        value = str(value).encode()
    return check(field, [value] * field.length if field.length else value)


def default_column(field: Field) -> Column:
    """A column of one row, the default; the field must have one."""
    return _column(field, [default_value(field)])


def wrong_value(field: Field, error: WrongError, text: str) -> BadValueError:
    """The error for people: place, what was expected, what came, what describes the field.

    Args:
        field: the field.
        error: what is wrong with the value.
        text: the value, or the element of a list that is wrong, as the message shows it.
    """
    place = "" if error.place is None else f"[{error.place}]"
    return BadValueError(
        error.kind,
        f'field "{field.name}"{place}: expected {_expected(field, error)}, got {text}'
        f" ({place_of(field)})",
    )


def place_of(field: Field) -> str:
    """Where the configuration describes a field."""
    return f"schema.features.{field.name}" if field.role == "feature" else f"schema.{field.role}"


def shown_bytes(raw: bytes) -> str:
    """The beginning of some bytes, for a message."""
    text = raw[:SHOWN].decode("utf-8", errors="backslashreplace")
    return f"{text!r}{' ...' if len(raw) > SHOWN else ''}"


def shown_text(raw: bytes) -> str:
    """The beginning of a text in UTF-8, for a message, as it is."""
    text = raw[:SHOWN].decode("utf-8", errors="backslashreplace")
    return f"{text}{' ...' if len(raw) > SHOWN else ''}"


def shown(value: object) -> str:
    """A value, for a message, as JSON would have it; of a long one the beginning."""
    if isinstance(value, bytes):
        return shown_bytes(value)
    if isinstance(value, (list, tuple)):
        return f"a list of {len(value)}"
    if isinstance(value, str):
        safe = value[:SHOWN].encode("utf-8", "backslashreplace").decode()
        return json.dumps(safe, ensure_ascii=False) + (" ..." if len(value) > SHOWN else "")
    if value is None or isinstance(value, (bool, float)):
        return json.dumps(value)
    if isinstance(value, int):
        return str(value) if abs(value) < 10**SHOWN else f"a number of {value.bit_length()} bits"
    if isinstance(value, datetime):
        return value.isoformat()
    return f"a value of type {type(value).__name__}"


class ColumnsBuilder:
    """Columns that grow record by record, for formats without a way to whole columns.

    Args:
        schema: the fields.
    """

    def __init__(self, schema: Schema) -> None:
        self._fields = schema.fields
        self._values: list[list[Any]] = [[] for _ in schema.fields]

    def __len__(self) -> int:
        return len(self._values[0])

    def add(self, record: Mapping[str, object]) -> None:
        """Add a record, by `check_value`; one that is bad is not added.

        Raises:
            BadValueError: a value is missing or bad; the first such field in the schema's order.
        """
        self.append([check_value(f, record.get(f.name, MISSING)) for f in self._fields])

    def append(self, values: list[Any]) -> None:
        """Add a record whose values `check_value` has returned, in the order of the fields."""
        for column, value in zip(self._values, values, strict=True):
            column.append(value)

    def columns(self) -> dict[str, Column]:
        """The records so far, as columns in their fields' dtypes."""
        return {
            field.name: _column(field, values)
            for field, values in zip(self._fields, self._values, strict=True)
        }


def _column(field: Field, values: list[Any]) -> Column:
    if field.is_ragged:
        column = Ragged.of(values, field.numpy_dtype)
        return Ragged(cast(field, column.values), column.splits)
    wide = np.dtype(np.float64 if field.numpy_dtype.kind == "f" else field.numpy_dtype)
    return cast(field, np.array(values, wide)).reshape(-1, *field.shape)


def _shown_part(value: object, place: int | None, raw: bytes | None) -> str:
    if place is not None and isinstance(value, (list, tuple)):
        return shown(value[place])
    return shown(value) if raw is None else shown_text(raw)


def _expected(field: Field, error: WrongError) -> str:
    one: str = "a string" if field.dtype in ("category", "string") else field.dtype
    if field.dtype == "timestamp":
        one = "a timestamp (RFC 3339 with its offset, or whole milliseconds)"
    if field.length and error.place is None:
        many = "" if field.length == "ragged" else f"{field.length} "
        return f"a list of {many}{'strings' if field.dtype == 'category' else one}"
    wanted: dict[BadKind, str] = {
        "out_of_range": _range_of(field),
        "not_finite": f"a finite {field.dtype}",
        "unknown_label": "a label of the vocabulary",
    }
    return wanted.get(error.kind, one)


def _range_of(field: Field) -> str:
    """The good values of a number, for a message."""
    noun: str = field.dtype
    low, high = field.bounds
    if field.role == "weight":
        noun, low = "a weight", max(0.0, low or 0.0)
    least, most = _plain(low), _plain(high)
    if least and most:
        return f"{noun} from {least} to {most}"
    if least:
        return f"{noun} of at least {least}"
    return f"{noun} of at most {most}" if most else f"{noun} within its range"


def _plain(number: float | None) -> str:
    if number is None:
        return ""
    return str(number) if isinstance(number, int) else f"{number:.15g}"
