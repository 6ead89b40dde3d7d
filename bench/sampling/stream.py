"""A stream of which only identities matter, and samples that are already full."""

from __future__ import annotations

import numpy as np

from ingest import BottomK, Field, Rows, Schema, Selection, Uniform
from ingest.sampling import Allocation, Weighting

__all__ = ["CAPACITY", "COLUMN", "FILLED", "SCHEMA", "TOPIC", "filled", "rows_at"]

TOPIC = "events"
CAPACITY = 50_000
FILLED = 20_000_000
COLUMN = 1_000_000
SCHEMA = Schema(
    (
        Field("x", "float32"),
        Field("weight", "float32", minimum=0.0),
        Field("city", "category", vocabulary=tuple(f"city {n}" for n in range(100))),
        Field("late", "bool", "label"),
    )
)


def timestamps_at(offsets: np.ndarray) -> np.ndarray:
    """int64[n]: a record a millisecond."""
    return 1_700_000_000_000 + offsets


def rows_at(offsets: np.ndarray) -> Rows:
    """Decoded rows; one in a hundred is late, weights go from 0.5 to 1.5."""
    count = len(offsets)
    mixed = (offsets * 2_654_435_761) % 2**32
    return Rows(
        topics=(TOPIC,),
        topic=np.zeros(count, np.int32),
        partition=np.zeros(count, np.int32),
        offset=offsets,
        timestamp=timestamps_at(offsets),
        columns={
            "x": (mixed % 1000).astype(np.float32),
            "weight": (0.5 + mixed / 2**32).astype(np.float32),
            "city": (1 + mixed % 100).astype(np.int32),
            "late": mixed // 7 % 100 == 0,
        },
    )


def filled(
    weighting: Weighting | None = None,
    allocation: Allocation | None = None,
    records: int = FILLED,
    capacity: int = CAPACITY,
) -> BottomK:
    """A sampler that was offered the first records of the stream."""
    sampler = BottomK(Selection(capacity, 1, SCHEMA, weighting or Uniform(), allocation), (TOPIC,))
    for start in range(0, records, COLUMN):
        offsets = np.arange(start, min(start + COLUMN, records), dtype=np.int64)
        could = sampler.candidates(TOPIC, 0, offsets, timestamps_at(offsets))
        sampler.offer(rows_at(offsets[could]))
    sampler.compact()
    return sampler
