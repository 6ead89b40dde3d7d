"""JSON records to columns: pyarrow for whole chunks, record by record where anything is odd."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.json as pa_json

from ingest.field import Field
from ingest.formats.decoder import BadRecord, Decoded
from ingest.formats.json_record import MAX_DEPTH, RecordParser
from ingest.formats.values import BadValueError
from ingest.records import RecordBatch
from ingest.schema import Schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Part = tuple[NDArray[np.int64], dict[str, NDArray[Any]]]
    Parsed = tuple[dict[str, NDArray[Any]], NDArray[np.bool_]]

__all__ = ["JsonDecoder"]

NULL = -1
CHUNK = 8192
CHUNK_BYTES = 16 << 20
SMALL = 128
LAX = (b"\\ud", b"\\uD", b"NaN", b"Inf")
EMPTY: dict[str, Any] = {"float32": 0.0, "int32": 0, "int64": 0, "bool": False, "category": ""}
ARROW_TYPES = {
    "float32": pa.float64(),
    "int32": pa.int64(),
    "int64": pa.int64(),
    "bool": pa.bool_(),
    "category": pa.string(),
}


class JsonDecoder:
    """A `Decoder` for JSON objects that have the schema's fields at their top level.

    `ingest.formats.json_record` says what is good. A chunk in which every record is beyond doubt
    goes through pyarrow's parser as a whole; all others record by record, with the same outcome.

    Args:
        schema: the fields.
        max_record_bytes: a longer value is bad.
    """

    def __init__(self, schema: Schema, max_record_bytes: int = 1_000_000) -> None:
        self._schema = schema
        self._max_bytes = max_record_bytes
        self._parser = RecordParser(schema)
        self._options = pa_json.ParseOptions(
            explicit_schema=pa.schema([(f.name, ARROW_TYPES[f.dtype]) for f in schema.fields]),
            unexpected_field_behavior="ignore",
        )

    def decode(self, batch: RecordBatch) -> Decoded:
        """Decode a batch; see `Decoder`."""
        bad = list(self._unreadable(batch))
        readable = (batch.value_length != NULL) & (batch.value_length <= self._max_bytes)
        parts = [empty_part(self._schema)]
        for chunk in chunks(batch.value_length, np.flatnonzero(readable)):
            self._chunk(batch, chunk, parts, bad)
        good = np.concatenate([indices for indices, _ in parts])
        order = np.argsort(good)
        return Decoded(
            good=good[order],
            columns={
                f.name: np.concatenate([columns[f.name] for _, columns in parts])[order]
                for f in self._schema.fields
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
        self, batch: RecordBatch, rows: NDArray[np.int64], parts: list[Part], bad: list[BadRecord]
    ) -> None:
        """Decode some rows: as a whole if that works, else in halves, else one by one."""
        from ingest.formats.lines import join_lines  # numba is slow to import

        lines, taken = join_lines(batch.buffer, batch.value_start[rows], batch.value_length[rows])
        odd, rows = rows[~taken], rows[taken]
        parsed = self._parse_lines(lines, len(rows))
        if parsed is not None:
            columns, fine = parsed
            parts.append((rows[fine], {name: column[fine] for name, column in columns.items()}))
            odd = np.concatenate([odd, rows[~fine]])
        elif len(rows) > SMALL:
            self._chunk(batch, rows[: len(rows) // 2], parts, bad)
            self._chunk(batch, rows[len(rows) // 2 :], parts, bad)
        else:
            odd = np.concatenate([odd, rows])
        if len(odd):
            self._one_by_one(batch, odd, parts, bad)

    def _parse_lines(self, lines: NDArray[np.uint8], count: int) -> Parsed | None:
        """The columns of the lines and which rows are good beyond doubt; None for a closer look.

        pyarrow is laxer than JSON here and there, so text that may hold such a thing is left to
        the parser of single records.
        """
        text = lines.tobytes()
        if any(sign in text for sign in LAX) or not _is_utf8(text):
            return None
        if text.count(b"{") + text.count(b"[") >= count + MAX_DEPTH:
            return None
        options = pa_json.ReadOptions(use_threads=False, block_size=len(text) + 1)
        try:
            table = pa_json.read_json(
                pa.BufferReader(text), read_options=options, parse_options=self._options
            )
        except pa.ArrowInvalid:
            return None
        if table.num_rows != count:
            return None
        fine = np.ones(count, np.bool_)
        columns = {f.name: _column(f, table[f.name], fine) for f in self._schema.fields}
        return columns, fine

    def _one_by_one(
        self, batch: RecordBatch, rows: NDArray[np.int64], parts: list[Part], bad: list[BadRecord]
    ) -> None:
        good: list[int] = []
        values: list[dict[str, Any]] = []
        for index in rows.tolist():
            try:
                values.append(self._parser.parse(batch.value(index) or b""))
                good.append(index)
            except BadValueError as error:
                bad.append(BadRecord(index, str(error), error.kind))
        columns = {
            f.name: np.array([value[f.name] for value in values]).astype(f.numpy_dtype)
            for f in self._schema.fields
        }
        parts.append((np.array(good, np.int64), columns))


def chunks(lengths: NDArray[np.int64], rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Rows in runs that are small enough to parse as a whole."""
    ends = np.cumsum(lengths[rows])
    begin = 0
    while begin < len(rows):
        before = ends[begin - 1] if begin else 0
        fitting = int(np.searchsorted(ends, before + CHUNK_BYTES, "right"))
        end = min(max(fitting, begin + 1), begin + CHUNK)
        yield rows[begin:end]
        begin = end


def empty_part(schema: Schema) -> Part:
    """No rows."""
    return np.empty(0, np.int64), {f.name: np.empty(0, f.numpy_dtype) for f in schema.fields}


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _column(field: Field, values: pa.ChunkedArray, fine: NDArray[np.bool_]) -> NDArray[Any]:
    """A column in the field's type; `fine` loses the rows whose value is missing or bad."""
    array = values.combine_chunks()
    if array.null_count:
        fine &= array.is_valid().to_numpy(zero_copy_only=False)
        array = array.fill_null(pa.scalar(EMPTY[field.dtype], array.type))
    if field.dtype == "category":
        encoded = array.dictionary_encode()
        places: NDArray[np.int32] = encoded.indices.to_numpy()
        codes = field.codes(encoded.dictionary.to_pylist())[places]
        fine &= codes >= 0
        return codes
    plain: NDArray[Any] = array.to_numpy(zero_copy_only=False)
    if field.dtype == "int32":
        limits = np.iinfo(np.int32)
        fine &= (plain >= limits.min) & (plain <= limits.max)
    if field.role == "weight":
        fine &= plain >= 0
    low, high = field.bounds
    if low is not None:
        fine &= plain >= low
    if high is not None:
        fine &= plain <= high
    with np.errstate(over="ignore"):
        column: NDArray[Any] = plain.astype(field.numpy_dtype)
    if field.dtype == "float32":
        fine &= np.isfinite(column)
        column += np.float32(0.0)
    return column
