"""What a model must show before it becomes the first champion, with nothing to compare it with."""

import math
from dataclasses import dataclass

from trainer.errors import SettingsError
from trainer.gate.evidence import Evidence
from trainer.metrics import higher_is_better

__all__ = ["FirstVersion"]


@dataclass(frozen=True)
class FirstVersion:
    """Holds the first promotion back; it says nothing where there is a champion.

    Attributes:
        burn_in_rounds: So many rounds are never promoted.
        burn_in_rows: Rows of the stream that must have been learned from.
        must_beat_baseline: Whether it must score better than the best answer that is the same for
            all rows, where `Evidence.baseline` knows that.
    """

    burn_in_rounds: int = 0
    burn_in_rows: int = 0
    must_beat_baseline: bool = True

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            SettingsError: A burn-in is negative.
        """
        for name in ("burn_in_rounds", "burn_in_rows"):
            value = getattr(self, name)
            if not value >= 0:
                raise SettingsError(
                    f"gate.{name}", expected="at least 0", got=repr(value), mend="change it"
                )

    def refuse(self, metric: str, evidence: Evidence) -> str | None:
        """Return why there must not be a first champion yet; None if there may."""
        if evidence.rounds <= self.burn_in_rounds:
            return (
                f"burn-in: round {evidence.rounds} of {self.burn_in_rounds} that are not promoted"
            )
        if evidence.trained_rows < self.burn_in_rows:
            return (
                f"burn-in: {evidence.trained_rows} rows were learned from, of {self.burn_in_rows} "
                "before the first promotion"
            )
        if not self.must_beat_baseline or evidence.baseline is None:
            return None
        constant = evidence.baseline.get(metric, math.nan)
        score = evidence.candidate[metric]
        gain = score - constant if higher_is_better(metric) else constant - score
        if not math.isfinite(constant) or gain > 1e-9:
            return None
        return (
            f"{metric} {score:.4f} is no better than {constant:.4f}, what the best single answer "
            "for all rows scores"
        )
