"""A rung of the ladder, measured on its exported bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry import Artifact
from registry.measure import Cost

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["FLOAT32", "Measured"]

FLOAT32 = "float32"
"""The rung of the uncompressed bytes."""


@dataclass(frozen=True, eq=False)
class Measured:
    """A rung's bytes, what they score on the test rows, and what they cost.

    Attributes:
        artifact: the bytes.
        float32: the uncompressed bytes of the same learner.
        output: predictions on these rows, float32[n, ...].
        scores: metric to value.
        difference: largest absolute difference of an output from float32's on these rows.
        cost: sizes, latency and memory.
        kept: operations that were put back to larger numbers so that the rung passes.
        kept_as: in which numbers they are, "float" or "int8".
    """

    artifact: Artifact
    float32: bytes
    output: NDArray[np.float32]
    scores: dict[str, float]
    difference: float
    cost: Cost
    kept: tuple[str, ...] = ()
    kept_as: str = "float"
