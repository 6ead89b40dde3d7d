"""The plan of a round: everything that decides its weights, written before training begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ingest import Gap, OffsetRange, Position
from millstream.errors import RoundStoreError

__all__ = ["Plan"]

FORMAT = 1


@dataclass(frozen=True)
class Plan:
    """One round's part of the stream, and where its weights start from.

    With the parent's checkpoint and the records of `[start, end)`, a plan determines the weights
    of its round bit for bit (one worker, CPU, same versions of the libraries).

    Attributes:
        round: number of the round; round 0 holds the untrained model and has an empty range.
        parent: the round whose checkpoint training starts from; None for round 0.
        start: next offset per partition before the round.
        end: next offset per partition after the round.
        gaps: parts of the range that the broker no longer had.
        seed: of sampling, splitting, shuffling and the model's own randomness.
        recipe: fingerprint of all settings and code that decide the weights.
        reason: what made the trigger fire.
        created_ms: wall clock when the plan was made; decides nothing.
        history_rows: rows of the parent's history that are trained on again.
    """

    round: int
    parent: int | None
    start: Position
    end: Position
    gaps: tuple[Gap, ...]
    seed: int
    recipe: str
    reason: str
    created_ms: int
    history_rows: int = 0

    @property
    def ranges(self) -> tuple[OffsetRange, ...]:
        """The offset range of each partition."""
        return self.start.ranges_to(self.end)

    @property
    def missing(self) -> int:
        """Offsets of the ranges that the broker had deleted before they were read."""
        return sum(len(gap) for gap in self.gaps)

    def to_json(self) -> dict[str, Any]:
        """A plain form for plan.json."""
        return {
            "format": FORMAT,
            "round": self.round,
            "parent": self.parent,
            "start": self.start.to_json(),
            "end": self.end.to_json(),
            "gaps": [gap.to_json() for gap in self.gaps],
            "seed": self.seed,
            "recipe": self.recipe,
            "reason": self.reason,
            "created_ms": self.created_ms,
            "history_rows": self.history_rows,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Plan:
        """The inverse of `to_json`.

        Raises:
            RoundStoreError: the format is not one this version reads.
        """
        if value.get("format") != FORMAT:
            raise RoundStoreError(
                f"plan.json: expected format {FORMAT}, got {value.get('format')!r};"
                " use the millstream that wrote it, or another service.state_dir"
            )
        return cls(
            round=value["round"],
            parent=value["parent"],
            start=Position.from_json(value["start"]),
            end=Position.from_json(value["end"]),
            gaps=tuple(Gap.from_json(gap) for gap in value["gaps"]),
            seed=value["seed"],
            recipe=value["recipe"],
            reason=value["reason"],
            created_ms=value["created_ms"],
            history_rows=value.get("history_rows", 0),
        )
