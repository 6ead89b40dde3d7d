"""Mean and variance of numbers, in parts that can be put together.

The variance of two parts is that of Chan, Golub and LeVeque ("Updating formulae and a pairwise
algorithm for computing sample variances", 1979): no sum of squares is ever kept, so nothing
cancels. No sum is left to a linear algebra library: its order would depend on the cores.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["Moments"]

HUGE = np.finfo(np.float64).max
ARRAYS = ("mean", "squares", "minimum", "maximum")


@dataclass(frozen=True, eq=False)
class Moments:
    """Weight, mean, spread and extremes of the numbers at each place of a row.

    What does not fit a float64 is the largest one: nothing here is ever infinite or NaN, but the
    extremes of no rows.

    Attributes:
        weight: sum of the rows' weights.
        mean: float64 of the shape of a row; 0 of no rows.
        squares: float64, the weighted sum of squared distances from the mean.
        minimum: float64, the smallest number ever; infinity of no rows.
        maximum: float64, the largest; minus infinity of no rows.
    """

    weight: float
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]

    @classmethod
    def empty(cls, shape: tuple[int, ...]) -> Moments:
        """Of no rows of a shape."""
        zeros = np.zeros(shape)
        return cls(0.0, zeros, zeros, np.full(shape, np.inf), np.full(shape, -np.inf))

    @classmethod
    def of(cls, values: NDArray[np.float64], weights: NDArray[np.float64]) -> Moments:
        """Of some rows.

        Args:
            values: finite, [n, *shape].
            weights: more than 0, [n].
        """
        if not len(values):
            return cls.empty(values.shape[1:])
        total = float(weights.sum())
        column = weights.reshape(-1, *(1,) * (values.ndim - 1))
        low, high = values.min(axis=0), values.max(axis=0)
        # Shares, so that no sum is infinite; a constant column has its very number as its mean.
        mean = np.clip((column / total * values).sum(axis=0), low, high)
        with np.errstate(over="ignore"):
            squares = (column * (values - mean) ** 2).sum(axis=0)
        return cls(total, mean, np.fmin(squares, HUGE), low, high)

    def merged(self, other: Moments) -> Moments:
        """Of the rows of both."""
        if not (self.weight and other.weight):
            return self if self.weight else other
        total = self.weight + other.weight
        share = other.weight / total
        low = np.minimum(self.minimum, other.minimum)
        high = np.maximum(self.maximum, other.maximum)
        with np.errstate(over="ignore", invalid="ignore"):
            apart = other.mean - self.mean
            mean = self.mean + apart * share
            convex = self.mean * (1.0 - share) + other.mean * share
            mean = np.clip(np.where(np.isfinite(apart), mean, convex), low, high)
            squares = self.squares + other.squares + apart**2 * (self.weight * share)
        return Moments(total, mean, np.fmin(squares, HUGE), low, high)

    def scaled(self, share: float) -> Moments:
        """Of the same rows, each weighing a share (0 to 1) of what it weighed; extremes stay."""
        return replace(self, weight=self.weight * share, squares=self.squares * share)

    @property
    def variance(self) -> NDArray[np.float64]:
        """Float64, the mean squared distance from the mean; 1 of no rows."""
        if not self.weight:
            return np.ones_like(self.mean)
        with np.errstate(over="ignore"):
            return np.minimum(self.squares / self.weight, HUGE)

    def to_json(self) -> dict[str, Any]:
        """A plain form; of no rows it has the weight alone."""
        if not self.weight:
            return {"weight": 0.0}
        return {"weight": self.weight, **{n: getattr(self, n).tolist() for n in ARRAYS}}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], shape: tuple[int, ...]) -> Moments:
        """The inverse of `to_json`, bit for bit.

        Raises:
            KeyError, TypeError, ValueError: it is not of that form, or of another shape.
        """
        weight = float(value["weight"])
        if weight == 0.0:
            return cls.empty(shape)
        arrays = {name: np.array(value[name], np.float64) for name in ARRAYS}
        fine = all(a.shape == shape and np.isfinite(a).all() for a in arrays.values())
        if not (fine and 0.0 < weight <= HUGE and (arrays["squares"] >= 0.0).all()):
            raise ValueError(f"expected finite moments of the shape {list(shape)}")
        return cls(weight, **arrays)
