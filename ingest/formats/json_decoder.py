"""JSON records to columns: a compiled parser, and record by record where anything is odd."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ingest.formats.decoder import BadRecord, Decoded
from ingest.formats.json_columns import JsonColumns
from ingest.formats.json_plan import Plan, make_plan
from ingest.formats.json_record import RecordParser
from ingest.formats.values import BadValueError, ColumnsBuilder
from ingest.ragged import Column, concat_columns, take_rows
from ingest.records import RecordBatch
from ingest.schema import Schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["JsonDecoder"]

NULL = -1


class JsonDecoder:
    """A `Decoder` for JSON objects that have the schema's fields at their top level.

    `ingest.formats.json_record` says what is good. Records that a compiled parser understands in
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
        from ingest.formats.json_words import fill_table  # numba is slow to import

        return make_plan(self._schema, fill_table)

    def decode(self, batch: RecordBatch) -> Decoded:
        """Decode a batch; see `Decoder`."""
        readable = (batch.value_length != NULL) & (batch.value_length <= self._max_bytes)
        parsed = self._parse(batch, np.where(readable, batch.value_length, 0))
        odd, builder, bad = self._one_by_one(batch, np.flatnonzero(readable & ~parsed.taken))
        if not readable.all():
            bad = sorted([*bad, *self._unreadable(batch)], key=lambda record: record.index)
        columns = builder.columns() if len(odd) else {}
        good = parsed.taken.copy()
        good[odd] = True
        return Decoded(
            good=np.flatnonzero(good),
            columns={
                field.name: _merge(
                    parsed.column(field, first), columns.get(field.name), parsed.taken, odd
                )
                for field, first in zip(self._schema.fields, self._plan.first, strict=True)
            },
            bad=tuple(bad),
        )

    def _unreadable(self, batch: RecordBatch) -> Iterator[BadRecord]:
        for index in np.flatnonzero(batch.value_length == NULL):
            yield BadRecord(int(index), "the record has no value (a tombstone)", "null_value")
        for index in np.flatnonzero(batch.value_length > self._max_bytes):
            reason = (
                f"the value has {batch.value_length[index]} bytes, more than the"
                f" {self._max_bytes} of kafka.max_record_bytes"
            )
            yield BadRecord(int(index), reason, "too_large")

    def _parse(self, batch: RecordBatch, length: NDArray[np.int64]) -> JsonColumns:
        from ingest.formats.json_parse import new_memory, parse_records

        plan = self._plan
        room = int(length.sum()) // 2 + 1 if plan.lists else 0
        memory = new_memory(len(self._schema.fields), len(batch), room)
        columns = np.empty((plan.columns, len(batch)), np.int64)
        taken = np.empty(len(batch), np.bool_)
        buffer = np.ascontiguousarray(batch.buffer).view()
        buffer.flags.writeable = False  # one type, compiled once
        start = np.ascontiguousarray(batch.value_start)
        parse_records(buffer, start, length, plan.array, columns, memory, taken.view(np.uint8))
        return JsonColumns(buffer, columns, memory[len(memory) - room :], taken)

    def _one_by_one(
        self, batch: RecordBatch, rows: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], ColumnsBuilder, list[BadRecord]]:
        """The good ones of some rows, their values, and the bad ones."""
        builder = ColumnsBuilder(self._schema)
        good: list[int] = []
        bad: list[BadRecord] = []
        for index in rows.tolist():
            try:
                builder.append(list(self._parser.parse(batch.value(index) or b"").values()))
                good.append(index)
            except BadValueError as error:
                bad.append(BadRecord(index, str(error), error.kind))
        return np.array(good, np.int64), builder, bad


def _merge(
    column: Column, others: Column | None, taken: NDArray[np.bool_], odd: NDArray[np.int64]
) -> Column:
    """The rows that were taken and the odd ones among them, in the order of the records."""
    if others is None:
        return column
    order = np.argsort(np.concatenate([np.flatnonzero(taken), odd]))
    return take_rows(concat_columns([column, others]), order)
