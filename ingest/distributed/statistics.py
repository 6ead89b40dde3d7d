"""Statistics of the rows of all workers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from ingest.distributed.workers import Workers
from ingest.rows import Rows
from ingest.statistics import Statistics

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["update_together"]


def update_together(
    before: Statistics, rows: Rows, weights: NDArray[np.float64], workers: Workers
) -> Statistics:
    """What `before.updated` makes of the rows of all workers, but for the last bits.

    Those of each partition are made by its worker, and merged in the order of the partitions: the
    same bits for any number of workers.

    Args:
        before: the statistics so far, the same on all workers.
        rows: of this worker, sorted by identity.
        weights: float64[n], what each stands for.
        workers: all of them call it.
    """
    empty, own = Statistics.empty(before.schema), []
    starts = np.flatnonzero(np.diff(rows.topic, prepend=-1) | np.diff(rows.partition, prepend=-1))
    for part in np.split(np.arange(len(rows)), starts[1:]):
        if len(part):
            made = empty.updated(rows.take(part), weights[part])
            topic = rows.topics[rows.topic[part[0]]]
            own.append([topic, int(rows.partition[part[0]]), made.to_json()])
    heard = [part for data in workers.gather(json.dumps(own).encode()) for part in json.loads(data)]
    for _, _, made_there in sorted(heard, key=lambda part: (part[0], part[1])):
        before = before.merged(Statistics.from_json(made_there, before.schema))
    return before
