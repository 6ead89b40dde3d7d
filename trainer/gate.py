"""The gate: whether a measured candidate becomes the champion."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from trainer.errors import SettingsError
from trainer.metrics import higher_is_better

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Evidence:
    """What was measured, all on the same test rows and from exported bytes.

    Attributes:
        candidate: Scores of the bytes that would be promoted (compressed).
        float32: Scores of the same model's uncompressed bytes.
        champion: Scores of the champion's bytes; None if there is no champion.
        output_difference: How far the candidate's predictions are from the float32 model's, in
            the unit of the gate's limit.
        rows: Number of test rows.
    """

    candidate: Mapping[str, float]
    float32: Mapping[str, float]
    champion: Mapping[str, float] | None
    output_difference: float
    rows: int


@dataclass(frozen=True)
class Verdict:
    """A decision and its reason, one sentence with the numbers it rests on."""

    promote: bool
    reason: str


class Gate(Protocol):
    """Decides on promotion.

    Guarantee: a pure function of the evidence; never promotes on a missing or non-finite score of
    the candidate; always gives a reason. `trainer.checks.check_gate` proves it.
    """

    def decide(self, evidence: Evidence) -> Verdict:
        """Return the verdict."""
        ...


@dataclass(frozen=True)
class ScoreGate:
    """Promotes what is as good as its own float32 model and not worse than the champion.

    Attributes:
        metric: The metric that decides.
        max_loss: How much worse than its float32 model the candidate may score.
        min_gain: How much better than the champion it must score; negative tolerates a loss.
        max_output_difference: The most that `Evidence.output_difference` may be; None: any.
        min_rows: Fewest test rows to decide on.
    """

    metric: str
    max_loss: float = 0.005
    min_gain: float = -0.005
    max_output_difference: float | None = 0.1
    min_rows: int = 200

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            MetricError: No such metric.
            SettingsError: A threshold is NaN, or negative where it may not be.
        """
        higher_is_better(self.metric)
        limits = {"max_loss": self.max_loss, "min_rows": self.min_rows}
        if self.max_output_difference is not None:
            limits["max_output_difference"] = self.max_output_difference
        for name, value in limits.items():
            if not value >= 0:
                raise SettingsError(
                    f"gate.{name}", expected="at least 0", got=repr(value), mend="change it"
                )
        if math.isnan(self.min_gain):
            raise SettingsError("gate.min_gain", expected="a number", got="nan", mend="change it")

    def decide(self, evidence: Evidence) -> Verdict:
        """Return the verdict; the first check that fails gives the reason."""
        reason = self._against_float32(evidence) or self._against_champion(evidence)
        if reason is not None:
            return Verdict(False, reason)
        return Verdict(True, _why(self.metric, evidence))

    def _against_float32(self, evidence: Evidence) -> str | None:
        metric = self.metric
        if evidence.rows < self.min_rows:
            return f"{evidence.rows} test rows are too few to decide on ({self.min_rows} needed)"
        for name, scores in (("candidate", evidence.candidate), ("float32", evidence.float32)):
            if metric not in scores:
                return f"{metric} of the {name} could not be computed on {evidence.rows} test rows"
            if not math.isfinite(scores[metric]):
                return f"{metric} of the {name} is {scores[metric]}"
        limit = self.max_output_difference
        if limit is not None and not evidence.output_difference <= limit:
            return (
                f"predictions differ from the float32 model's by "
                f"{evidence.output_difference:.4g} (at most {limit:.4g})"
            )
        loss = -_gain(metric, evidence.candidate[metric], evidence.float32[metric])
        if loss > self.max_loss + _ROUNDING:
            return (
                f"{metric} {evidence.candidate[metric]:.4f} is {loss:.4f} worse than float32 "
                f"{evidence.float32[metric]:.4f} (at most {self.max_loss:.4g})"
            )
        return None

    def _against_champion(self, evidence: Evidence) -> str | None:
        metric = self.metric
        if evidence.champion is None or not math.isfinite(_champion_score(metric, evidence)):
            return None
        candidate, champion = evidence.candidate[metric], evidence.champion[metric]
        gain = _gain(metric, candidate, champion)
        if gain >= self.min_gain - _ROUNDING:
            return None
        return (
            f"{metric} {candidate:.4f} against the champion's {champion:.4f} is a gain of "
            f"{gain:+.4f} (at least {self.min_gain:+.4g})"
        )


def _gain(metric: str, new: float, old: float) -> float:
    return new - old if higher_is_better(metric) else old - new


def _champion_score(metric: str, evidence: Evidence) -> float:
    return (evidence.champion or {}).get(metric, math.nan)


def _why(metric: str, evidence: Evidence) -> str:
    candidate = evidence.candidate[metric]
    if evidence.champion is None:
        return f"{metric} {candidate:.4f}, and there is no champion yet"
    champion = _champion_score(metric, evidence)
    if not math.isfinite(champion):
        return f"{metric} {candidate:.4f}, and the champion's is {champion}"
    gain = _gain(metric, candidate, champion)
    return f"{metric} {candidate:.4f} against the champion's {champion:.4f} ({gain:+.4f})"
