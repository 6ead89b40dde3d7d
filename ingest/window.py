"""The window: what one round is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ingest.errors import SettingsError
from ingest.event_times import EventTimes
from ingest.position import Gap, Position
from ingest.rows import Rows
from ingest.sampling import Allocation, Weighting
from ingest.sampling.selection import Selection
from ingest.sampling.uniform import UNIFORM
from ingest.schema import Schema
from ingest.split import TRAIN

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Counts", "PastSettings", "SamplePolicy", "SampleSettings", "Window"]


@dataclass(frozen=True)
class SamplePolicy:
    """Which rows a sample prefers.

    Attributes:
        weighting: what a row weighs.
        allocation: shares the places among strata; None for one sample of all.
    """

    weighting: Weighting = UNIFORM
    allocation: Allocation | None = None

    def selection(
        self, capacity: int, seed: int, schema: Schema, most_bytes: int | None = None
    ) -> Selection:
        """The selection of a sample by this policy.

        Raises:
            SettingsError: the policy does not fit the schema.
        """
        return Selection(capacity, seed, schema, self.weighting, self.allocation, most_bytes)


@dataclass(frozen=True)
class PastSettings:
    """How the long-lived samples are made, of all that ever passed.

    Attributes:
        rows: of the one to train on, at most.
        most_bytes: of it, at most; None for as many as its rows have.
        policy: of it; those of the holdout are uniform.
        holdout_rows: rows at most of each half of the holdout.

    Raises:
        SettingsError: one is outside its range.
    """

    rows: int
    most_bytes: int | None = None
    policy: SamplePolicy = SamplePolicy()
    holdout_rows: int = 4_000

    def __post_init__(self) -> None:
        if min(self.rows, self.holdout_rows) < 1 or (self.most_bytes or 1) < 1:
            raise SettingsError("history: expected rows, bytes and holdout_rows of at least 1")

    def selection(self, side: int, seed: int, schema: Schema) -> Selection:
        """The selection of the history of a side."""
        if side == TRAIN:
            return self.policy.selection(self.rows, seed, schema, self.most_bytes)
        return SamplePolicy().selection(self.holdout_rows, seed, schema)


@dataclass(frozen=True)
class SampleSettings:
    """How records become a window.

    Attributes:
        seed: of split and sampling.
        window: training rows at most.
        holdout: share of the records that is never trained on.
        holdout_rows: rows at most of each half of the holdout.
        policy: of the training rows; those of the holdout are uniform.
        past: also what the long-lived samples need is kept, made in this way; None if there are
            none.
        shared: the samples are of one worker of several, so windows tell their candidates.

    Raises:
        SettingsError: one is outside its range.
    """

    seed: int
    window: int = 20_000
    holdout: float = 0.1
    holdout_rows: int = 4_000
    policy: SamplePolicy = SamplePolicy()
    past: PastSettings | None = None
    shared: bool = False

    def __post_init__(self) -> None:
        if not 0.0 <= self.holdout < 1.0:
            raise SettingsError(
                f"sample.holdout: expected a share from 0 up to but not 1, got {self.holdout}"
            )
        if min(self.window, self.holdout_rows) < 1:
            raise SettingsError("sample: expected window and holdout_rows of at least 1")

    def selection(self, side: int, schema: Schema) -> Selection:
        """The selection of the sample of a side."""
        if side == TRAIN:
            return self.policy.selection(self.window, self.seed, schema)
        return SamplePolicy().selection(self.holdout_rows, self.seed, schema)


@dataclass(frozen=True)
class Counts:
    """What became of a window's records; `seen` = `bad` + `train` + `validation` + `test`.

    Attributes:
        seen: records read.
        bad: records dead-lettered, of which `kinds` has the number by kind.
        train: records on the training side, sampled or not, that are good or were not checked.
        validation: the same on the validation side.
        test: the same on the test side.
        unchecked: records that were never decoded, as no content could have brought them into a
            sample. They count to their side, and bad ones among them are not known.
    """

    seen: int = 0
    bad: int = 0
    train: int = 0
    validation: int = 0
    test: int = 0
    unchecked: int = 0
    kinds: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Window:
    """The records of one round, sampled.

    A function of seed, settings and the records of `[start, end)` alone, however they were read;
    but of the counts, what is bad and what is unchecked depends on how many were decoded.

    Attributes:
        start: position before the window.
        end: position after it.
        gaps: offsets in between that the broker no longer had.
        counts: what became of the records.
        train: the sample to train on, sorted by identity, as are the other two.
        validation: the sample that early stopping looks at.
        test: the sample that gate and prequential scores look at.
        first_timestamp: smallest timestamp of a record, milliseconds; None when none has one.
        last_timestamp: largest.
        event_times: a fair sample of the timestamps of all records, good or bad.
        dead_letters: from where on the letters of the records after the window are found.
        train_weights: float64[n], what each row of `train` stands for (see `Sampler.weights`).
        past: what to offer to the histories of the three sides; none when there are none.
        candidates: of the three sides, sorted by identity, the rows that are in the sample if those
            of other workers let them; none for a single worker.
    """

    start: Position
    end: Position
    gaps: tuple[Gap, ...]
    counts: Counts
    train: Rows
    validation: Rows
    test: Rows
    first_timestamp: int | None
    last_timestamp: int | None
    dead_letters: Position = field(default_factory=Position)
    train_weights: NDArray[np.float64] = field(default_factory=lambda: np.ones(0))
    past: tuple[Rows, ...] = ()
    candidates: tuple[Rows, ...] = ()
    event_times: EventTimes = field(default_factory=EventTimes)
