"""A decoder that several threads may use."""

from __future__ import annotations

import threading

from ingest.formats.decoder import Decoded, Decoder
from ingest.records import RecordBatch

__all__ = ["SharedDecoder"]


class SharedDecoder:
    """A `Decoder` that one thread at a time uses, for those that are not made for several."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._lock = threading.Lock()

    def decode(self, batch: RecordBatch) -> Decoded:
        """Decode a batch; see `Decoder`."""
        with self._lock:
            return self._decoder.decode(batch)
