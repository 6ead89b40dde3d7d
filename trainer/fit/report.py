"""What a round of training did."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class TrainReport:
    """The outcome of one `Learner.train`.

    Attributes:
        epochs: Epochs that were finished.
        best_epoch: The epoch (from 1) whose weights the model has; 0 if it diverged or was skipped.
        stopped_early: Whether early stopping ended it before the last epoch it could have run.
        monitored: Whether there was anything for early stopping to look at.
        history: Per metric of Keras's logs its value at each finished epoch.
        diverged: Where a value stopped being finite, as a sentence; None if none did. The model
            and its optimizer are then as they were before the round.
        skipped: Why nothing was trained; None if something was.
        seconds: How long it took.
        seconds_by_part: What of it went where, by `trainer.fit.timing.PARTS`; empty if nothing ran.
    """

    epochs: int
    best_epoch: int
    stopped_early: bool
    monitored: bool
    history: Mapping[str, tuple[float, ...]]
    diverged: str | None
    skipped: str | None
    seconds: float
    seconds_by_part: Mapping[str, float] = field(default_factory=dict)

    @property
    def compile_seconds(self) -> float:
        """What tracing, and XLA's compilation, took; a round like one before has next to none."""
        return self.seconds_by_part.get("compile", 0.0)

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON types."""
        history = {name: list(values) for name, values in self.history.items()}
        parts = dict(self.seconds_by_part)
        return {**asdict(self), "history": history, "seconds_by_part": parts}
