"""Where every record has gone, by what the rounds have written down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ingest import OffsetRange
from millstream.rounds.store import RoundStore

__all__ = ["Ledger", "RoundCounts", "add_up", "read_rounds"]


@dataclass(frozen=True)
class RoundCounts:
    """What a round has read, and what became of it.

    Attributes:
        number: of the round.
        ranges: the offsets, of one topic.
        seen: records, of which `bad` were dead-lettered, `train` were for training and `held` for
            tests; `sampled` of `train` were trained on.
        version: None while the round waits for MLflow.
    """

    number: int
    ranges: tuple[OffsetRange, ...]
    seen: int
    bad: int
    train: int
    held: int
    sampled: int
    version: int | None


@dataclass(frozen=True)
class Ledger:
    """All rounds together."""

    rounds: int
    read: int
    trained_on: int
    held_out: int
    sampled_away: int
    dead_lettered: int
    versions: int


def read_rounds(store: RoundStore) -> list[RoundCounts]:
    """The rounds that happened, but for the first, which has no records."""
    return [
        RoundCounts(
            number=folder.number,
            ranges=folder.plan().ranges,
            seen=(counts := (report := folder.report())["counts"])["seen"],
            bad=counts["bad"],
            train=counts["train"],
            held=counts["validation"] + counts["test"],
            sampled=report["sampled"],
            version=(folder.published() or {}).get("version"),
        )
        for folder in store.complete()
        if folder.number > 0
    ]


def add_up(rounds: Sequence[RoundCounts]) -> Ledger:
    """The sums; AssertionError if ranges do not tile, a record has no place, or a version two."""
    reached: Counter[tuple[str, int]] = Counter()
    for each in rounds:
        for part in each.ranges:
            place = part.topic, part.partition
            assert part.start == reached[place], (
                f"round {each.number} begins at {part.start} of {place}, where {reached[place]}"
                " offsets were read before"
            )
            reached[place] = part.end
        width = sum(part.end - part.start for part in each.ranges)
        assert each.seen == width, f"round {each.number} saw {each.seen} records of {width}"
        placed = each.train + each.held + each.bad
        assert placed == each.seen, f"round {each.number} has a place for {placed} of {each.seen}"
        assert each.sampled <= each.train, f"round {each.number} trained on more than it had"
    versions = [each.version for each in rounds if each.version is not None]
    assert len(set(versions)) == len(versions), f"two rounds have one version: {versions}"
    assert versions == sorted(versions), f"versions are not in the order of rounds: {versions}"
    trained = sum(each.sampled for each in rounds)
    return Ledger(
        rounds=len(rounds),
        read=sum(each.seen for each in rounds),
        trained_on=trained,
        held_out=sum(each.held for each in rounds),
        sampled_away=sum(each.train for each in rounds) - trained,
        dead_lettered=sum(each.bad for each in rounds),
        versions=len(versions),
    )
