"""Arrays as rows of a stream: each row gets the identity that a record of a topic would have."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ingest import Rows

__all__ = ["TOPIC", "as_rows"]

TOPIC = "events"


def as_rows(columns: Mapping[str, np.ndarray], first: int = 0) -> Rows:
    """Rows of one partition.

    Args:
        columns: array[n] or [n, length] by name, in the dtypes of the schema.
        first: offset of the first row.
    """
    count = len(next(iter(columns.values())))
    offsets = np.arange(first, first + count, dtype=np.int64)
    return Rows(
        topics=(TOPIC,),
        topic=np.zeros(count, np.int32),
        partition=np.zeros(count, np.int32),
        offset=offsets,
        timestamp=offsets,
        columns=dict(columns),
    )
