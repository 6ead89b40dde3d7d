"""Importance: of a larger uniform sample, the rows that the model has most to learn from.

A row is drawn in proportion to a score that the trainer gives it (its loss, or the norm of its
gradient), without replacement, by the bottom-k keys of all samplers, and weighs the inverse of its
chance, so that the mean over the drawn rows is an unbiased estimate of the mean over all
[Katharopoulos & Fleuret, "Not all samples are created equal", 2018].
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ingest.errors import SamplerError, SettingsError
from ingest.identity import hash64
from ingest.rows import Rows
from ingest.sampling.keys import base_keys
from ingest.sampling.order import Identities, order_by_key
from ingest.sampling.places import first_places

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["select_important"]


def select_important(
    rows: Rows,
    scores: NDArray[np.floating],
    capacity: int,
    seed: int,
    *,
    epoch: int = 0,
    uniform_share: float = 0.1,
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Draw rows by their scores.

    A function of (seed, identities, epoch, scores) alone, whatever the order of the rows.

    Args:
        rows: who can be drawn, no identity twice.
        scores: float[n], of 0 or more.
        capacity: rows that are drawn at most.
        seed: of the draw.
        epoch: draws of different epochs are independent.
        uniform_share: how much of a row's chance does not depend on its score, so that none is
            impossible and no weight is huge; 1 is uniform.

    Returns:
        Places of the drawn rows, ascending, intp[k], and what each stands for, float64[k].

    Raises:
        SamplerError: a score is negative or no number.
        SettingsError: the capacity is not positive, or the share is not above 0 and at most 1.
    """
    if capacity < 1 or not 0.0 < uniform_share <= 1.0:
        raise SettingsError(
            "importance: expected a capacity of at least 1 and a uniform_share above 0 and at most"
            f" 1, got {capacity} and {uniform_share}"
        )
    given = np.asarray(scores, np.float64)
    if given.shape != (len(rows),) or not (np.isfinite(given) & (given >= 0)).all():
        raise SamplerError(f"importance: expected {len(rows)} scores that are 0 or more")
    # A sum is rounded by its order, which must not be that of the rows.
    mean = np.sort(given).mean() if len(given) else 0.0
    relative = given / mean if mean > 0 else np.ones(len(rows))
    logs = np.log((1.0 - uniform_share) * relative + uniform_share)
    who = Identities(rows.topic, rows.partition, rows.offset)
    bits = hash64(seed, "importance", rows.topics, *who, epoch=epoch)
    keys = base_keys(bits) - logs
    order = order_by_key(keys, who)
    found = first_places(keys[order], None, (capacity, np.inf))
    chosen = order[found.inside]
    with np.errstate(over="ignore"):
        chances = -np.expm1(-np.exp(found.limits + logs[chosen]))
    by_place = np.argsort(chosen)
    return chosen[by_place], 1.0 / chances[by_place]
