"""Reports of format 1: their form, as no digest tells whether they are damaged."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Required, TypedDict

import msgspec

from millstream.rounds.seal import damaged

__all__ = ["check_first_report"]

Offset = Annotated[int, msgspec.Meta(ge=0)]
Partition = Annotated[str, msgspec.Meta(pattern=r"^[0-9]+$")]
Scores = dict[str, float]


class Start(TypedDict):
    """That of round 0."""

    schema: str
    lineage: str


class Baselines(TypedDict):
    """What the baselines have seen."""

    task: str
    counts: list[float]
    total: float
    weight: float
    last: float | None


class Prequential(TypedDict, total=False):
    """The scores before the round."""

    rows: int
    learner: Scores
    champion: Scores
    champion_version: int
    majority_class: Scores
    no_change: Scores
    failed: str
    state: Required[Baselines]


class Training(TypedDict):
    """What the training did."""

    epochs: int
    best_epoch: int
    stopped_early: bool
    monitored: bool
    history: dict[str, list[float | None]]
    diverged: str | None
    skipped: str | None
    seconds: float


class Past(TypedDict):
    """What is told of the history."""

    metric: str
    ratio: float
    score: float | None
    best: float | None
    rows: int
    recalled: int


class Needed(TypedDict):
    """What the report of each round but the first has."""

    counts: dict[str, int | dict[str, int]]
    sampled: int
    training: Training
    prequential: Prequential


class Later(TypedDict, total=False):
    """What came later."""

    dead_letters: dict[str, dict[Partition, Offset]]
    statistics: Scores
    history: Past


def check_first_report(path: Path, report: dict[str, Any], number: int) -> None:
    """Check the report of a round of format 1.

    Raises:
        RoundStoreError: a key is missing, or a value is of another type.
    """
    try:
        msgspec.convert(report, Start if number == 0 else Needed)
        msgspec.convert(report, Later)
    except msgspec.ValidationError as error:
        raise damaged(path, "a report", str(error)) from error
