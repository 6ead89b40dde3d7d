"""Quantiles of numbers within a relative error, from counts of buckets.

This is DDSketch (Masson, Rim and Lee, "DDSketch: a fast and fully-mergeable quantile sketch with
relative-error guarantees", 2019) with the mapping that is linear between powers of two: a bucket is
named by the first bits of a float64, so naming it needs no logarithm, and is the same on every
machine. Its own code, as the package `ddsketch` adds one value at a time in Python, and KLL
sketches draw random bits or depend on the order of merging, and take whole weights only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.statistics.counts import Tally

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["RELATIVE_ERROR", "QuantileSketch"]

BITS = 6
"""Of the mantissa: 64 buckets between two powers of two."""
RELATIVE_ERROR = 2.0 ** -(BITS + 1)
"""Half a bucket's width, at its lower end: 0.78 %."""
SHIFT = 52 - BITS
SMALLEST = 1 << BITS
"""The bucket that begins at 2**-1022; what is smaller counts as 0."""
LARGEST = (2047 << BITS) - 1
MOST = 2048


@dataclass(frozen=True, eq=False)
class QuantileSketch:
    """How much lies in each bucket of numbers.

    Guarantees:
        Error: a quantile is within `RELATIVE_ERROR` of the true one, as long as it is not in a
            bucket that was collapsed: 2,048 buckets of each sign, which are 32 powers of two, are
            kept, those furthest from 0; the lowest of these takes in what is nearer to 0.
        Mergeability: with whole weights a function of the set of numbers, in any parts and order.

    Attributes:
        buckets: of 0 the number 0; of x the first bits of |x|, with the sign of x.
    """

    buckets: Tally

    def __eq__(self, other: object) -> bool:
        """Same buckets with the same weights."""
        return self.buckets == other.buckets if isinstance(other, QuantileSketch) else False

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def empty(cls) -> QuantileSketch:
        """Of no numbers."""
        return cls(Tally.empty())

    @classmethod
    def of(cls, values: NDArray[np.float64], weights: NDArray[np.float64]) -> QuantileSketch:
        """Of some numbers.

        Args:
            values: finite, [n].
            weights: more than 0, [n].
        """
        sizes = np.abs(values).view(np.int64) >> SHIFT
        base = int(sizes.min(initial=LARGEST, where=sizes >= SMALLEST)) - 1
        # Numbered from the smallest size on, as counting takes as long as the numbers are apart.
        near = np.maximum(sizes - base, 0)
        tally = Tally.of(np.where(values < 0, -near, near), weights)
        buckets = tally.numbers + np.sign(tally.numbers) * base
        return cls(_collapsed(Tally(buckets, tally.weights)))

    def merged(self, other: QuantileSketch) -> QuantileSketch:
        """Of the numbers of both; the same bits whichever comes first."""
        return QuantileSketch(_collapsed(self.buckets.merged(other.buckets)))

    def scaled(self, share: float) -> QuantileSketch:
        """Of the same numbers, each weighing a share (0 to 1) of what it weighed."""
        return QuantileSketch(self.buckets.scaled(share))

    def quantiles(self, q: NDArray[np.float64]) -> NDArray[np.float64]:
        """Float64 like `q`, from 0 to 1: near the smallest number with a share `q` up to it.

        The sketch must have seen a number.
        """
        reached = np.cumsum(self.buckets.weights)
        places = np.searchsorted(reached, q * reached[-1], side="left")
        middles = _middles(self.buckets.numbers)
        found: NDArray[np.float64] = middles[places]
        return found

    def to_json(self) -> dict[str, Any]:
        """A plain form."""
        return self.buckets.to_json()

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> QuantileSketch:
        """The inverse of `to_json`, bit for bit.

        Raises:
            KeyError, TypeError, ValueError: it is not of that form.
        """
        return cls(Tally.from_json(value, -LARGEST, LARGEST))


def _middles(buckets: NDArray[np.int64]) -> NDArray[np.float64]:
    """The number in the middle of each bucket."""
    sizes = ((np.abs(buckets) << SHIFT) | (1 << (SHIFT - 1))).view(np.float64)
    return np.where(buckets == 0, 0.0, np.where(buckets < 0, -sizes, sizes))


def _collapsed(tally: Tally) -> Tally:
    """At most `MOST` buckets of a sign: those furthest from 0, where they are few, stay apart.

    Whatever was collapsed before lies in a bucket that is not above the one it would have now, so
    collapsing parts and then their union is collapsing the whole.
    """
    numbers = tally.numbers
    below, above = int((numbers < 0).sum()), int((numbers > 0).sum())
    if max(below, above) <= MOST:
        return tally
    high = numbers[-MOST] if above > MOST else np.int64(1)
    low = numbers[MOST - 1] if below > MOST else np.int64(-1)
    moved = np.where(numbers > 0, np.maximum(numbers, high), np.minimum(numbers, low))
    return Tally.of(np.where(numbers == 0, 0, moved), tally.weights)
