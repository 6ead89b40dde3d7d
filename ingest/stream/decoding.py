"""Records of a block as rows; what is bad is counted, told and handed on."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.dead_letters import DeadLetters
from ingest.formats.decoder import BadRecord, Decoded, Decoder
from ingest.position import Gap
from ingest.ragged import Column, concat_columns
from ingest.records import RecordBatch
from ingest.rows import Rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Decoding", "SharedDecoder", "StreamCounts"]

log = logging.getLogger("millstream.ingest")


class SharedDecoder:
    """A `Decoder` that one thread at a time uses, for those that are not made for several."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._lock = threading.Lock()

    def decode(self, batch: RecordBatch) -> Decoded:
        """Decode a batch; see `Decoder`."""
        with self._lock:
            return self._decoder.decode(batch)


@dataclass
class StreamCounts:
    """What a run has read so far, which may be more than what it has given.

    Attributes:
        records: all.
        bad: those that could not be decoded.
        kinds: the bad ones by kind.
        gaps: offsets that the broker no longer had.
    """

    records: int = 0
    bad: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    gaps: list[Gap] = field(default_factory=list)


class Decoding:
    """Makes rows of records.

    The first bad record of each kind is logged; all are counted, and go to the dead letters if they
    did not already.

    Args:
        topics: of the records, sorted.
        decoder: of their values.
        letters: where bad records go.
        counts: kept up to date.
        lettered: per topic and partition the offset up to which bad records were sent; kept up to
            date.
    """

    def __init__(
        self,
        topics: tuple[str, ...],
        decoder: Decoder,
        letters: DeadLetters,
        counts: StreamCounts,
        lettered: dict[tuple[str, int], int],
    ) -> None:
        self.counts = counts
        self._topics = topics
        self._decoder = decoder
        self._letters = letters
        self._lettered = lettered

    def rows(self, batches: Sequence[RecordBatch]) -> Rows:
        """The good rows of some batches, in their order; without columns when there are none.

        The dead letters of the batches are delivered when it returns.
        """
        parts = [rows for batch in batches if len(rows := self._rows(batch))]
        self._letters.flush()
        for batch in batches:
            part = (batch.topic, batch.partition)
            self._lettered[part] = max(self._lettered.get(part, 0), batch.next_offset)
        if len(parts) == 1:
            return parts[0]
        return _joined(self._topics, parts)

    def _rows(self, batch: RecordBatch) -> Rows:
        decoded = self._decoder.decode(batch)
        good = decoded.good
        self.counts.records += len(batch)
        if decoded.bad:
            self._report(batch, decoded.bad)
        return Rows(
            self._topics,
            np.full(len(good), self._topics.index(batch.topic), np.int32),
            np.full(len(good), batch.partition, np.int32),
            batch.offsets[good],
            batch.timestamps[good],
            decoded.columns,
        )

    def _report(self, batch: RecordBatch, bad: Sequence[BadRecord]) -> None:
        for record in bad:
            if record.kind not in self.counts.kinds:
                log.warning(
                    "%s[%d]@%d: %s; further records that are bad like this (%s) are only counted",
                    *(batch.topic, batch.partition, batch.offsets[record.index], record.reason),
                    record.kind,
                )
            self.counts.kinds[record.kind] += 1
        self.counts.bad += len(bad)
        since = self._lettered.get((batch.topic, batch.partition), 0)
        new = [record for record in bad if batch.offsets[record.index] >= since]
        if new:
            self._letters.send(batch, new)


def _joined(topics: tuple[str, ...], parts: Sequence[Rows]) -> Rows:
    """Rows of the same columns, one part behind another."""

    def one(name: str, dtype: type[np.signedinteger[Any]]) -> NDArray[Any]:
        return np.concatenate([np.empty(0, dtype), *(getattr(part, name) for part in parts)])

    columns: dict[str, Column] = {}
    for name in parts[0].columns if parts else ():
        columns[name] = concat_columns([part.columns[name] for part in parts])
    return Rows(
        topics,
        one("topic", np.int32),
        one("partition", np.int32),
        one("offset", np.int64),
        one("timestamp", np.int64),
        columns,
    )
