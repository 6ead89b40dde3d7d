"""What a JSON record must be: the one place that says which records are bad, and why."""

from __future__ import annotations

import binascii
import re
from typing import Any

import msgspec

from ingest.field import Field
from ingest.formats.value_checks import BadKind, WrongError
from ingest.formats.values import (
    MISSING,
    BadValueError,
    check_value,
    shown_bytes,
    shown_text,
    wrong_value,
)
from ingest.schema import Schema

__all__ = ["MAX_DEPTH", "RecordParser"]

MAX_DEPTH = 200
# A string, or what begins as one and has no end: no byte is looked at twice.
STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
BRACKET = re.compile(rb"[\[\]{}]")
NOT_FINITE = re.compile(rb"\b(?:NaN|Inf(?:inity)?)\b")
TOO_LONG: dict[str, BadKind] = {
    "float32": "not_finite",
    "float64": "not_finite",
    "int32": "out_of_range",
    "int64": "out_of_range",
    "timestamp": "out_of_range",
}

_decode_any = msgspec.json.Decoder().decode


class RecordParser:
    """The values of a schema's fields in a JSON record, one record at a time.

    Strict JSON (RFC 8259) in UTF-8, nested at most 200 deep; of a key that is there twice the last
    one counts. Fields that the schema does not name are ignored, but they must be JSON.

    JSON has no bytes: a field of bytes is a string of base64 (RFC 4648, section 4, with its
    padding). All else is as `ingest.formats.values.check_value` has it.

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
        """The values by field, in the schema's order.

        Raises:
            BadValueError: the record is bad.
        """
        record = self._record(raw)
        return {
            field.name: _value(field, getattr(record, alias))
            for alias, field in self._fields.items()
        }

    def _record(self, raw: bytes) -> Any:
        try:
            raw.decode()
            if is_deeper(raw, MAX_DEPTH):
                reason = f"nested deeper than {MAX_DEPTH}: {shown_bytes(raw)}"
                raise BadValueError("not_json", reason)
            return self._decode(raw)
        except msgspec.ValidationError as error:
            reason = f"expected a JSON object, got {shown_bytes(raw)}"
            raise BadValueError("not_json", reason) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            kind: BadKind = "not_finite" if NOT_FINITE.search(STRING.sub(b"", raw)) else "not_json"
            raise BadValueError(kind, f"not JSON: {error}; got {shown_bytes(raw)}") from error


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


def _value(field: Field, raw: Any) -> Any:
    """A field's value for its column, from its JSON."""
    if raw is msgspec.UNSET:
        return check_value(field, MISSING)
    text = bytes(raw)
    try:
        value = _decode_any(raw)
        if field.dtype == "bytes" and value is not None:
            value = _from_base64(value)
    except msgspec.ValidationError as error:
        kind = TOO_LONG.get(field.dtype, "wrong_type")
        raise wrong_value(field, WrongError(kind), shown_text(text)) from error
    except WrongError as error:
        raise wrong_value(field, error, shown_text(text)) from error
    return check_value(field, value, text)


def _from_base64(value: object) -> bytes:
    if not isinstance(value, str):
        raise WrongError("wrong_type")
    try:
        return binascii.a2b_base64(value.encode(), strict_mode=True)
    except ValueError as error:
        raise WrongError("wrong_type") from error
