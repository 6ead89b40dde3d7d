"""Serialized `tf.train.Example`s to columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ingest.field import Field
from ingest.formats.assembly import assemble, chunks, decode_rows, readable
from ingest.formats.decoder import BadRecord, Decoded
from ingest.formats.example.message import KINDS, read_example
from ingest.formats.values import default_column
from ingest.formats.whole_columns import check_numbers, check_texts, check_words
from ingest.ragged import Column, Ragged, concat_columns, take_rows
from ingest.records import RecordBatch
from ingest.schema import Schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ingest.formats.example.walk import Places

    Part = tuple[NDArray[np.int64], dict[str, Column]]

__all__ = ["ExampleDecoder"]

CHUNK = 4096
CODES = {"bytes_list": 1, "float_list": 2, "int64_list": 3}


class ExampleDecoder:
    """A `Decoder` for serialized `tf.train.Example` messages, as TFRecord files hold them.

    Numbers of float32 and float64 come from a `float_list`; of int32 and int64, booleans (0 and 1)
    and timestamps (milliseconds) from an `int64_list`; categories, strings and bytes from a
    `bytes_list`. A single value is a list of one. A feature that is not there, or has no list, is
    missing. Features that the schema does not name are ignored.

    What protobuf's serializers write is walked and checked in bulk, with TensorFlow neither
    imported nor needed; anything else goes through protobuf record by record. The outcome is that
    of `tf.io.parse_example`, where that gives one.

    Args:
        schema: the fields.
        max_record_bytes: a longer value is bad.
    """

    def __init__(self, schema: Schema, max_record_bytes: int = 1_000_000) -> None:
        self._schema = schema
        self._max_bytes = max_record_bytes
        self._names = [field.name.encode() for field in schema.fields]
        self._defaults = {f.name: default_column(f) for f in schema.fields if f.default is not None}

    def decode(self, batch: RecordBatch) -> Decoded:
        """Decode all records of a batch; see `Decoder`."""
        rows, bad = readable(batch, self._max_bytes)
        parts: list[Part] = []
        for piece in chunks(rows, CHUNK):
            parts += self._chunk(batch, piece, bad)
        return assemble(parts, bad)

    def _chunk(
        self, batch: RecordBatch, rows: NDArray[np.int64], bad: list[BadRecord]
    ) -> list[Part]:
        """The rows that are good beyond doubt, and those of the others that are good."""
        from ingest.formats.example.walk import walk  # numba is slow to import

        places = walk(batch.buffer, batch.value_start[rows], batch.value_length[rows], self._names)
        plain = places.plain.copy()
        for at, field in enumerate(self._schema.fields):
            plain &= self._fits(field, places.kind[at], places.count[at])
        kept, columns = np.flatnonzero(plain), {}
        fine = np.ones(len(kept), np.bool_)
        for at, field in enumerate(self._schema.fields):
            columns[field.name], good = self._column(batch, field, at, places, kept)
            fine &= good
        if len(kept) == len(rows) and fine.all():
            return [(rows, columns)]
        kept = kept[fine]
        odd = np.delete(rows, kept)
        good_rows, odd_columns, worse = decode_rows(
            self._schema,
            odd,
            lambda row: read_example(self._schema.fields, batch.value(row) or b""),
        )
        bad += worse
        columns = {name: take_rows(column, fine) for name, column in columns.items()}
        return [(rows[kept], columns), (good_rows, dict(odd_columns))]

    @staticmethod
    def _fits(field: Field, kind: NDArray[np.int8], count: NDArray[np.int64]) -> NDArray[np.bool_]:
        """bool[n], whether a list of the right kind and length is there, or may be missing."""
        fits: NDArray[np.bool_] = kind == CODES[KINDS[field.dtype]]
        if field.length != "ragged":
            fits &= count == (field.length or 1)
        return fits | (kind == 0) if field.default is not None else fits

    def _column(
        self, batch: RecordBatch, field: Field, at: int, places: Places, rows: NDArray[np.int64]
    ) -> tuple[Column, NDArray[np.bool_]]:
        there = places.kind[at, rows] != 0
        if there.all():
            return read_column(batch, field, at, places, rows)
        column, good = read_column(batch, field, at, places, rows[there])
        whole = concat_columns([column, self._defaults[field.name]])
        order = np.full(len(rows), len(column))
        order[there] = np.arange(len(column))
        fine = np.ones(len(rows), np.bool_)
        fine[there] = good
        return take_rows(whole, order), fine


def read_column(
    batch: RecordBatch, field: Field, at: int, places: Places, rows: NDArray[np.int64]
) -> tuple[Column, NDArray[np.bool_]]:
    """The column of a field whose lists are all there, and bool[n]: which rows are good.

    Args:
        batch: that was walked.
        field: the field.
        at: its place in the schema.
        places: where the values lie.
        rows: int64[n], of the walk.
    """
    counts = places.count[at, rows]
    values, fine = _flat(batch.buffer, field, places, at, rows)
    if isinstance(values, Ragged):
        return values, fine
    if field.length != "ragged":
        rows_fine = np.all(fine.reshape(len(rows), field.length or 1), axis=1)
        return values.reshape(len(rows), *field.shape), rows_fine
    good = np.ones(len(rows), np.bool_)
    good[np.repeat(np.arange(len(rows)), counts)[~fine]] = False
    return Ragged.from_lengths(values, counts), good


def _flat(
    buffer: NDArray[np.uint8], field: Field, places: Places, at: int, rows: NDArray[np.int64]
) -> tuple[Column, NDArray[np.bool_]]:
    """All values of all rows, and whether each is good."""
    from ingest.formats.example.walk import integers_at, pieces_at
    from ingest.formats.gather import gather_spans

    start, size = places.start[at, rows], places.size[at, rows]
    count = int(places.count[at, rows].sum())
    kind = KINDS[field.dtype]
    if kind == "float_list":
        return check_numbers(field, gather_spans(buffer, start, size).values.view("<f4"))
    if kind == "int64_list":
        return check_numbers(field, integers_at(buffer, start, size, count))
    pieces = gather_spans(buffer, *pieces_at(buffer, start, size, count))
    if field.dtype == "bytes":
        return pieces, np.ones(count, np.bool_)
    return (pieces, check_texts(pieces)) if field.is_text else check_words(field, pieces)
