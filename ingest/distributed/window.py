"""A window that several workers have read: all of its numbers, and each one's own part of its rows.

It is the window that a single worker would have had of the same records: the samples of the
workers are parts of one sample.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.distributed.places import Keyed, find_places
from ingest.distributed.workers import Workers
from ingest.position import Gap, Position
from ingest.rows import Rows
from ingest.sampling.order import Identities
from ingest.sampling.selection import Selection
from ingest.schema import Schema
from ingest.split import TEST, TRAIN, VALIDATION
from ingest.window import Counts, SampleSettings, Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["agree_on_window"]


def agree_on_window(
    window: Window, settings: SampleSettings, schema: Schema, workers: Workers
) -> Window:
    """The worker's part of the window of all workers; all of them call it.

    Args:
        window: what this worker has read; its settings are `shared`.
        settings: of the samples.
        schema: of the rows.
        workers: who read.

    Returns:
        A window whose `train`, `validation`, `test`, `train_weights` and `past` are of this
        worker's partitions, while all else is of all workers.
    """
    sides = [
        _agreed(settings.selection(side, schema), window.candidates[side], workers)
        for side in (TRAIN, VALIDATION, TEST)
    ]
    return replace(
        window,
        **_agreed_facts(window, workers),
        train=sides[TRAIN][0],
        validation=sides[VALIDATION][0],
        test=sides[TEST][0],
        train_weights=sides[TRAIN][1],
        candidates=(),
    )


def _agreed(
    selection: Selection, candidates: Rows, workers: Workers
) -> tuple[Rows, NDArray[np.float64]]:
    """The candidates that are in the sample, and what each stands for."""
    keyed = Keyed(
        Identities(candidates.topic, candidates.partition, candidates.offset),
        selection.keys(candidates),
        selection.strata(candidates),
    )
    found = find_places(selection, keyed, workers)
    by_identity = np.argsort(found.inside)
    rows = candidates.take(found.inside[by_identity])
    return rows, 1.0 / selection.chances(rows, found.limits[by_identity])


def _agreed_facts(window: Window, workers: Workers) -> dict[str, Any]:
    """What the windows of all workers come to, by attribute."""
    told = json.dumps(
        {
            "start": window.start.to_json(),
            "end": window.end.to_json(),
            "gaps": [gap.to_json() for gap in window.gaps],
            "counts": asdict(window.counts),
            "times": [window.first_timestamp, window.last_timestamp],
            "letters": window.dead_letters.to_json(),
        }
    )
    heard = [json.loads(data) for data in workers.gather(told.encode())]
    gaps = [Gap.from_json(gap) for each in heard for gap in each["gaps"]]
    times = [time for each in heard for time in each["times"] if time is not None]
    return {
        "start": _least(Position.from_json(each["start"]) for each in heard),
        "end": _least(Position.from_json(each["end"]) for each in heard),
        "gaps": tuple(sorted(gaps, key=lambda gap: (gap.topic, gap.partition, gap.start))),
        "counts": _sum_of([each["counts"] for each in heard]),
        "first_timestamp": min(times, default=None),
        "last_timestamp": max(times, default=None),
        "dead_letters": _least(Position.from_json(each["letters"]) for each in heard),
        "event_times": window.event_times.agreed(workers),
    }


def _least(positions: Iterable[Position]) -> Position:
    """The smallest offset of each partition that one of them knows."""
    offsets: dict[tuple[str, int], int] = {}
    for position in positions:
        for topic, partition, offset in position.items():
            offsets[topic, partition] = min(offset, offsets.get((topic, partition), offset))
    return Position.of((t, p, offset) for (t, p), offset in offsets.items())


def _sum_of(counts: Iterable[Mapping[str, Any]]) -> Counts:
    total: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for each in counts:
        kinds.update(each["kinds"])
        total.update({name: value for name, value in each.items() if name != "kinds"})
    return Counts(**total, kinds=dict(sorted(kinds.items())))
