"""kafka-python's own records as columns: what is read where the seam does not fit, and slower."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ingest.records import RecordBatch

__all__ = ["PerRecordReader"]


class PerRecordReader:
    """Gives records that kafka-python has read, as `FetchReader` gives those that it reads.

    Args:
        topic: of the records.
        partition: of the records.
        records: at least one, in order.
        headers: whether record batches get header columns.
    """

    def __init__(self, topic: str, partition: int, records: Sequence[Any], headers: bool) -> None:
        self._topic = topic
        self._partition = partition
        self._records = records
        self._headers = headers

    @property
    def position(self) -> int:
        """The offset of the next record; there must be one."""
        return int(self._records[0].offset)

    @property
    def ended(self) -> bool:
        """Whether there is nothing left."""
        return not self._records

    def read(self, most: int) -> RecordBatch | None:
        """The next records, `most` of them if there are."""
        records, self._records = self._records[:most], self._records[most:]
        return RecordBatch.of(
            self._topic,
            self._partition,
            [record.offset for record in records],
            [record.value for record in records],
            keys=[record.key for record in records],
            # Messages of format 0 have none.
            timestamps=[-1 if record.timestamp is None else record.timestamp for record in records],
            headers=[record.headers for record in records] if self._headers else None,
        )
