"""The plan of a round: everything that decides its weights, written before training begins."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import msgspec

from ingest import Gap, IngestError, OffsetRange, Position
from millstream.drift.reaction import Reaction
from millstream.errors import RoundStoreError

__all__ = ["Plan"]

FORMAT = 1


@dataclass(frozen=True)
class Plan:
    """One round's part of the stream, and where its weights start from.

    With the parent's checkpoint and the records of `[start, end)`, a plan determines the weights
    of its round bit for bit (one worker, `repeats`, same versions of the libraries).

    An attribute with a default is one that came later: plans without it are read as if they had
    the default. So a new one needs no new format as long as older plans mean what it says.

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
        workers: how many trained the round.
        reaction: what the round does because of a drift; None if nothing.
        untrained: why its records are not trained on; None if they are.
        repeats: whether it was trained where bits repeat, which a GPU does not promise.
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
    workers: int = 1
    reaction: Reaction | None = None
    untrained: str | None = None
    repeats: bool = True

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
        text = msgspec.json.encode(self, enc_hook=_plain)
        return {"format": FORMAT, **msgspec.json.decode(text)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Plan:
        """The inverse of `to_json`.

        Raises:
            RoundStoreError: the format is not one this version reads, a key is missing or unknown,
                or a value is of another type.
        """
        given = dict(value)
        if (found := given.pop("format", None)) != FORMAT:
            raise RoundStoreError(
                f"plan.json: expected format {FORMAT}, got {found!r};"
                " use the millstream that wrote it, or another service.state_dir"
            )
        unknown = sorted(given.keys() - {field.name for field in fields(cls)})
        if unknown:
            raise RoundStoreError(
                f"plan.json: expected no more than this millstream knows, got {', '.join(unknown)};"
                " use the millstream that wrote it, or another service.state_dir"
            )
        try:
            return msgspec.convert(given, cls, dec_hook=_made)
        except msgspec.ValidationError as error:
            raise RoundStoreError(
                f"plan.json: expected a plan: {error}; restore the folder from a backup, or use"
                " another service.state_dir"
            ) from error


def _plain(value: Any) -> Any:
    if isinstance(value, Position):
        return value.to_json()
    raise NotImplementedError(f"a plan with {type(value).__name__}")


def _made(kind: type, value: Any) -> Any:
    """A position; msgspec tells people where it was when it cannot be made."""
    if kind is not Position:
        raise NotImplementedError(f"a plan with {kind.__name__}")
    try:
        return Position.from_json(value)
    except (IngestError, AttributeError, TypeError, KeyError) as error:
        raise ValueError(str(error)) from error
