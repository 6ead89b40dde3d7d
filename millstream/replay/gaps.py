"""Which rounds Kafka still has the records of, so that they can be replayed."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from ingest import KafkaSource, OffsetRange, Position
from ingest.read_window import lost_offsets
from millstream.pipeline import Pipeline, source_options
from millstream.rounds.plan import Plan

__all__ = ["lost_by_round", "tell_lost", "tell_rounds"]


def lost_by_round(pipeline: Pipeline, servers: str) -> dict[int, list[OffsetRange]]:
    """By round, the offsets that the broker has deleted since it was trained; complete rounds only.

    What a compacted topic lacks is not known before it is read.

    Raises:
        ingest.SourceError: the broker cannot be reached, or refuses.
    """
    plans = [folder.plan() for folder in pipeline.store.complete() if folder.number > 0]
    if not plans:
        return {}
    config = pipeline.config
    source = KafkaSource(config.kafka.topics, source_options(config, servers), plans[-1].end)
    try:
        first, last = source.beginning(), source.end()
    finally:
        source.close()
    found = ((plan.round, _lost(plan, first, last)) for plan in plans)
    return {number: lost for number, lost in found if lost}


def tell_lost(lost: Iterable[OffsetRange]) -> str:
    """The offsets, as people read them."""
    return ", ".join(f"{r.topic}[{r.partition}] {r.start} to {r.end - 1}" for r in lost)


def tell_rounds(numbers: Iterable[int]) -> str:
    """Numbers of rounds, such as "2 to 5, 9"."""
    runs = groupby(enumerate(sorted(numbers)), lambda pair: pair[1] - pair[0])
    ends = [[number for _, number in run] for _, run in runs]
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 1 else str(run[0]) for run in ends)


def _lost(plan: Plan, first: Position, last: Position) -> list[OffsetRange]:
    return lost_offsets(plan.start, plan.end, first, last, plan.gaps)
