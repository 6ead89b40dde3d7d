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
from ingest.sampling.level import below_level
from ingest.sampling.lines import Lines

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

    Rows that come first in the order of (urgency, key) are in as long as there are places. If bytes
    are bounded, they are as long as they fit, or, with an allocation, up to a level of each stratum
    (see `ingest.sampling.level`).
    """
    if strata is None or allocation is None:
        return _smallest(keys, _fitting(bounds, sizes, len(keys)))
    lines = Lines.of(strata)
    urgency = allocation.urgency(lines.rank, strata)
    order, count = np.empty(0, np.intp), 0
    parts = None if sizes is None else allocation.parts(strata)
    if sizes is None or parts is None:
        order = np.argsort(urgency, kind="stable")
        order = order[: int(np.searchsorted(urgency[order], np.inf))]
        count = min(bounds[0], len(order))
        is_in = np.zeros(len(keys), np.bool_)
        is_in[order[:count]] = True
    else:
        is_in = below_level(lines, parts, np.isinf(urgency), sizes, bounds)
    inside, outside = np.flatnonzero(is_in), lines.first_out(is_in)
    limits = _limits(keys, lines.number, outside)
    if len(order) > count:
        _limit_rivals(limits, keys, lines.number, urgency, (order, count))
    return Places(inside, outside, limits[lines.number[inside]], strata[outside], keys[outside])


def _fitting(bounds: tuple[int, float], sizes: NDArray[np.int64] | None, rows: int) -> int:
    """How many of the first rows keep both bounds."""
    places, most = bounds
    count = min(places, rows)
    if sizes is None:
        return count
    return int(np.searchsorted(np.cumsum(sizes[:count]), most, "right"))


def _smallest(keys: NDArray[np.float64], count: int) -> Places:
    places = np.arange(len(keys))
    outside = places[count : count + 1]
    limit = keys[count] if len(outside) else np.inf
    limits = np.full(count, limit)
    return Places(places[:count], outside, limits, np.zeros(len(outside), np.int64), keys[outside])


def _limits(
    keys: NDArray[np.float64], number: NDArray[np.intp], outside: NDArray[np.intp]
) -> NDArray[np.float64]:
    """float64[s]: the limit of the rows of each line that are in.

    A row whose key grows takes the last place of its line in the sample, until it is behind the
    first of its line that is out.
    """
    limits = np.full(int(number.max(initial=-1)) + 1, np.inf)
    limits[number[outside]] = keys[outside]
    return limits


def _limit_rivals(
    limits: NDArray[np.float64],
    keys: NDArray[np.float64],
    number: NDArray[np.intp],
    urgency: NDArray[np.float64],
    places: tuple[NDArray[np.intp], int],
) -> None:
    """Lower the limits of lines whose last place is as urgent as the first row out of all.

    A row that has that place must also stay before that one.
    """
    order, count = places
    first, inside = order[count], order[:count]
    last = np.full(len(limits), -np.inf)
    np.maximum.at(last, number[inside], urgency[inside])
    rivals = last == urgency[first]
    limits[rivals] = np.minimum(limits[rivals], keys[first])
