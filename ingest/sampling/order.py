"""The order of rows by their keys, each row once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Identities", "order_by_key"]


class Identities(NamedTuple):
    """Who rows are: topic index, partition and offset, [n] each."""

    topic: NDArray[np.int32]
    partition: NDArray[np.int32]
    offset: NDArray[np.int64]


def order_by_key(keys: NDArray[np.float64], who: Identities) -> NDArray[np.intp]:
    """Places of the rows by key, and by identity where keys are equal, each row once.

    Args:
        keys: float64[n], a function of the row.
        who: the rows are.
    """
    order = np.argsort(keys)
    equal = np.diff(keys[order]) == 0
    if not equal.any():
        return order
    # Rows that are there twice, or ties, which large log weights make common as they round keys.
    tied = np.flatnonzero(np.append(equal, False) | np.append(False, equal))
    rows = np.sort(order[tied])  # so that of the same row the first stays
    own = Identities(who.topic[rows], who.partition[rows], who.offset[rows])
    by_who = np.lexsort((own.offset, own.partition, own.topic, keys[rows]))
    order[tied] = rows[by_who]
    return np.delete(order, tied[_same_as_before(own, by_who)])


def _same_as_before(who: Identities, order: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Bool [n]: whether a row, in this order, has the identity of the row before it."""
    same = np.zeros(len(order), np.bool_)
    now, before = order[1:], order[:-1]
    same[1:] = np.all([column[now] == column[before] for column in who], axis=0)
    return same
