"""Rows as Arrow record batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ingest.errors import SchemaError
from ingest.field import Field
from ingest.formats.decoder import Decoded
from ingest.ragged import Column, Ragged
from ingest.records import RecordBatch
from ingest.rows import Rows
from ingest.rows_file import to_arrow
from ingest.schema import Schema
from ingest.stream.tensors import OFFSET_NAMES

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ArrowLayout", "RawDecoder"]

MOMENT = pa.timestamp("ms", tz="UTC")
NAMES = pa.dictionary(pa.int32(), pa.string())
IDENTITY = (NAMES, pa.int32(), pa.int64(), MOMENT)
RAW_NAMES = ("topic", "partition", "offset", "timestamp")


class RawDecoder:
    """A `Decoder` for which every record is good: keys and values as they are, null or not."""

    def decode(self, batch: RecordBatch) -> Decoded:
        """Copy keys and values out of the batch; see `Decoder`."""
        from ingest.formats.gather import gather_spans  # numba is slow to import

        columns: dict[str, Column] = {}
        for name in ("key", "value"):
            start, length = getattr(batch, f"{name}_start"), getattr(batch, f"{name}_length")
            columns[name] = gather_spans(batch.buffer, start, np.maximum(length, 0))
            columns[f"{name}_valid"] = length >= 0
        return Decoded(columns, np.arange(len(batch)), ())


class ArrowLayout:
    """How rows become record batches.

    Args:
        schema: of the rows; None for those of `RawDecoder`.
        with_offsets: whether rows of a schema have their topic, partition, offset and timestamp.

    Raises:
        SchemaError: a field has one of their names.
    """

    def __init__(self, schema: Schema | None, with_offsets: bool) -> None:
        self._fields = () if schema is None else schema.fields
        self._is_raw = schema is None
        self._identity = RAW_NAMES if schema is None else OFFSET_NAMES if with_offsets else ()
        for field in self._fields:
            if field.name in self._identity:
                raise SchemaError(f'field "{field.name}": with_offsets gives a column of this name')

    def schema(self) -> pa.Schema:
        """Of the record batches."""
        identity = list(zip(self._identity, IDENTITY, strict=False))
        if self._is_raw:
            return pa.schema([*identity, ("key", pa.large_binary()), ("value", pa.large_binary())])
        return pa.schema([*((field.name, arrow_type(field)) for field in self._fields), *identity])

    def record_batch(self, rows: Rows) -> pa.RecordBatch:
        """Some rows; what is not text is not copied."""
        schema = self.schema()
        if self._is_raw:
            columns = rows.columns
            kept = [_binary(columns[name], columns[f"{name}_valid"]) for name in ("key", "value")]
            return pa.record_batch([*_identity(rows), *kept], schema=schema)
        arrays = [_array(field, rows.columns[field.name]) for field in self._fields]
        identity = _identity(rows) if self._identity else []
        return pa.record_batch([*arrays, *identity], schema=schema)


def arrow_type(field: Field) -> pa.DataType:
    """The type of a field's column."""
    if field.dtype == "bytes":
        return pa.large_binary()
    if field.is_text:
        return pa.large_string()
    if _is_dictionary(field):
        return NAMES
    if field.dtype == "timestamp":
        return MOMENT
    plain = pa.from_numpy_dtype(field.numpy_dtype)
    if field.is_ragged:
        return pa.large_list(plain)
    return pa.list_(plain, *field.shape) if field.shape else plain


def _is_dictionary(field: Field) -> bool:
    return bool(field.vocabulary) and not field.grow and field.length is None


def _array(field: Field, column: Column) -> pa.Array:
    if isinstance(column, Ragged):
        array = to_arrow(column)
        return array.cast(arrow_type(field)) if field.is_text else array
    if _is_dictionary(field):
        places = column - (0 if field.role == "label" else 1)
        known = pa.array(places, pa.int32(), mask=places < 0)
        return pa.DictionaryArray.from_arrays(known, pa.array(field.vocabulary, pa.string()))
    if field.dtype == "timestamp":
        return pa.array(column).view(MOMENT)
    return to_arrow(column)


def _identity(rows: Rows) -> list[pa.Array]:
    """Topic, partition, offset and timestamp; a record without a timestamp has null."""
    topics = pa.array(rows.topics, pa.string())
    return [
        pa.DictionaryArray.from_arrays(pa.array(rows.topic), topics),
        pa.array(rows.partition),
        pa.array(rows.offset),
        pa.array(rows.timestamp, mask=rows.timestamp < 0).view(MOMENT),
    ]


def _binary(column: Column, valid: Any) -> pa.Array:
    """Keys or values; the bits of a boolean array are those that say what is not null."""
    if not isinstance(column, Ragged):
        raise TypeError("expected a ragged column")
    flags: NDArray[np.bool_] = valid
    nulls = None if flags.all() else pa.array(flags).buffers()[1]
    buffers = [nulls, pa.py_buffer(column.splits), pa.py_buffer(column.values)]
    return pa.Array.from_buffers(pa.large_binary(), len(column), buffers)
