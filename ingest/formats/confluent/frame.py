"""Confluent's wire format: which schema a value was written with, and where its payload is.

A framed value is a zero byte (the magic byte), the schema's id in the registry as 4 bytes, most
significant first, and the payload. Before a Protobuf payload also stands which of the file's
messages it is; `protobuf.indexes` reads that.

Producers may be told to put a schema's GUID into the record's headers instead
(`schema.id.serializer`), with nothing before the payload. That form is refused: such a value does
not begin with the magic byte, and the reason says which setting to change.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ingest.formats.assembly import NULL, readable, renamed
from ingest.formats.decoder import BadRecord, Decoded, Decoder
from ingest.records import RecordBatch

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Frames", "Unframed", "framed", "group_rows", "unframe"]

MAGIC, GUID_MAGIC = 0, 1
HEADER = 5
HINT = (
    "; producers that put the schema's id into headers are not supported:"
    " let them use schema.id.serializer = prefix"
)


@dataclass(frozen=True, eq=False)
class Frames:
    """The framed records of a batch.

    Attributes:
        rows: int64[g], growing; the places in the batch of those that have a frame.
        ids: int64[g], of their schemas, unsigned 32 bits.
        payload: the records at `rows` with what follows the frame as their values, over the same
            buffer; None when there are none.
        bad: the others, by index.
    """

    rows: NDArray[np.int64]
    ids: NDArray[np.int64]
    payload: RecordBatch | None
    bad: tuple[BadRecord, ...]


def framed(schema_id: int, payload: bytes) -> bytes:
    """A payload in its frame."""
    return bytes([MAGIC]) + schema_id.to_bytes(4, "big") + payload


def group_rows(keys: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Each different row of keys [n, k], in their order, and int64[m], its places, growing."""
    if not len(keys):
        return
    differing = (keys != keys[0]).any(axis=0)
    if not differing.any():
        yield keys[0], np.arange(len(keys))
        return
    order = np.lexsort(keys[:, differing].T[::-1])
    ordered = keys[order]
    begins = np.flatnonzero((ordered[1:] != ordered[:-1]).any(axis=1)) + 1
    for begin, end in pairwise([0, *begins.tolist(), len(order)]):
        yield ordered[begin], order[begin:end]


def unframe(batch: RecordBatch) -> Frames:
    """Take the frames off the values of a batch."""
    long_enough = batch.value_length >= HEADER
    begins = np.zeros(len(batch), np.int64)
    some = batch.value_length > 0
    begins[some] = batch.buffer[batch.value_start[some]]
    fine = long_enough & (begins == MAGIC)
    rows = np.flatnonzero(fine).astype(np.int64, copy=False)
    start = batch.value_start[rows]
    big_endian = batch.buffer[start[:, None] + np.arange(1, HEADER)].astype(np.int64)
    ids = big_endian @ np.array([1 << 24, 1 << 16, 1 << 8, 1], np.int64)
    payload = batch.take(rows)
    if payload is not None:
        payload = replace(
            payload, value_start=start + HEADER, value_length=payload.value_length - HEADER
        )
    bad = tuple(
        _unframed(int(index), int(batch.value_length[index]), int(begins[index]))
        for index in np.flatnonzero(~fine)
    )
    return Frames(rows, ids, payload, bad)


class Unframed:
    """A `Decoder` for values in Confluent's frame whose payload another decoder understands.

    For payloads that say all by themselves, as JSON does: the schema is not looked up.

    Args:
        decoder: of the payloads.
        max_record_bytes: a longer value is bad; the frame counts.
    """

    def __init__(self, decoder: Decoder, max_record_bytes: int = 1_000_000) -> None:
        self._decoder = decoder
        self._max_bytes = max_record_bytes

    def decode(self, batch: RecordBatch) -> Decoded:
        """Decode a batch; see `Decoder`."""
        rows, bad = readable(batch, self._max_bytes)
        part = batch.take(rows)
        frames = None if part is None else unframe(part)
        if frames is not None:
            bad += renamed(frames.bad, rows)
            rows = rows[frames.rows]
        if frames is None or frames.payload is None:
            # No row is left, but the columns are still the inner decoder's to shape.
            columns = self._decoder.decode(
                replace(batch, value_length=np.full(len(batch), NULL))
            ).columns
            good = np.empty(0, np.int64)
        else:
            inner = self._decoder.decode(frames.payload)
            columns, good = inner.columns, rows[inner.good]
            bad += renamed(inner.bad, rows)
        bad.sort(key=lambda record: record.index)
        return Decoded(columns, good, tuple(bad))


def _unframed(index: int, length: int, begins: int) -> BadRecord:
    """Why a value has no frame."""
    if length < 0:
        return BadRecord(index, "the record has no value (a tombstone)", "null_value")
    if length and begins == GUID_MAGIC:
        reason = "expected Confluent's magic byte 0, got 1, of a schema's GUID" + HINT
    elif length and begins != MAGIC:
        reason = f"expected Confluent's magic byte 0, got {begins}" + HINT
    else:
        reason = f"expected at least the {HEADER} bytes of Confluent's frame, got {length}"
    return BadRecord(index, reason, "not_framed")
