"""Batches that are decoded together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ingest.record_headers import RecordHeaders
from ingest.wire.decode import COMPLAINTS, PLAN, decode_headers, decode_records

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BadRecordBytes", "PieceColumns", "decode_piece"]

PLAIN_ROWS, HEADER_ROWS = 6, 8
COUNT = PLAN.index("count")
SHOWN_BYTES = 16


@dataclass(frozen=True)
class BadRecordBytes:
    """The first record that is not as the format says.

    Attributes:
        batch: its batch, counted from the first of the piece.
        expected: what should be there.
        got: what is there.
    """

    batch: int
    expected: str
    got: str


@dataclass(frozen=True, eq=False)
class PieceColumns:
    """What a piece holds, up to the first batch that is damaged.

    Attributes:
        columns: int64[6, n]: offset, timestamp, start and length of key and value.
        buffer: uint8[m], which the spans lie in.
        headers: None if they were not asked for.
        bad: what ends it early.
    """

    columns: NDArray[np.int64]
    buffer: NDArray[np.uint8]
    headers: RecordHeaders | None
    bad: BadRecordBytes | None


def decode_piece(
    buffer: NDArray[np.uint8], plan: NDArray[np.int64], with_headers: bool
) -> PieceColumns:
    """The columns of unpacked batches, in one call.

    Args:
        buffer: uint8[m], which they lie in.
        plan: int64[7, b], as in `PLAN`; each count is as large as the bytes allow, at most.
        with_headers: whether header columns are wanted.
    """
    rows = HEADER_ROWS if with_headers else PLAIN_ROWS
    columns, bad = np.empty((rows, int(plan[COUNT].sum())), np.int64), None
    wrong, batch, record, at = decode_records(buffer, plan, columns)
    if wrong:
        found = buffer[at : min(at + SHOWN_BYTES, int(plan[1, batch]))].tobytes().hex(" ")
        expected = f"{COMPLAINTS[wrong]} in record {record}"
        bad = BadRecordBytes(batch, expected, f"the bytes {found or '(none)'}")
        columns = columns[:, : int(plan[COUNT, :batch].sum())]
    headers = _headers(buffer, columns) if with_headers else None
    return PieceColumns(columns[:PLAIN_ROWS], buffer, headers, bad)


def _headers(buffer: NDArray[np.uint8], columns: NDArray[np.int64]) -> RecordHeaders:
    splits = np.concatenate([np.zeros(1, np.int64), np.cumsum(columns[-1])])
    spans = np.empty((4, int(splits[-1])), np.int64)
    decode_headers(buffer, columns, spans)
    return RecordHeaders(splits, *spans)
