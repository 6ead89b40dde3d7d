"""The records of a round, as its version in the registry tells of them."""

from __future__ import annotations

from ingest import Gap, OffsetRange, Schema
from millstream.rounds.store import RoundFolder
from registry import KafkaData, KafkaRange

__all__ = ["records_of"]


def records_of(folder: RoundFolder, schema: Schema) -> KafkaData:
    """Which records a round was made of: a function of its folder.

    Args:
        folder: the round's.
        schema: with the words of the round.
    """
    plan, report = folder.plan(), folder.report()
    counts = report["counts"]
    return KafkaData(
        ranges=tuple(plain(part) for part in plan.ranges),
        gaps=tuple(plain(gap) for gap in plan.gaps),
        cluster_id=report.get("cluster_id"),
        schema=schema.fingerprint(),
        first_ms=report.get("first_timestamp"),
        last_ms=report.get("last_timestamp"),
        fields=schema.to_json()["fields"],
        counts={
            "num_rows": counts["seen"],
            "bad": counts["bad"],
            "unchecked": counts.get("unchecked", 0),
            "missing": plan.missing,
            "sampled": report["sampled"],
        },
    )


def plain(part: OffsetRange | Gap) -> KafkaRange:
    """A range as the registry knows them."""
    return KafkaRange(part.topic, part.partition, part.start, part.end)
