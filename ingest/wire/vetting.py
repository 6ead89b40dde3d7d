"""Which batches of a fetch are as they were sent, and which a reader is given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from crc32c import crc32c

from ingest.wire.batches import BatchHeader, BatchHeaders
from ingest.wire.codecs import UnusableError
from ingest.wire.layout import ATTRIBUTES_AT, CONTROL_BIT
from ingest.wire.transactions import Transactions, marker_type

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Vetting"]

START, END, CRC, ATTRIBUTES = 0, 1, 5, 6


class Vetting:
    """Looks at the batches of one fetch, each once and in their order.

    Args:
        buffer: the bytes of the fetch.
        batches: their headers.
        aborted: see `Transactions`.
        check_crcs: whether to compare checksums.

    Attributes:
        done: the number of batches that were looked at and are fine.
        kept: bool[b], which of those hold something for a reader.
    """

    def __init__(
        self,
        buffer: memoryview,
        batches: BatchHeaders,
        aborted: Sequence[tuple[int, int]] | None,
        check_crcs: bool,
    ) -> None:
        self.done = 0
        self.kept: NDArray[np.bool_] = np.ones(len(batches), np.bool_)
        self._buffer = buffer
        self._batches = batches
        self._check_crcs = check_crcs
        self._transactions = Transactions(aborted)
        # Where nothing was aborted, a batch that is no marker is never left out.
        control = (batches.table[:, ATTRIBUTES] & CONTROL_BIT).any()
        self._all_kept = not aborted and not control

    def vet(self, end: int) -> UnusableError | None:
        """Look at all batches before one; what is wrong with the batch at `done`, if something is.

        Args:
            end: a number of batches.
        """
        error = None
        if self._check_crcs and end > self.done:
            end, error = self._compare_crcs(end)
        if self._all_kept:
            self.done = max(end, self.done)
        while self.done < end:
            try:
                self.kept[self.done] = not self._skips(self._batches.header(self.done))
            except UnusableError as failure:
                return failure
            self.done += 1
        return error

    def _compare_crcs(self, end: int) -> tuple[int, UnusableError | None]:
        """The first batch with a wrong checksum, and what to say of it; else the end."""
        table, view = self._batches.table[self.done : end], self._buffer
        starts, ends = (table[:, START] + ATTRIBUTES_AT).tolist(), table[:, END].tolist()
        found = [crc32c(view[at:to]) for at, to in zip(starts, ends, strict=True)]
        wrong = np.flatnonzero(table[:, CRC] != found)
        if len(wrong) == 0:
            return end, None
        first = int(wrong[0])
        error = UnusableError(f"the CRC-32C {table[first, CRC]:08x}", f"{found[first]:08x}")
        return self.done + first, error

    def _skips(self, header: BatchHeader) -> bool:
        producer, attributes, marker = header.producer_id, header.attributes, None
        if producer < 0 and not attributes & CONTROL_BIT:
            return False
        if self._transactions.reads_marker(attributes, producer):
            marker = marker_type(np.frombuffer(self._buffer, np.uint8), header)
        return self._transactions.skips(attributes, producer, header.last_offset, marker)
