"""How one member of a packed struct becomes the column of a field."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ingest.errors import SchemaError
from ingest.field import Field
from ingest.formats.values import BadValueError, check_value, place_of
from ingest.formats.whole_columns import check_numbers, check_texts, check_words, strip_zeros
from ingest.ragged import Column, Ragged

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Member"]

Way = Literal["number", "code", "text", "bytes", "moment"]
PER_MS = {"s": (1000, 1), "ms": (1, 1), "us": (1, 1000), "ns": (1, 1_000_000)}
NO_TIME = -(2**63)
NUMBERS = {"float32": "fiu", "float64": "fiu", "int32": "iu", "int64": "iu", "bool": "iu"}


@dataclass(frozen=True)
class Member:
    """A field's member of the struct, and which way leads from one to the other.

    Attributes:
        field: of the schema.
        way: number: as it is; code: an integer that is a category's code; text: characters, zero
            bytes at their end left out; bytes: all of them; moment: numpy's datetime64.
        unit: of a moment.
    """

    field: Field
    way: Way
    unit: str = "ms"

    @classmethod
    def of(cls, field: Field, member: np.dtype[Any]) -> Member:
        """The member of a field.

        Raises:
            SchemaError: a field of this type cannot come from this member.
        """
        base, shape = member.subdtype or (member, ())
        count = math.prod(shape) if shape else None
        if field.length == "ragged" or field.length != count:
            raise SchemaError(
                f'field "{field.name}": expected a member of length {field.length or 1}, got'
                f" {count or 1} (format.fields and {place_of(field)})"
            )
        way = _way(field, base.kind)
        if way is None:
            raise SchemaError(
                f'field "{field.name}": a {field.dtype} does not come from {base}'
                f" (format.fields and {place_of(field)})"
            )
        return cls(field, way, np.datetime_data(base)[0] if way == "moment" else "ms")

    def column(self, values: NDArray[Any]) -> tuple[Column, NDArray[np.bool_]]:
        """The column of many values, and bool[n]: which rows are good beyond doubt."""
        field, count = self.field, len(values)
        flat = values.reshape(count, math.prod(values.shape[1:]))
        if self.way == "bytes":
            width = flat.dtype.itemsize
            cells = np.ascontiguousarray(flat).view(np.uint8)
            splits = np.arange(count + 1, dtype=np.int64) * width
            return Ragged(cells.reshape(-1), splits), np.ones(count, np.bool_)
        if self.way == "text":
            return self._texts(flat)
        if self.way == "code":
            column = flat.astype(np.int32)
            fine = np.logical_and(flat >= 0, flat < (field.cardinality or 0))
        elif self.way == "moment":
            column, fine = _milliseconds(flat, self.unit)
        else:
            column, fine = check_numbers(field, flat)
        return column.reshape(count, *field.shape), np.all(fine, axis=1)

    def one(self, value: Any) -> Any:
        """What becomes of one value in the column.

        Raises:
            BadValueError: it is bad.
        """
        plain = value.ravel().tolist() if isinstance(value, np.ndarray) else value.item()
        field = self.field
        if self.way == "moment":
            moment = int(value.astype(np.int64))
            times, parts = PER_MS[self.unit]
            return check_value(field, None if moment == NO_TIME else moment * times // parts)
        if self.way == "code":
            codes = plain if isinstance(plain, list) else [plain]
            for code in codes:
                self._check_code(code)
            return plain
        if field.dtype == "bool":
            plain = _mapped(plain, lambda v: bool(v) if v in (0, 1) else v)
        elif self.way == "text" and field.dtype != "bytes":
            plain = _mapped(plain, _decoded)
        return check_value(field, plain)

    def _check_code(self, code: int) -> None:
        field = self.field
        if not 0 <= code < (field.cardinality or 0):
            raise BadValueError(
                "out_of_range",
                f'field "{field.name}": expected a code from 0 to {(field.cardinality or 0) - 1},'
                f" got {code} ({place_of(field)})",
            )

    def _texts(self, flat: NDArray[Any]) -> tuple[Column, NDArray[np.bool_]]:
        count = len(flat)
        cells = np.ascontiguousarray(flat).view(np.uint8).reshape(flat.size, flat.dtype.itemsize)
        texts = strip_zeros(cells)
        if self.field.is_text:
            plain = self.field.dtype == "bytes"
            return texts, np.ones(count, np.bool_) if plain else check_texts(texts)
        codes, fine = check_words(self.field, texts)
        return codes.reshape(count, *self.field.shape), np.all(fine.reshape(flat.shape), axis=1)


def _way(field: Field, kind: str) -> Way | None:
    if field.dtype == "category":
        if kind == "S":
            return "text"
        return "code" if kind in "iu" and not field.grow else None
    if field.dtype == "timestamp":
        return {"M": "moment", "i": "number", "u": "number"}.get(kind)  # type: ignore[return-value]
    if field.is_text:
        if kind == "V" and field.dtype == "bytes":
            return "bytes"
        return "text" if kind == "S" else None
    return "number" if kind in NUMBERS[field.dtype] else None


def _milliseconds(moments: NDArray[Any], unit: str) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    whole = moments.astype(np.int64) if moments.dtype.kind == "M" else moments
    times, parts = PER_MS[unit]
    most = (2**63 - 1) // times
    fine = (whole != NO_TIME) & (whole >= -most) & (whole <= most)
    return np.where(fine, whole, 0) * times // parts, fine


def _decoded(text: bytes) -> str | bytes:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text


def _mapped(value: Any, change: Any) -> Any:
    return [change(one) for one in value] if isinstance(value, list) else change(value)
