"""Spans that are scattered over a buffer, as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ingest.gather import copy_spans
from ingest.ragged import Ragged, splits_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["gather_spans"]


def gather_spans(
    buffer: NDArray[np.uint8], start: NDArray[np.int64], length: NDArray[np.int64]
) -> Ragged:
    """Copy spans one behind another.

    Args:
        buffer: uint8 [m].
        start: int64 [n], within the buffer.
        length: int64 [n], not negative, each span within the buffer.

    Returns:
        Of uint8, a row per span.
    """
    splits = splits_of(length)
    starts = np.ascontiguousarray(start)
    return Ragged(copy_spans(np.ascontiguousarray(buffer), starts, splits), splits)
