"""Lines: the rows of each stratum, one behind another by their keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Lines"]


@dataclass(frozen=True, eq=False)
class Lines:
    """Where rows stand.

    Attributes:
        order: intp[n], the rows, line after line.
        begins: intp[s], where in `order` each line begins; none is empty.
        number: intp[n], of the line of each row, from 0.
        rank: int64[n], places in the line, from 1.
    """

    order: NDArray[np.intp]
    begins: NDArray[np.intp]
    number: NDArray[np.intp]
    rank: NDArray[np.int64]

    @classmethod
    def of(cls, strata: NDArray[np.int64]) -> Lines:
        """The lines of rows that are sorted by key, by their strata int64[n]."""
        order = np.argsort(strata, kind="stable")
        own = strata[order]
        begins = np.flatnonzero(np.concatenate([[True], own[1:] != own[:-1]]))[: len(own)]
        lengths = np.diff(np.append(begins, len(own)))
        number, rank = np.empty(len(own), np.intp), np.empty(len(own), np.int64)
        number[order] = np.repeat(np.arange(len(begins)), lengths)
        rank[order] = np.arange(len(own)) - np.repeat(begins, lengths) + 1
        return cls(order, begins, number, rank)

    def first(self) -> NDArray[np.intp]:
        """intp[s]: the first row of each line."""
        return self.order[self.begins]

    def last(self) -> NDArray[np.intp]:
        """intp[s]: the last row of each line."""
        ends = np.append(self.begins[1:], len(self.order))[: len(self.begins)]
        found: NDArray[np.intp] = self.order[ends - 1]
        return found

    def sums(self, amounts: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64[n]: of the amounts of a row and of all before it in its line."""
        sums = np.cumsum(amounts[self.order])
        before = (sums - amounts[self.order])[self.begins]
        found = np.empty(len(sums), np.int64)
        found[self.order] = sums
        return found - before[self.number]

    def first_out(self, is_in: NDArray[np.bool_]) -> NDArray[np.intp]:
        """intp[<= s]: the first row that is out of each line that has one, line after line."""
        out = self.order[~is_in[self.order]]
        number = self.number[out]
        found: NDArray[np.intp] = out[np.append(True, number[1:] != number[:-1])[: len(out)]]
        return found
