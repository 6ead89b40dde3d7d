"""JSON records to columns: pyarrow for whole chunks, record by record where anything is odd."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.json as pa_json

from ingest.decoder import BadRecord, Decoded
from ingest.json_record import BadValueError, parse_record
from ingest.lines import join_lines
from ingest.records import RecordBatch
from ingest.schema import Field, Schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["JsonDecoder"]

NULL = -1
CHUNK = 2048
ARROW_TYPES = {
    "float32": pa.float64(),
    "int32": pa.int64(),
    "int64": pa.int64(),
    "bool": pa.bool_(),
    "category": pa.string(),
}


class JsonDecoder:
    """A `Decoder` for JSON objects that have the schema's fields at their top level.

    `ingest.json_record` says what is good. A chunk in which every record is beyond doubt goes
    through pyarrow's parser as a whole; all others record by record, with the same outcome.

    Args:
        schema: the fields.
        max_record_bytes: a longer value is bad.
    """

    def __init__(self, schema: Schema, max_record_bytes: int = 1_000_000) -> None:
        self._schema = schema
        self._max_bytes = max_record_bytes
        self._options = pa_json.ParseOptions(
            explicit_schema=pa.schema([(f.name, ARROW_TYPES[f.dtype]) for f in schema.fields]),
            unexpected_field_behavior="ignore",
        )

    def decode(self, batch: RecordBatch) -> Decoded:
        """Decode a batch; see `Decoder`."""
        bad = list(self._unreadable(batch))
        readable = (batch.value_length != NULL) & (batch.value_length <= self._max_bytes)
        rows = np.flatnonzero(readable)
        good, parts = [], []
        for begin in range(0, len(rows), CHUNK):
            indices, columns = self._chunk(batch, rows[begin : begin + CHUNK], bad)
            good.append(indices)
            parts.append(columns)
        return Decoded(
            good=np.concatenate([np.empty(0, np.int64), *good]),
            columns={
                f.name: _join(f, [part[f.name] for part in parts]) for f in self._schema.fields
            },
            bad=tuple(sorted(bad, key=lambda record: record.index)),
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

    def _chunk(
        self, batch: RecordBatch, rows: NDArray[np.int64], bad: list[BadRecord]
    ) -> tuple[NDArray[np.int64], dict[str, NDArray[Any]]]:
        lines, taken = join_lines(batch.buffer, batch.value_start[rows], batch.value_length[rows])
        columns = self._parse_lines(lines, len(rows)) if taken.all() else None
        if columns is not None:
            return rows, columns
        return self._one_by_one(batch, rows, bad)

    def _parse_lines(self, lines: NDArray[np.uint8], count: int) -> dict[str, NDArray[Any]] | None:
        """The columns of the lines, or None where a look at each record is needed."""
        text = lines.tobytes()
        if b"\\ud" in text or b"\\uD" in text or not _is_utf8(text):
            return None
        options = pa_json.ReadOptions(use_threads=False, block_size=len(text) + 1)
        try:
            table = pa_json.read_json(
                pa.BufferReader(text), read_options=options, parse_options=self._options
            )
        except pa.ArrowInvalid:
            return None
        if table.num_rows != count or any(table[name].null_count for name in table.column_names):
            return None
        columns = {f.name: _column(f, table[f.name]) for f in self._schema.fields}
        return columns if all(column is not None for column in columns.values()) else None  # type: ignore[return-value]

    def _one_by_one(
        self, batch: RecordBatch, rows: NDArray[np.int64], bad: list[BadRecord]
    ) -> tuple[NDArray[np.int64], dict[str, NDArray[Any]]]:
        good: list[int] = []
        values: list[dict[str, Any]] = []
        for index in rows.tolist():
            try:
                values.append(parse_record(batch.value(index) or b"", self._schema))
                good.append(index)
            except BadValueError as error:
                bad.append(BadRecord(index, str(error), error.kind))
        columns = {
            f.name: np.array([value[f.name] for value in values]).astype(f.numpy_dtype)
            for f in self._schema.fields
        }
        return np.array(good, np.int64), columns


def _join(field: Field, parts: list[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate([np.empty(0, field.numpy_dtype), *parts])


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _column(field: Field, values: pa.ChunkedArray) -> NDArray[Any] | None:
    """A column in the field's type; None if a value of it is bad."""
    if field.dtype == "category":
        return _category(field, values.combine_chunks())
    plain: NDArray[Any] = values.to_numpy()
    if field.dtype == "int32":
        limits = np.iinfo(np.int32)
        if plain.size and (plain.min() < limits.min or plain.max() > limits.max):
            return None
    with np.errstate(over="ignore"):
        column = plain.astype(field.numpy_dtype)
    if field.dtype == "float32":
        negative = field.role == "weight" and (column < 0).any()
        if negative or not np.isfinite(column).all():
            return None
    return column


def _category(field: Field, values: pa.Array) -> NDArray[Any] | None:
    encoded = values.dictionary_encode()
    codes = field.codes(encoded.dictionary.to_pylist())
    if (codes < 0).any():
        return None
    places: NDArray[np.int32] = encoded.indices.to_numpy()
    return codes[places]
