"""What a walk through records noted of one field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ingest.formats.binary.operations import OPERATIONS

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Noted", "Read", "floats_of"]

FLOAT, DOUBLE = OPERATIONS["float"], OPERATIONS["double"]

Read: TypeAlias = (
    "Callable[[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64], int], NDArray[np.int64]]"
)
"""Reads the elements of lists as single values are noted, int64[m], from the buffer, uint8; where
each list begins, int64[n]; their splits, int64[n + 1]; and the elements' operation.
"""


@dataclass(frozen=True, eq=False)
class Noted:
    """What the walk noted of one field: kinds uint8, values int64, lengths int64, [n] each."""

    buffer: NDArray[np.uint8]
    kinds: NDArray[np.uint8]
    values: NDArray[np.int64]
    lengths: NDArray[np.int64]


def floats_of(values: NDArray[np.int64], operation: int) -> NDArray[np.float64]:
    """Noted values of one operation as floats: what their bits say, or whole numbers."""
    if operation == DOUBLE:
        return np.ascontiguousarray(values).view(np.float64)
    if operation == FLOAT:
        with np.errstate(invalid="ignore"):  # signalling NaN
            return values.astype(np.uint32).view(np.float32).astype(np.float64)
    return values.astype(np.float64)
