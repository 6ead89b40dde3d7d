"""What a decoder is: from spans to columns, and which records are bad and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ingest.ragged import Column
from ingest.records import RecordBatch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["BadRecord", "Decoded", "Decoder"]


@dataclass(frozen=True)
class BadRecord:
    """One record that cannot be used.

    Attributes:
        index: of the record in its batch.
        reason: for people; holds at most 200 characters of the record.
        kind: short slug for counting, such as `not_json` or `wrong_type`.
    """

    index: int
    reason: str
    kind: str


@dataclass(frozen=True, eq=False)
class Decoded:
    """A decoded batch: each record is either good or bad.

    Attributes:
        columns: one of g rows per field of the schema, in its dtype, for the good records:
            array[g], array[g, length] or `Ragged`.
        good: int64[g], growing indices of the good records in the batch.
        bad: the others, by index.
    """

    columns: Mapping[str, Column]
    good: NDArray[np.int64]
    bad: tuple[BadRecord, ...]


class Decoder(Protocol):
    """Turns record batches into columns.

    Guarantees:
        Completeness: each record of a batch is either good or bad, never both, never neither.
        Determinism: what becomes of a record depends on its value (and key) alone, not on its
            neighbours. One exception: a decoder that asks a schema registry finds an id unknown
            or known as the registry has it at that time, and asks for few unknown ids at a time.
        It never raises for the content of a record.

    `ingest.checks.check_decoder` proves an implementation.
    """

    def decode(self, batch: RecordBatch) -> Decoded:
        """Decode all records of a batch."""
