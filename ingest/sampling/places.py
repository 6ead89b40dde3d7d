"""Which rows have the places of a sample, and how likely each was to get one.

A sample keeps the rows that come first, and of each stratum one more: the first that is out. What
is behind that one can never come in again, so it can be forgotten, and the keys of those that are
first out tell how likely it was to be in: with the keys of all other rows as they are, a row was
in if its own key was below a limit ("rank conditioning", Cohen & Kaplan, "Summarizing data using
bottom-k sketches", 2007).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ingest.sampling.allocation import Allocation

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Places", "first_places"]


@dataclass(frozen=True, eq=False)
class Places:
    """Who is in a sample and who is first out.

    Attributes:
        inside: intp[k], rows of the sample.
        outside: intp[s], of each stratum that has one, the first row that is out.
        limits: float64[k], below which limit each row's key had to be; inf if any would do.
        strata: int64[s], of the rows in `outside`, sorted.
        entry: float64[s]: a row of that stratum with a larger key is of no interest any more.
    """

    inside: NDArray[np.intp]
    outside: NDArray[np.intp]
    limits: NDArray[np.float64]
    strata: NDArray[np.int64]
    entry: NDArray[np.float64]


def first_places(
    keys: NDArray[np.float64],
    strata: NDArray[np.int64] | None,
    bounds: tuple[int, float],
    allocation: Allocation | None = None,
    sizes: NDArray[np.int64] | None = None,
) -> Places:
    """Share the places among rows, none of which is there twice.

    Args:
        keys: float64[n], ascending; equal ones in the order of their identities.
        strata: int64[n]; None if there are none.
        bounds: places, and bytes of all rows that have one.
        allocation: says who is urgent; None if there are no strata.
        sizes: int64[n], bytes of each row; None if they are not bounded.
    """
    if strata is None or allocation is None:
        return _smallest(keys, _fitting(np.arange(len(keys)), bounds, sizes))
    line = np.argsort(strata, kind="stable")
    own = strata[line]
    begins = np.flatnonzero(np.concatenate([[True], own[1:] != own[:-1]]))[: len(own)]
    counts = np.diff(np.append(begins, len(own)))
    rank, number = np.empty(len(keys), np.int64), np.empty(len(keys), np.int64)
    rank[line] = np.arange(len(keys)) - np.repeat(begins, counts) + 1
    number[line] = np.repeat(np.arange(len(begins)), counts)
    urgency = allocation.urgency(rank, strata)
    order = np.argsort(urgency, kind="stable")
    order = order[: int(np.searchsorted(urgency[order], np.inf))]
    count = _fitting(order, bounds, sizes)
    inside = np.sort(order[:count])
    is_in = np.zeros(len(keys), np.bool_)
    is_in[inside] = True
    outside = _first_out(line, own, is_in)
    limits = _limits(keys, number, urgency, order, count, outside)
    return Places(inside, outside, limits[inside], strata[outside], keys[outside])


def _fitting(
    order: NDArray[np.intp], bounds: tuple[int, float], sizes: NDArray[np.int64] | None
) -> int:
    """How many of the first rows keep both bounds."""
    places, most = bounds
    count = min(places, len(order))
    if sizes is None or np.isinf(most):
        return count
    return int(np.searchsorted(np.cumsum(sizes[order[:count]]), most, "right"))


def _smallest(keys: NDArray[np.float64], count: int) -> Places:
    places = np.arange(len(keys))
    outside = places[count : count + 1]
    limit = keys[count] if len(outside) else np.inf
    limits = np.full(count, limit)
    return Places(places[:count], outside, limits, np.zeros(len(outside), np.int64), keys[outside])


def _first_out(
    line: NDArray[np.intp], own: NDArray[np.int64], is_in: NDArray[np.bool_]
) -> NDArray[np.intp]:
    """intp[s]: the first row that is out of each stratum that has one, by stratum."""
    out = np.flatnonzero(~is_in[line])
    first = np.concatenate([[True], own[out][1:] != own[out][:-1]])[: len(out)]
    found: NDArray[np.intp] = line[out[first]]
    return found


def _limits(
    keys: NDArray[np.float64],
    number: NDArray[np.intp],
    urgency: NDArray[np.float64],
    order: NDArray[np.intp],
    count: int,
    outside: NDArray[np.intp],
) -> NDArray[np.float64]:
    """float64[n]: the limit of each row that is in, whose strata are numbered from 0.

    A row whose key grows takes the last place of its stratum in the sample, until it is behind the
    first of its stratum that is out; or, if that last place is as urgent as the first row out of
    all, until it is behind that one.
    """
    strata = int(number.max(initial=-1)) + 1
    limits = np.full(strata, np.inf)
    limits[number[outside]] = keys[outside]
    if len(order) > count:
        first, inside = order[count], order[:count]
        last = np.full(strata, -np.inf)
        np.maximum.at(last, number[inside], urgency[inside])
        rivals = last == urgency[first]
        limits[rivals] = np.minimum(limits[rivals], keys[first])
    return limits[number]
