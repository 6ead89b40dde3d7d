"""Which batches a reader is not given: transaction markers, and what was aborted."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from ingest.wire.batches import BatchHeader
from ingest.wire.codecs import UnusableError
from ingest.wire.decode import decode_records
from ingest.wire.layout import CONTROL_BIT, HEADER_BYTES, TRANSACTIONAL_BIT, read_int

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Transactions", "marker_type"]

ABORT = 0
# A later version may append to the key.
MARKER_KEY_BYTES, TYPE_AT = 4, 2


class Transactions:
    """Follows the transactions of one fetch, batch by batch; as kafka-python does.

    A producer's transactional batches are left out from the first offset of its aborted
    transaction, which the broker tells with the fetch, to the marker that ends it.

    Args:
        aborted: first offset and producer of each aborted transaction; None when everything is to
            be read, committed or not.
    """

    def __init__(self, aborted: Iterable[tuple[int, int]] | None) -> None:
        self._committed_only = aborted is not None
        self._waiting = deque(sorted(aborted or ()))
        self._aborted: set[int] = set()

    def reads_marker(self, attributes: int, producer: int) -> bool:
        """Whether `skips` needs the type of the marker that a batch holds."""
        return self._committed_only and producer >= 0 and bool(attributes & CONTROL_BIT)

    def skips(self, attributes: int, producer: int, last_offset: int, marker: int | None) -> bool:
        """Whether the next batch holds nothing for a reader.

        Args:
            attributes: of the batch.
            producer: of the batch, -1 for none.
            last_offset: of the batch.
            marker: the type of a transaction marker, where `reads_marker` asks for it and it is
                there.
        """
        if producer >= 0:
            while self._waiting and self._waiting[0][0] <= last_offset:
                self._aborted.add(self._waiting.popleft()[1])
            if attributes & CONTROL_BIT and marker == ABORT:
                self._aborted.discard(producer)
            elif attributes & TRANSACTIONAL_BIT and producer in self._aborted:
                return True
        return bool(attributes & CONTROL_BIT)


def marker_type(buffer: NDArray[np.uint8], header: BatchHeader) -> int | None:
    """The type of the transaction marker in a batch: 0 abort, 1 commit; None if it is gone.

    Kafka's compaction leaves an empty batch of the last marker of a producer.

    Args:
        buffer: uint8[m], which the batch lies in; a marker is never compressed.
        header: of the batch.

    Raises:
        UnusableError: what is in the batch is no marker.
    """
    start = header.start + HEADER_BYTES
    if header.records == 0 and start == header.end:
        return None
    offsets = (header.base_offset, header.last_offset)
    plan = np.array([[start, header.end, 1, *offsets, 0, 1]], np.int64).T
    columns = np.empty((6, 1), np.int64)
    wrong, *_ = decode_records(buffer, plan, columns)
    _, _, key, length, _, _ = columns[:, 0].tolist()
    if header.records != 1 or wrong or length < MARKER_KEY_BYTES:
        raise UnusableError("a transaction marker", "a record that is none")
    return int(read_int(buffer, key + TYPE_AT, 2))
