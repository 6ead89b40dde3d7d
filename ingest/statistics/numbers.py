"""What is kept of a field of numbers: moments, extremes and quantiles."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.statistics.moments import Moments
from ingest.statistics.quantiles import QuantileSketch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["Numbers"]

LONGEST = 4096
"""Longer lists have the moments of all their elements together, not of each place."""
CHUNK = 2**17
"""Numbers that are looked at together: a MiB of float64."""


@dataclass(frozen=True, eq=False)
class Numbers:
    """Moments of each place of a row, and the quantiles of all places together.

    Attributes:
        moments: of the shape of a row; of () for a list of more than 4,096.
        sketch: of all numbers.
    """

    moments: Moments
    sketch: QuantileSketch

    @classmethod
    def empty(cls, shape: tuple[int, ...]) -> Numbers:
        """Of no rows whose numbers have a shape."""
        return cls(Moments.empty(kept_shape(shape)), QuantileSketch.empty())

    @classmethod
    def of(cls, column: NDArray[Any], weights: NDArray[np.float64]) -> Numbers:
        """Of a column.

        Args:
            column: finite, [n] or [n, length].
            weights: more than 0, [n].
        """
        shape = column.shape[1:]
        found, size = cls.empty(shape), math.prod(shape)
        pooled = kept_shape(shape) != shape
        step = max(1, CHUNK // size)
        for at in range(0, len(column), step):
            values = np.ascontiguousarray(column[at : at + step], np.float64)
            each = weights[at : at + step]
            spread = each if size == 1 else np.repeat(each, size)
            flat = values.reshape(-1)
            part = cls(
                Moments.of(flat, spread) if pooled else Moments.of(values, each),
                QuantileSketch.of(flat, spread),
            )
            found = found.merged(part)
        return found

    def merged(self, other: Numbers) -> Numbers:
        """Of the rows of both."""
        return Numbers(self.moments.merged(other.moments), self.sketch.merged(other.sketch))

    def scaled(self, share: float) -> Numbers:
        """Of the same rows, each weighing a share (0 to 1) of what it weighed."""
        return Numbers(self.moments.scaled(share), self.sketch.scaled(share))

    def quantiles(self, q: NDArray[np.float64]) -> NDArray[np.float64]:
        """As the sketch has them, but never beyond the extremes; there must be a row."""
        low, high = self.moments.minimum.min(), self.moments.maximum.max()
        inner = np.clip(self.sketch.quantiles(q), low, high)
        return np.where(q <= 0.0, low, np.where(q >= 1.0, high, inner))

    def to_json(self) -> dict[str, Any]:
        """A plain form."""
        return {"moments": self.moments.to_json(), "sketch": self.sketch.to_json()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], shape: tuple[int, ...]) -> Numbers:
        """The inverse of `to_json`, bit for bit.

        Raises:
            KeyError, TypeError, ValueError: it is not of that form, or of another shape.
        """
        moments = Moments.from_json(value["moments"], kept_shape(shape))
        return cls(moments, QuantileSketch.from_json(value["sketch"]))


def kept_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of the moments of rows of a shape."""
    return shape if math.prod(shape) <= LONGEST else ()
