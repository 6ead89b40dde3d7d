"""What a JSON record must be: the one place that says which records are bad, and why."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from ingest.field import Field
from ingest.schema import Schema

__all__ = ["MAX_DEPTH", "BadKind", "BadValueError", "RecordParser"]

BadKind = Literal[
    "not_json",
    "missing_field",
    "wrong_type",
    "out_of_range",
    "not_finite",
    "unknown_label",
]
SHOWN = 100
FLOAT32_OVERFLOW = 2.0**128 - 2.0**103
INTEGER_LIMIT = {"int32": 2**31, "int64": 2**63}
MAX_DEPTH = 200
STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
BRACKET = re.compile(rb"[\[\]{}]")
NOT_FINITE = re.compile(rb"\b(?:NaN|Inf(?:inity)?)\b")

_decode_any = msgspec.json.Decoder().decode


class BadValueError(Exception):
    """Why a record is bad, as kind and reason."""

    def __init__(self, kind: BadKind, reason: str) -> None:
        super().__init__(reason)
        self.kind: BadKind = kind


class RecordParser:
    """The values of a schema's fields in a JSON record, as numbers.

    Strict JSON (RFC 8259) in UTF-8, nested at most 200 deep; of a key that is there twice the last
    one counts. Fields that the schema does not name are ignored, but they must be JSON.

    Args:
        schema: the fields.
    """

    def __init__(self, schema: Schema) -> None:
        self._fields = {f"f{place}": field for place, field in enumerate(schema.fields)}
        members: Any = [(alias, msgspec.Raw, msgspec.UNSET) for alias in self._fields]
        names = {alias: field.name for alias, field in self._fields.items()}
        record = msgspec.defstruct("Record", members, rename=names)
        self._decode = msgspec.json.Decoder(record).decode

    def parse(self, raw: bytes) -> dict[str, Any]:
        """The values by field.

        Raises:
            BadValueError: the record is bad.
        """
        try:
            raw.decode()
            if is_deeper(raw, MAX_DEPTH):
                raise BadValueError("not_json", f"nested deeper than {MAX_DEPTH}: {shown(raw)}")
            record = self._decode(raw)
        except msgspec.ValidationError as error:
            reason = f"expected a JSON object, got {shown(raw)}"
            raise BadValueError("not_json", reason) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            kind: BadKind = "not_finite" if NOT_FINITE.search(STRING.sub(b"", raw)) else "not_json"
            raise BadValueError(kind, f"not JSON: {error}; got {shown(raw)}") from error
        return {
            field.name: check_value(field, getattr(record, alias))
            for alias, field in self._fields.items()
        }


def is_deeper(raw: bytes, limit: int) -> bool:
    """Whether brackets outside of strings are nested deeper than `limit`."""
    if raw.count(b"[") + raw.count(b"{") <= limit:
        return False
    depth = 0
    for bracket in BRACKET.findall(STRING.sub(b"", raw)):
        depth += 1 if bracket in b"[{" else -1
        if depth > limit:
            return True
    return False


def check_value(field: Field, raw: Any) -> Any:
    """A field's value, from its JSON, as a number of the field's type.

    Raises:
        BadValueError: it is missing, of another type, out of range, or an unknown label.
    """
    if raw is msgspec.UNSET:
        raise BadValueError("missing_field", f'field "{field.name}": missing ({place_of(field)})')
    try:
        return CHECKS[field.dtype](field, _decode_any(raw))
    except msgspec.ValidationError as error:
        raise _wrong(field, TOO_LONG[field.dtype], bytes(raw)) from error
    except WrongError as error:
        raise _wrong(field, error.kind, bytes(raw)) from error


def place_of(field: Field) -> str:
    """Where the configuration describes a field."""
    return f"schema.features.{field.name}" if field.role == "feature" else f"schema.{field.role}"


def shown(raw: bytes) -> str:
    """The beginning of some bytes, for a message."""
    text = raw[:SHOWN].decode("utf-8", errors="backslashreplace")
    return f"{text!r}{' ...' if len(raw) > SHOWN else ''}"


class WrongError(Exception):
    """A value is wrong in one of the ways of `BadKind`."""

    def __init__(self, kind: BadKind) -> None:
        super().__init__(kind)
        self.kind: BadKind = kind


def _check_float(field: Field, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise WrongError("wrong_type")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not abs(number) < FLOAT32_OVERFLOW:
        raise WrongError("not_finite")
    if field.role == "weight" and number < 0:
        raise WrongError("out_of_range")
    _check_bounds(field, number)
    return abs(number) if number == 0 else number


def _check_integer(field: Field, value: Any) -> int:
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


def _check_bool(_field: Field, value: Any) -> bool:
    if not isinstance(value, bool):
        raise WrongError("wrong_type")
    return value


def _check_category(field: Field, value: Any) -> int:
    if not isinstance(value, str):
        raise WrongError("wrong_type")
    code = int(field.codes([value])[0])
    if code < 0:
        raise WrongError("unknown_label")
    return code


CHECKS: dict[str, Callable[[Field, Any], Any]] = {
    "float32": _check_float,
    "int32": _check_integer,
    "int64": _check_integer,
    "bool": _check_bool,
    "category": _check_category,
}
TOO_LONG: dict[str, BadKind] = {
    "float32": "not_finite",
    "int32": "out_of_range",
    "int64": "out_of_range",
    "bool": "wrong_type",
    "category": "wrong_type",
}


def _range_of(field: Field) -> str:
    """The good values of a number, for a message."""
    noun: str = field.dtype
    low, high = field.bounds
    if field.role == "weight":
        noun, low = "a weight", max(0.0, low or 0.0)
    if low is not None and high is not None:
        return f"{noun} from {low:.15g} to {high:.15g}"
    if low is not None:
        return f"{noun} of at least {low:.15g}"
    if high is not None:
        return f"{noun} of at most {high:.15g}"
    return f"{noun} within its range"


def _wrong(field: Field, kind: BadKind, raw: bytes) -> BadValueError:
    expected = {
        "wrong_type": "a string" if field.dtype == "category" else field.dtype,
        "out_of_range": _range_of(field),
        "not_finite": f"a finite {field.dtype}",
        "unknown_label": "a label of the vocabulary",
    }[kind]
    text = raw[:SHOWN].decode(errors="backslashreplace") + (" ..." if len(raw) > SHOWN else "")
    return BadValueError(
        kind, f'field "{field.name}": expected {expected}, got {text} ({place_of(field)})'
    )
