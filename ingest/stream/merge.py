"""Many small record batches as one, so that decoders work in bulk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ingest.records import RecordBatch

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["merge"]

ENOUGH = 2048


def merge(batches: Sequence[RecordBatch]) -> list[RecordBatch]:
    """The records of one partition's batches, in their order, in few batches.

    Batches that are large already, and those that have headers, stay as they are.
    """
    merged: list[RecordBatch] = []
    small: list[RecordBatch] = []
    for batch in batches:
        if len(batch) >= ENOUGH or batch.header_columns is not None:
            merged += [*_joined(small), batch]
            small = []
        else:
            small.append(batch)
    return [*merged, *_joined(small)]


def _joined(batches: Sequence[RecordBatch]) -> list[RecordBatch]:
    if len(batches) < 2:
        return list(batches)
    parts, shifts, size = [], [], 0
    for batch in batches:
        low, high = _used(batch)
        parts.append(batch.buffer[low:high])
        shifts.append(size - low)
        size += high - low

    def column(name: str, shifted: bool = False) -> NDArray[np.int64]:
        found = [getattr(batch, name) for batch in batches]
        if shifted:
            found = [part + shift for part, shift in zip(found, shifts, strict=True)]
        return np.concatenate(found)

    key_length, value_length = column("key_length"), column("value_length")
    whole = RecordBatch(
        batches[0].topic,
        batches[0].partition,
        offsets=column("offsets"),
        timestamps=column("timestamps"),
        key_start=np.where(key_length > 0, column("key_start", True), 0),
        key_length=key_length,
        value_start=np.where(value_length > 0, column("value_start", True), 0),
        value_length=value_length,
        buffer=np.concatenate(parts),
    )
    return [whole]


def _used(batch: RecordBatch) -> tuple[int, int]:
    """The part of the buffer that has the keys and values of a batch."""
    low, high = len(batch.buffer), 0
    for start, length in (
        (batch.key_start, batch.key_length),
        (batch.value_start, batch.value_length),
    ):
        held = length > 0
        if held.any():
            low = min(low, int(start[held].min()))
            high = max(high, int((start + length)[held].max()))
    return (low, high) if low < high else (0, 0)
