"""How fetches are read."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ReadSettings"]


@dataclass(frozen=True)
class ReadSettings:
    """How fetches are read.

    Attributes:
        check_crcs: whether to compare checksums.
        headers: whether record batches get header columns.
        max_batch_bytes: most bytes that one of Kafka's batches may have decompressed.
    """

    check_crcs: bool = True
    headers: bool = False
    max_batch_bytes: int = 128 << 20
