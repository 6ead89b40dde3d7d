"""How a decoder puts a batch together: what cannot be read, what was odd, what went through."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.formats.decoder import BadRecord, Decoded
from ingest.formats.values import BadValueError, ColumnsBuilder
from ingest.ragged import Column, concat_columns, take_rows
from ingest.records import RecordBatch
from ingest.schema import Schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NULL", "assemble", "chunks", "decode_rows", "readable", "renamed"]

NULL = -1
"""The length of a key or value that is not there; see `RecordBatch`."""


def readable(batch: RecordBatch, max_bytes: int) -> tuple[NDArray[np.int64], list[BadRecord]]:
    """int64[r], the records whose value is there and not too large; and the others, as bad."""
    length = batch.value_length
    bad = [
        BadRecord(int(index), "the record has no value (a tombstone)", "null_value")
        for index in np.flatnonzero(length == NULL)
    ]
    for index in np.flatnonzero(length > max_bytes):
        reason = (
            f"the value has {length[index]} bytes, more than the {max_bytes} of"
            " kafka.max_record_bytes"
        )
        bad.append(BadRecord(int(index), reason, "too_large"))
    return np.flatnonzero((length != NULL) & (length <= max_bytes)), bad


def renamed(bad: Iterable[BadRecord], rows: NDArray[np.int64]) -> list[BadRecord]:
    """Bad records of a part of a batch, by their indices in the batch, which `rows` are."""
    return [replace(record, index=int(rows[record.index])) for record in bad]


def chunks(rows: NDArray[np.int64], most: int) -> Iterator[NDArray[np.int64]]:
    """Some rows in pieces of at most so many; one empty piece of none, for its empty columns."""
    for begin in range(0, max(len(rows), 1), most):
        yield rows[begin : begin + most]


def decode_rows(
    schema: Schema, rows: NDArray[np.int64], read: Callable[[int], list[Any]]
) -> tuple[NDArray[np.int64], Mapping[str, Column], list[BadRecord]]:
    """Records one by one.

    Args:
        schema: the fields.
        rows: int64[r], indices of records.
        read: the checked values of the record at an index, in the order of the fields, or
            BadValueError; called once for each of `rows`, in their order.

    Returns:
        Indices and columns of the good ones, and the bad ones.
    """
    builder, good, bad = ColumnsBuilder(schema), [], []
    for index in rows.tolist():
        try:
            builder.append(read(index))
            good.append(index)
        except BadValueError as error:
            bad.append(BadRecord(index, str(error), error.kind))
    return np.array(good, np.int64), builder.columns(), bad


def assemble(
    parts: Sequence[tuple[NDArray[np.int64], Mapping[str, Column]]], bad: list[BadRecord]
) -> Decoded:
    """A decoded batch from parts of (indices, columns), in the order of the records."""
    parts = [part for part in parts if len(part[0])] or parts[:1]
    good, columns = parts[0]
    if len(parts) > 1:
        good = np.concatenate([rows for rows, _ in parts])
        columns = {name: concat_columns([part[name] for _, part in parts]) for name in columns}
        if (np.diff(good) < 0).any():
            order = np.argsort(good)
            good = good[order]
            columns = {name: take_rows(column, order) for name, column in columns.items()}
    return Decoded(
        columns=columns, good=good, bad=tuple(sorted(bad, key=lambda record: record.index))
    )
