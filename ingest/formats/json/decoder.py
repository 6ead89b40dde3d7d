"""JSON records to columns: a compiled parser, and record by record where anything is odd."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ingest.formats.assembly import assemble, chunks, decode_rows, readable
from ingest.formats.decoder import BadRecord, Decoded
from ingest.formats.json.columns import JsonColumns
from ingest.formats.json.plan import Plan, make_plan
from ingest.formats.json.record import RecordParser
from ingest.ragged import Column
from ingest.records import RecordBatch
from ingest.schema import Schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Part = tuple[NDArray[np.int64], Mapping[str, Column]]

__all__ = ["JsonDecoder"]

CELLS = 2**22
"""Of the parser's columns, at most in one call: these are 32 MiB."""


class JsonDecoder:
    """A `Decoder` for JSON objects that have the schema's fields at their top level.

    `ingest.formats.json.record` says what is good. Records that a compiled parser understands in
    full go through it, all others one by one, with the same outcome; a schema with a field of
    bytes always takes the second way. The first decoder on a machine spends some seconds on
    compiling.

    Args:
        schema: the fields.
        max_record_bytes: a longer value is bad.
    """

    def __init__(self, schema: Schema, max_record_bytes: int = 1_000_000) -> None:
        self._schema = schema
        self._max_bytes = max_record_bytes
        self._parser = RecordParser(schema)

    @cached_property
    def _plan(self) -> Plan:
        from ingest.formats.json.words import fill_table  # numba is slow to import

        return make_plan(self._schema, fill_table)

    def decode(self, batch: RecordBatch) -> Decoded:
        """Decode a batch; see `Decoder`."""
        rows, bad = readable(batch, self._max_bytes)
        parts: list[Part] = []
        for piece in chunks(rows, max(1, CELLS // self._plan.columns)):
            parts += self._chunk(batch, piece, bad)
        return assemble(parts, bad)

    def _chunk(
        self, batch: RecordBatch, rows: NDArray[np.int64], bad: list[BadRecord]
    ) -> list[Part]:
        """The records that the compiled parser takes, and those of the others that are good."""
        parsed = self._parse(batch.buffer, batch.value_start[rows], batch.value_length[rows])
        columns = {
            field.name: parsed.column(field, first)
            for field, first in zip(self._schema.fields, self._plan.first, strict=True)
        }
        if parsed.whole:
            return [(rows, columns)]
        good_rows, odd_columns, worse = decode_rows(
            self._schema,
            rows[~parsed.taken],
            lambda row: list(self._parser.parse(batch.value(row) or b"").values()),
        )
        bad += worse
        return [(rows[parsed.taken], columns), (good_rows, odd_columns)]

    def _parse(
        self, buffer: NDArray[np.uint8], start: NDArray[np.int64], length: NDArray[np.int64]
    ) -> JsonColumns:
        from ingest.formats.json.parse import new_memory, parse_records

        plan = self._plan
        count = len(start)
        room = int(length.sum()) // 2 + 1 if plan.lists else 0
        memory = new_memory(len(self._schema.fields), count, room)
        columns = np.empty((plan.columns, count), np.int64)
        taken = np.empty(count, np.bool_)
        buffer = np.ascontiguousarray(buffer).view()
        buffer.flags.writeable = False  # one type, compiled once
        parse_records(buffer, start, length, plan.array, columns, memory, taken.view(np.uint8))
        return JsonColumns(buffer, columns, memory[len(memory) - room :], taken)
