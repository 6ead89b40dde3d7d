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
    if (np.diff(keys[order]) == 0).any():  # a row that is there twice, or a rare tie
        order = np.lexsort((who.offset, who.partition, who.topic, keys))
        order = order[~_same_as_before(who, order)]
    return order


def _same_as_before(who: Identities, order: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Bool [n]: whether a row, in this order, has the identity of the row before it."""
    same = np.zeros(len(order), np.bool_)
    now, before = order[1:], order[:-1]
    same[1:] = np.all([column[now] == column[before] for column in who], axis=0)
    return same
