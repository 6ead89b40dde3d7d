"""Packed structs to columns: numbers that lie in the record as the machine keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.errors import SchemaError
from ingest.formats.assembly import assemble, chunks, decode_rows, readable
from ingest.formats.decoder import BadRecord, Decoded
from ingest.formats.packed.layout import Layout, packed_dtype, structs_of
from ingest.formats.packed.member import Member
from ingest.formats.values import default_column, default_value, place_of
from ingest.ragged import Column, take_rows
from ingest.records import RecordBatch
from ingest.schema import Schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PackedDecoder"]

CHUNK = 8192


class PackedDecoder:
    """A `Decoder` for structs of a fixed size, as C, Rust or numpy write them.

    Values that lie in the buffer at a constant stride are read where they are; the columns are
    copies. What a field may come from: a number from a member of numbers (an integer never from
    floats), a bool from a byte of 0 or 1, a category from its text (`S8`) or from integers that
    are its codes, a timestamp from int64 milliseconds or `M8[...]` (NaT is null), a string or
    bytes from `S<n>` without the zero bytes at its end, bytes also from `V<n>`, all of them. A list
    comes from a member with a shape of as many elements. A field that the struct does not have
    needs a default; members without a field are ignored.

    Args:
        schema: the fields; none may be a ragged list.
        dtype: see `layout.packed_dtype`.
        max_record_bytes: a longer value is bad.

    Raises:
        SchemaError: the struct and the schema do not fit together.
    """

    def __init__(self, schema: Schema, dtype: Layout, max_record_bytes: int = 1_000_000) -> None:
        self._schema = schema
        self._dtype = packed_dtype(dtype)
        self._max_bytes = max_record_bytes
        self._members: dict[str, Member] = {}
        self._absent: dict[str, Any] = {}
        fields: Any = self._dtype.fields
        for field in schema.fields:
            if field.name in fields:
                self._members[field.name] = Member.of(field, fields[field.name][0])
            elif field.default is not None:
                self._absent[field.name] = default_value(field)
            else:
                raise SchemaError(
                    f'field "{field.name}": no member of the struct has this name'
                    f" (format.fields and {place_of(field)})"
                )

    def decode(self, batch: RecordBatch) -> Decoded:
        """Decode all records of a batch; see `Decoder`."""
        rows, bad = readable(batch, self._max_bytes)
        wrong = batch.value_length[rows] != self._dtype.itemsize
        bad += [self._wrong_length(batch, index) for index in rows[wrong].tolist()]
        rows = rows[~wrong]
        parts = []
        for piece in chunks(rows, CHUNK):
            parts += self._chunk(batch, piece, bad)
        return assemble(parts, bad)

    def _wrong_length(self, batch: RecordBatch, index: int) -> BadRecord:
        reason = (
            f"the value has {batch.value_length[index]} bytes, the struct of format.fields has"
            f" {self._dtype.itemsize}"
        )
        return BadRecord(index, reason, "wrong_length")

    def _chunk(
        self, batch: RecordBatch, rows: NDArray[np.int64], bad: list[BadRecord]
    ) -> list[tuple[NDArray[np.int64], Any]]:
        """The rows that are good beyond doubt, and those of the others that are good."""
        structs = structs_of(batch, rows, self._dtype)
        fine = np.ones(len(rows), np.bool_)
        columns: dict[str, Column] = {}
        for field in self._schema.fields:
            name = field.name
            if name in self._members:
                columns[name], good = self._members[name].column(structs[name])
                fine &= good
            else:
                columns[name] = take_rows(default_column(field), np.zeros(len(rows), np.int64))
        if fine.all():
            return [(rows, columns)]
        odd = iter(structs[~fine])
        good_rows, odd_columns, worse = decode_rows(
            self._schema, rows[~fine], lambda _: self._read(next(odd))
        )
        bad += worse
        kept = {name: take_rows(column, fine) for name, column in columns.items()}
        return [(rows[fine], kept), (good_rows, odd_columns)]

    def _read(self, struct: np.void) -> list[Any]:
        return [
            self._members[f.name].one(struct[f.name])
            if f.name in self._members
            else self._absent[f.name]
            for f in self._schema.fields
        ]
