"""Batches that are decoded together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ingest.record_headers import RecordHeaders
from ingest.wire.codecs import Bytes
from ingest.wire.decode import COMPLAINTS, PLAN, decode_headers, decode_records
from ingest.wire.layout import HEADER_BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BadRecordBytes", "Piece", "PieceColumns"]

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


class Piece:
    """Collects batches and decodes them in one call.

    Args:
        fetch: uint8[m], read-only, the bytes of the fetch that the batches are in.
    """

    def __init__(self, fetch: NDArray[np.uint8]) -> None:
        self.records = 0
        self.size = 0
        self._fetch = fetch
        self._rows: list[tuple[int, ...]] = []
        self._parts: list[Bytes] = []
        self._compressed = False

    def add(self, data: Bytes, compressed: bool, row: tuple[int, ...]) -> None:
        """Add a batch.

        Args:
            data: its records, decompressed.
            compressed: whether they had to be; if not, `data` lies in the fetch.
            row: as in `PLAN`; start and end are those of the batch in the fetch.
        """
        self._rows.append(row)
        self._parts.append(data)
        self._compressed |= compressed
        self.records += row[COUNT]
        self.size += len(data)

    def decode(self, with_headers: bool) -> PieceColumns:
        """The columns; without a copy of the bytes if nothing was compressed."""
        plan = np.array(self._rows, np.int64).reshape(-1, len(PLAN)).T.copy()
        if self._compressed:
            buffer = np.frombuffer(b"".join(self._parts), np.uint8)
            sizes = np.array([len(part) for part in self._parts], np.int64)
            plan[1] = np.cumsum(sizes)
            plan[0] = plan[1] - sizes
            self._parts.clear()
        else:
            buffer = self._fetch
            plan[0] += HEADER_BYTES
        rows = HEADER_ROWS if with_headers else PLAIN_ROWS
        columns, bad = np.empty((rows, self.records), np.int64), None
        wrong, batch, record, at = decode_records(buffer, plan, columns)
        if wrong:
            found = buffer[at : min(at + SHOWN_BYTES, int(plan[1, batch]))].tobytes().hex(" ")
            expected = f"{COMPLAINTS[wrong]} in record {record}"
            bad = BadRecordBytes(batch, expected, f"the bytes {found or '(none)'}")
            columns = columns[:, : int(plan[2, :batch].sum())]
        headers = _headers(buffer, columns) if with_headers else None
        return PieceColumns(columns[:PLAIN_ROWS], buffer, headers, bad)


def _headers(buffer: NDArray[np.uint8], columns: NDArray[np.int64]) -> RecordHeaders:
    splits = np.concatenate([np.zeros(1, np.int64), np.cumsum(columns[-1])])
    spans = np.empty((4, int(splits[-1])), np.int64)
    decode_headers(buffer, columns, spans)
    return RecordHeaders(splits, *spans)
