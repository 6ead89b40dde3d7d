"""A schema as one array, for a JSON parser that is compiled once for all schemas."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.field import FLOAT32_OVERFLOW, INTEGER_LIMIT, Field
from ingest.formats.values import default_value
from ingest.formats.whole_columns import cast
from ingest.schema import Schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "BOOL",
    "BUCKETS",
    "BUCKET_COUNT",
    "COLUMN",
    "DEFAULT",
    "FIELDS",
    "FIELD_WIDTH",
    "FIRST_CODE",
    "FIRST_WORD",
    "FLOAT64",
    "HAS_DEFAULT",
    "HIGH",
    "INT64",
    "KIND",
    "LENGTH",
    "LOW",
    "NAMES",
    "RAGGED",
    "TABLE",
    "TEXT",
    "TIMESTAMP",
    "WORDS",
    "Plan",
    "make_plan",
]

# At the beginning of a plan: where its parts begin, and the table of names.
COUNT, WORDS, NAMES, FIELDS = 0, 1, 2, 4
# Of each field, from the place of its row on.
KIND, LENGTH, COLUMN, HAS_DEFAULT, DEFAULT, LOW, HIGH = range(7)
TABLE, TABLE_MASK, FIRST_WORD, FIRST_CODE, BUCKET_COUNT = range(7, 12)
FIELD_WIDTH = 12
FLOAT64, INT64, TIMESTAMP, BOOL, VOCABULARY, BUCKETS, TEXT, OTHER = range(8)
RAGGED = -1
KINDS = {
    "float32": FLOAT64,
    "float64": FLOAT64,
    "int32": INT64,
    "int64": INT64,
    "timestamp": TIMESTAMP,
    "bool": BOOL,
    "string": TEXT,
    "bytes": OTHER,
}


@dataclass(frozen=True, eq=False)
class Plan:
    """What the compiled parser knows of a schema.

    It writes columns of int64: one for a single value, k for a list of k, and two for what is
    ragged, where each row's values begin and how many they are. A float is there as its bits.

    Attributes:
        array: int64, for the parser. It has a row of `FIELD_WIDTH` numbers for each field, in the
            order of the schema; two numbers for each word, where it begins and how many bytes it
            has; hash tables of the words' numbers, counted from 1; and the words, eight bytes to
            each number. The words are the names of the fields, then their vocabularies.
        columns: how many.
        first: of each field, its first.
        lists: whether there are ragged lists.
    """

    array: NDArray[np.int64]
    columns: int
    first: tuple[int, ...]
    lists: bool


FillTable = Callable[[Any, Any, int, Any], None]


def make_plan(schema: Schema, fill_table: FillTable) -> Plan:
    """The plan of a schema; `fill_table` is that of `words`."""
    names = [_name(field.name) for field in schema.fields]
    groups: list[list[bytes | None]] = [names]
    groups += [[word.encode() for word in field.vocabulary] for field in schema.fields]
    tables = [np.zeros(1 << (2 * len(group) + 1).bit_length(), np.int64) for group in groups]
    first_word = np.cumsum([0, *map(len, groups)])
    words_at = FIELDS + FIELD_WIDTH * len(schema.fields)
    tables_at = words_at + 2 * int(first_word[-1]) + np.cumsum([0, *map(len, tables)])
    rows: list[int] = []
    first: list[int] = []
    columns = 0
    for number, field in enumerate(schema.fields, 1):
        own = (int(tables_at[number]), len(tables[number]) - 1, int(first_word[number]))
        rows += _row(field, columns, own)
        first.append(columns)
        columns += 2 if field.is_ragged else math.prod(field.shape)
    words, text = _lay_out([word for group in groups for word in group], int(tables_at[-1]))
    for number, group in enumerate(groups):
        ends = np.cumsum([len(word or b"") for word in group], dtype=np.int64)
        ends[[word is None for word in group]] = -1
        whole = np.frombuffer(b"".join(word or b"" for word in group), np.uint8)
        fill_table(whole, ends, int(first_word[number]), tables[number])
    head = [len(schema.fields), words_at, int(tables_at[0]), len(tables[0]) - 1]
    parts = [np.array(head), np.array(rows), words, *tables, text]
    lists = any(field.length == "ragged" for field in schema.fields)
    return Plan(np.concatenate(parts).astype(np.int64), columns, tuple(first), lists)


def _name(name: str) -> bytes | None:
    """A name as JSON has it; None if there is something to escape in it."""
    if any(c < " " or c in '"\\' for c in name):
        return None
    return name.encode()


def _row(field: Field, column: int, words: tuple[int, int, int]) -> list[int]:
    kind = KINDS.get(field.dtype, BUCKETS if field.buckets else VOCABULARY)
    length = RAGGED if field.length == "ragged" else field.length or 0
    row = [TEXT if field.grow else kind, length, column, field.default is not None]
    row += [_default(field), *_limits(field), *words]
    return [*row, 0 if field.role == "label" else 1, field.buckets]


def _default(field: Field) -> int:
    """A field's default as the number in its columns; 0 if it is ragged or has none."""
    if field.default is None or field.is_ragged:
        return 0
    value = default_value(field)
    value = value[0] if field.length else value
    return _bits(cast(field, np.array(value))) if isinstance(value, float) else int(value)


def _limits(field: Field) -> tuple[int, int]:
    """The smallest and the largest good number, as in the columns."""
    low, high = field.bounds
    low, high = -math.inf if low is None else low, math.inf if high is None else high
    if KINDS.get(field.dtype) == FLOAT64:
        largest = FLOAT32_OVERFLOW if field.dtype == "float32" else math.inf
        largest = math.nextafter(largest, 0)
        low = max(low, 0.0 if field.role == "weight" else -largest)
        return _bits(low), _bits(min(high, largest))
    limit = INTEGER_LIMIT.get(field.dtype, 1)
    least, most = max(low, -limit), min(high, limit - 1)
    return (int(least), int(most)) if least <= most else (1, 0)


def _bits(number: float | NDArray[Any]) -> int:
    return int(np.float64(number).view(np.int64))


def _lay_out(
    words: Sequence[bytes | None], begin: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Place and size of each word, and the words, of which the first is at the place `begin`."""
    sizes = np.array([-1 if word is None else len(word) for word in words], np.int64)
    room = (np.maximum(sizes, 0) + 7) // 8
    padded = zip(words, room.tolist(), strict=True)
    text = b"".join((word or b"").ljust(8 * many, b"\0") for word, many in padded)
    places = begin + np.cumsum(room) - room
    return np.stack([places, sizes], axis=1).ravel(), np.frombuffer(text, "<i8")
