"""A rung of the ladder, measured on its exported bytes."""

from __future__ import annotations

from dataclasses import dataclass

from registry import Artifact

__all__ = ["Measured"]


@dataclass(frozen=True)
class Measured:
    """A rung's bytes, and what they score on the test rows.

    Attributes:
        artifact: the bytes.
        float32: the bytes that they were made from.
        scores: metric to value.
        difference: largest absolute difference of an output from float32's on these rows.
    """

    artifact: Artifact
    float32: bytes
    scores: dict[str, float]
    difference: float
