"""Noted values of one field of many records, as a column; and which are good beyond doubt.

The walks through binary formats (`avro.walk`, `protobuf.walk`) note them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.field import Field
from ingest.formats.binary.noted import Noted, Read, floats_of
from ingest.formats.binary.noted_lists import list_column
from ingest.formats.binary.operations import ABSENT, FLOOR_TO_MS, MS_PER_DAY, ODD, OPERATIONS
from ingest.formats.values import default_value
from ingest.formats.whole_columns import check_numbers, check_words
from ingest.ragged import Column, Ragged

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Checked = tuple[Column, NDArray[np.bool_]]

__all__ = ["LARGEST_SCALE", "WHOLE", "FieldPlan", "column_of"]

NULL, BOOL, INT, LONG, FLOAT, DOUBLE = (
    OPERATIONS[name] for name in ("null", "boolean", "int", "long", "float", "double")
)
BYTES, STRING, FIXED, ENUM = (OPERATIONS[name] for name in ("bytes", "string", "fixed", "enum"))
WHOLE = (INT, LONG)
LARGEST_SCALE = 22  # the largest power of ten that is a float64


@dataclass(frozen=True)
class FieldPlan:
    """How the values of a field become a column.

    Attributes:
        field: the field.
        logical: by operation, the logical type of its values; a type of which there are several
            unlike each other is not there, and its values are left to the reader of records.
        symbols: of its enum; none if it has none or several.
        item: the operation of a list's elements, or ABSENT.
        scale: of its decimal: how many digits stand behind the point.
    """

    field: Field
    logical: dict[int, str | None]
    symbols: tuple[str, ...] = ()
    item: int = ABSENT
    scale: int = 0


def column_of(plan: FieldPlan, noted: Noted, read: Read) -> Checked:
    """A field's column, and bool[n]: which of its rows are good beyond doubt.

    Args:
        plan: of the field.
        noted: of the field.
        read: the elements of lists, as their format writes them.
    """
    field = plan.field
    absent = (noted.kinds == ABSENT) | (noted.kinds == NULL)
    understood = np.isin(noted.kinds, list(plan.logical))
    kinds = np.where(understood, noted.kinds, ODD)
    noted = replace(noted, kinds=np.where(absent, ABSENT, kinds).astype(np.uint8))
    if field.length:
        return list_column(field, plan.item, noted, read)
    if field.is_text:
        return _texts(plan, noted)
    if field.dtype == "category":
        column, fine = _codes(plan, noted)
    elif field.dtype in ("float32", "float64"):
        column, fine = _floats(plan, noted)
    else:
        column, fine = _integers(plan, noted)
    if field.default is not None:
        column[noted.kinds == ABSENT] = default_value(field)
        fine |= noted.kinds == ABSENT
    return column, fine


def _floats(plan: FieldPlan, noted: Noted) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    field = plan.field
    raw = np.zeros(len(noted.values), np.float64)
    found = np.zeros(len(raw), np.bool_)
    for operation in (DOUBLE, FLOAT, LONG, INT):
        here = noted.kinds == operation
        if here.any():
            raw[here] = floats_of(noted.values[here], operation)
            found |= here
    for operation in (BYTES, FIXED):
        here = np.flatnonzero(noted.kinds == operation)
        if len(here) and plan.logical[operation] == "decimal" and plan.scale <= LARGEST_SCALE:
            from ingest.formats.binary.decimals import read_decimals  # numba is slow to import

            whole, exact = read_decimals(noted.buffer, noted.values[here], noted.lengths[here])
            raw[here], found[here] = whole / 10.0**plan.scale, exact
    column, fine = check_numbers(field, raw)
    return column, fine & found


def _integers(plan: FieldPlan, noted: Noted) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Whole numbers, booleans and moments."""
    field, values = plan.field, noted.values
    if field.dtype == "bool":
        column, fine = check_numbers(field, values)
        return column, fine & (noted.kinds == BOOL)
    found = (noted.kinds == INT) | (noted.kinds == LONG)
    if field.dtype == "timestamp":
        logical = next((plan.logical[o] for o in WHOLE if o in plan.logical), None)
        if logical == "date":
            values = np.where(found, values, 0) * MS_PER_DAY
        elif logical in FLOOR_TO_MS:
            values = values // FLOOR_TO_MS[logical]
        elif logical is not None:
            found = np.zeros_like(found)
    column, fine = check_numbers(field, values)
    return column, fine & found


def _codes(plan: FieldPlan, noted: Noted) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """A category whose vocabulary is fixed, or with buckets."""
    codes = np.full(len(noted.kinds), -1, np.int32)
    enums = noted.kinds == ENUM
    if enums.any():
        codes[enums] = plan.field.codes(plan.symbols)[noted.values[enums]]
    strings = np.flatnonzero(noted.kinds == STRING)
    if len(strings):
        from ingest.formats.gather import gather_spans  # numba is slow to import

        words = gather_spans(noted.buffer, noted.values[strings], noted.lengths[strings])
        codes[strings], _ = check_words(plan.field, words)
    return codes, codes >= 0


def _texts(plan: FieldPlan, noted: Noted) -> Checked:
    """Strings, bytes and words whose vocabulary grows; a row that is not good is empty."""
    from ingest.formats.gather import gather_spans  # numba is slow to import

    field, kinds = plan.field, noted.kinds
    fine = (kinds == BYTES) | (kinds == FIXED) if field.dtype == "bytes" else kinds == STRING
    texts = gather_spans(noted.buffer, noted.values * fine, noted.lengths * fine)
    words, place = [b""], np.zeros(len(kinds), np.int64)
    if ENUM in plan.logical and field.dtype != "bytes":
        place[kinds == ENUM] = noted.values[kinds == ENUM] + 1
        words += [symbol.encode() for symbol in plan.symbols]
    fine = fine | (place > 0)
    if field.default is not None:
        place[kinds == ABSENT] = len(words)
        words.append(default_value(field))
        fine |= kinds == ABSENT
    return (_with_words(texts, place, words) if place.any() else texts), fine


def _with_words(texts: Ragged, place: NDArray[np.int64], words: Sequence[bytes]) -> Ragged:
    """Texts with the word at its place, int64[n], in each row that is empty there."""
    from ingest.formats.gather import gather_spans  # numba is slow to import

    known = Ragged.of(words, np.uint8)
    start = np.where(place > 0, len(texts.values) + known.splits[place], texts.splits[:-1])
    whole = np.concatenate([texts.values, known.values]) if len(texts.values) else known.values
    return gather_spans(whole, start, texts.lengths + known.lengths[place])
