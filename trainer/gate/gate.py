"""The gate: whether a measured candidate becomes the champion."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from trainer.errors import SettingsError, one_line
from trainer.gate.evidence import Evidence
from trainer.gate.first_version import FirstVersion
from trainer.gate.guards import Guard
from trainer.metrics import higher_is_better
from trainer.paired.comparison import Comparison
from trainer.paired.paired_test import PairedTest, usual_margin

__all__ = ["Gate", "ScoreGate", "Verdict"]

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Verdict:
    """A decision and its reason, one sentence with the numbers it rests on.

    Attributes:
        promote: The decision.
        reason: One line.
        numbers: Those of the reason as plain data, all finite: `compare`, `metric`, `gain`, and of
            a paired comparison `low`, `high`, `p`, `threshold`, `confidence`, `test`, `rows`;
            `baseline` of a first version; `guards`, a list of what each saw.
    """

    promote: bool
    reason: str
    numbers: Mapping[str, Any] = field(default_factory=dict)


class Gate(Protocol):
    """Decides on promotion.

    Guarantee: a pure function of the evidence; never promotes on a missing or non-finite score of
    the candidate; always gives a reason. `trainer.check_gate` proves it.
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
        min_gain: How much better than the champion it must score, if scores are compared; negative
            tolerates a loss.
        max_output_difference: The most that `Evidence.output_difference` may be; None: any.
        min_rows: Fewest test rows to decide on.
        compare: "score": the scores themselves; "paired": row by row, by `test`.
        test: The paired test, also that of the guards.
        guards: What else must not get worse.
        first: What holds the first promotion back; a champion without a score counts as none.
        own: Asked last, about what all others would promote: a function of the user's, from
            evidence to verdict. One that raises, or returns something else, refuses.
    """

    metric: str
    max_loss: float = 0.005
    min_gain: float = -0.005
    max_output_difference: float | None = 0.1
    min_rows: int = 200
    compare: Literal["score", "paired"] = "score"
    test: PairedTest = field(default_factory=PairedTest)
    guards: tuple[Guard, ...] = ()
    first: FirstVersion = field(default_factory=FirstVersion)
    own: Callable[[Evidence], Verdict] | None = None

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
        verdict = self._decide(evidence)
        return self._asked(verdict, evidence) if self.own and verdict.promote else verdict

    def _decide(self, evidence: Evidence) -> Verdict:
        reason = self.unfaithful(evidence)
        if reason is not None:
            return Verdict(False, reason)
        if not math.isfinite(_champion_score(self.metric, evidence)):
            return self._decide_first(evidence)
        paired = self.compare == "paired"
        verdict = self._decide_paired(evidence) if paired else self._decide_scores(evidence)
        return self._guarded(verdict, evidence) if verdict.promote else verdict

    def unfaithful(self, evidence: Evidence) -> str | None:
        """Return why the candidate's bytes are not as good as float32's; None if they are."""
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

    def _decide_first(self, evidence: Evidence) -> Verdict:
        baseline = (evidence.baseline or {}).get(self.metric, math.nan)
        numbers = {"baseline": baseline} if math.isfinite(baseline) else {}
        reason = self.first.refuse(self.metric, evidence)
        return Verdict(reason is None, reason or _why(self.metric, evidence), numbers)

    def _decide_scores(self, evidence: Evidence) -> Verdict:
        gain = _gain_over_champion(self.metric, evidence)
        numbers = {"compare": "score", "metric": self.metric, "gain": gain}
        if gain >= self.min_gain - _ROUNDING:
            return Verdict(True, _why(self.metric, evidence), numbers)
        told = f"{_against(self.metric, evidence)} is a gain of {gain:+.4f}"
        return Verdict(False, f"{told} (at least {self.min_gain:+.4g})", numbers)

    def _decide_paired(self, evidence: Evidence) -> Verdict:
        margin = self.test.margin
        if margin is None:
            margin = usual_margin(self.metric, _champion_score(self.metric, evidence))
        told = _against(self.metric, evidence)
        answers, found = evidence.answers, None
        if answers is not None:
            found = self.test.compare(answers, self.metric, 0.0 - margin, evidence.seed)
        if found is None:
            few = f"{told} cannot be compared row by row on {evidence.rows} test rows"
            return Verdict(False, few)
        numbers = {"compare": "paired", **found.to_json()}
        gain = f"{found.gain:+.4f}, at least {found.low:+.4f}"
        if found.proven:
            return Verdict(True, f"{told} ({gain})", numbers)
        sure = f"with confidence {found.confidence:.4g}"
        return Verdict(False, f"{told} is a gain of {gain} {sure} ({_needed(found)})", numbers)

    def _guarded(self, verdict: Verdict, evidence: Evidence) -> Verdict:
        if not self.guards:
            return verdict
        answers = evidence.answers
        if answers is None or answers.champion is None:
            return Verdict(
                False, "guard: there are no answers row by row to judge", verdict.numbers
            )
        results = [guard.judge(answers, self.test, evidence.seed) for guard in self.guards]
        judged = [part for result in results for part in result.judged]
        numbers = {**verdict.numbers, "guards": judged}
        for result in results:
            if result.reason is not None:
                return Verdict(False, result.reason, numbers)
        return Verdict(True, verdict.reason, numbers)

    def _asked(self, verdict: Verdict, evidence: Evidence) -> Verdict:
        try:
            told = self.own(evidence) if self.own else verdict
        except Exception as error:  # noqa: BLE001 - it is the user's code, and may raise anything
            name = type(error).__name__
            return replace(verdict, promote=False, reason=one_line(f"gate.own: {name}: {error}"))
        if not isinstance(told, Verdict):
            reason = f"gate.own: expected a Verdict, got {type(told).__name__}"
            return replace(verdict, promote=False, reason=reason)
        if told.promote:
            return verdict
        reason = one_line(told.reason) or "no reason given"
        return replace(verdict, promote=False, reason=f"gate.own: {reason}")


def _gain(metric: str, new: float, old: float) -> float:
    return new - old if higher_is_better(metric) else old - new


def _champion_score(metric: str, evidence: Evidence) -> float:
    return (evidence.champion or {}).get(metric, math.nan)


def _gain_over_champion(metric: str, evidence: Evidence) -> float:
    return _gain(metric, evidence.candidate[metric], _champion_score(metric, evidence))


def _against(metric: str, evidence: Evidence) -> str:
    champion = _champion_score(metric, evidence)
    return f"{metric} {evidence.candidate[metric]:.4f} against the champion's {champion:.4f}"


def _needed(found: Comparison) -> str:
    if found.low > found.threshold:
        return f"p {found.p:.3g}, less than {1 - found.confidence:.3g} needed"
    return f"more than {found.threshold:+.4g} needed"


def _why(metric: str, evidence: Evidence) -> str:
    candidate = evidence.candidate[metric]
    if evidence.champion is None:
        return f"{metric} {candidate:.4f}, and there is no champion yet"
    champion = _champion_score(metric, evidence)
    if not math.isfinite(champion):
        return f"{metric} {candidate:.4f}, and the champion's is {champion}"
    return f"{_against(metric, evidence)} ({_gain_over_champion(metric, evidence):+.4f})"
