"""A rung of the ladder, measured on its exported bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry import Artifact

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["FLOAT32", "Measured"]

FLOAT32 = "float32"
"""The rung of the uncompressed bytes."""


@dataclass(frozen=True, eq=False)
class Measured:
    """A rung's bytes, and what they score on the test rows.

    Attributes:
        artifact: the bytes.
        float32: the bytes that they were made from.
        output: predictions on these rows, float32[n, ...].
        scores: metric to value.
        difference: largest absolute difference of an output from float32's on these rows.
    """

    artifact: Artifact
    float32: bytes
    output: NDArray[np.float32]
    scores: dict[str, float]
    difference: float
