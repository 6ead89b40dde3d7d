"""Weights by whole number: of the codes of a category, of the buckets of a sketch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["Tally"]

FORGOTTEN = 2.0**-40
"""What weighs less than this share of all is dropped when the past fades."""


@dataclass(frozen=True, eq=False)
class Tally:
    """How much each number weighs that has been seen.

    Guarantee: with whole weights below 2**53 the tally is a function of the set of rows, in
    whatever parts and order they came; other weights sum alike up to rounding.

    Attributes:
        numbers: int64[m], rising.
        weights: float64[m], more than 0.
    """

    numbers: NDArray[np.int64]
    weights: NDArray[np.float64]

    def __eq__(self, other: object) -> bool:
        """Same numbers with the same weights."""
        if not isinstance(other, Tally):
            return NotImplemented
        return np.array_equal(self.numbers, other.numbers) and np.array_equal(
            self.weights, other.weights
        )

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def empty(cls) -> Tally:
        """Nothing seen."""
        return cls(np.empty(0, np.int64), np.empty(0))

    @classmethod
    def of(cls, numbers: NDArray[np.int64], weights: NDArray[np.float64]) -> Tally:
        """Of some numbers.

        Args:
            numbers: [n].
            weights: more than 0, [n].
        """
        if not len(numbers):
            return cls.empty()
        low, high = int(numbers.min()), int(numbers.max())
        if high - low > 4 * len(numbers):  # far apart: sorting is cheaper than counting
            distinct, places = np.unique(numbers, return_inverse=True)
            return cls(distinct, _sums(places, weights))
        sums = _sums(numbers - low, weights)
        seen = np.flatnonzero(sums)
        return cls(seen + low, sums[seen])

    def merged(self, other: Tally) -> Tally:
        """Of what both have seen; the same bits whichever comes first."""
        if not (len(self.numbers) and len(other.numbers)):
            return self if len(self.numbers) else other
        return Tally.of(
            np.concatenate([self.numbers, other.numbers]),
            np.concatenate([self.weights, other.weights]),
        )

    def scaled(self, share: float) -> Tally:
        """The same, each weighing a share (0 to 1) of what it weighed; next to nothing is none."""
        weights = self.weights * share
        kept = weights > FORGOTTEN * weights.sum()
        return Tally(self.numbers[kept], weights[kept])

    @property
    def total(self) -> float:
        """The weight of all."""
        return float(self.weights.sum())

    def dense(self, size: int) -> NDArray[np.float64]:
        """Float64[size], the weight of each number from 0 up to below `size`; all are."""
        found = np.zeros(size)
        found[self.numbers] = self.weights
        return found

    def to_json(self) -> dict[str, Any]:
        """A plain form."""
        return {"numbers": self.numbers.tolist(), "weights": self.weights.tolist()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], low: int, high: int) -> Tally:
        """The inverse of `to_json`, bit for bit.

        Args:
            value: the plain form.
            low: the smallest number that may be there.
            high: the largest.

        Raises:
            KeyError, TypeError, ValueError: it is not of that form, or has other numbers.
        """
        numbers = np.array(value["numbers"], np.int64)
        weights = np.array(value["weights"], np.float64)
        if numbers.ndim != 1 or weights.shape != numbers.shape:
            raise ValueError("expected as many weights as numbers")
        if (np.diff(numbers) <= 0).any() or not (np.isfinite(weights) & (weights > 0)).all():
            raise ValueError("expected rising numbers, and weights of more than 0")
        if len(numbers) and not low <= numbers[0] <= numbers[-1] <= high:
            raise ValueError(f"expected numbers from {low} to {high}")
        return cls(numbers, weights)


def _sums(places: NDArray[np.int64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The weight at each place from 0, summed in the order of the rows."""
    return np.bincount(places, weights).astype(np.float64, copy=False)
