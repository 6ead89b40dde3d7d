"""The outcome of a paired comparison: how much better, with which certainty."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from scipy import special

__all__ = ["Comparison", "Estimate", "Test", "mean_estimate", "weighted_error"]

Test = Literal["delong", "mcnemar", "t", "bootstrap"]


@dataclass(frozen=True)
class Comparison:
    """How much better the candidate is than the champion on the same rows.

    Attributes:
        metric: Of which metric.
        gain: The difference, positive where the candidate is better.
        low: Lower confidence bound of the gain, by itself at `confidence`.
        high: Upper bound, of the same kind; low to high covers the gain with 2 confidence - 1.
        p: Chance of such a difference or a larger one, if the gain were only `threshold`.
        threshold: The gain that the candidate must exceed; -margin for non-inferiority.
        confidence: Of each bound.
        test: Which test: "delong", "mcnemar", "t" or "bootstrap".
        rows: Rows that weigh something.
    """

    metric: str
    gain: float
    low: float
    high: float
    p: float
    threshold: float
    confidence: float
    test: Test
    rows: int

    @property
    def proven(self) -> bool:
        """Whether the gain exceeds the threshold, with the confidence asked for."""
        return self.p < 1 - self.confidence

    def to_json(self) -> dict[str, Any]:
        """Return plain data, all numbers finite."""
        return {**asdict(self), "proven": self.proven}


@dataclass(frozen=True)
class Estimate:
    """A gain with its standard error and Student's degrees of freedom."""

    gain: float
    error: float
    freedom: float

    def compare(
        self, metric: str, threshold: float, confidence: float, test: Test, rows: int
    ) -> Comparison:
        """Return the comparison; without any error the gain is what it is, and certain."""
        reach = float(special.stdtrit(self.freedom, confidence)) * self.error
        apart = self.gain - threshold
        if self.error > 0:
            p = float(special.stdtr(self.freedom, -apart / self.error))
        else:
            p = 0.0 if apart > 0 else 1.0
        low, high = self.gain - reach, self.gain + reach
        return Comparison(
            metric, self.gain, low, high, p, threshold, confidence, test=test, rows=rows
        )


def mean_estimate(values: np.ndarray, weights: np.ndarray) -> Estimate | None:
    """Return the weighted mean of rows drawn independently, with its error; None of one row.

    With equal weights this is the one-sample t. Others enter by the ratio's linearization, and as
    Kish's effective number of rows [Kish, "Survey Sampling", 1965].

    Args:
        values: float64[n].
        weights: float64[n], positive.
    """
    total = weights.sum()
    mean = float(values @ weights / total)
    variance, effective = weighted_error(values - mean, weights)
    if not effective > 1 + 1e-9:
        return None
    return Estimate(mean, float(np.sqrt(variance)), effective - 1)


def weighted_error(residuals: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Return (variance of a weighted mean, effective number of rows) from residuals float64[n]."""
    total = weights.sum()
    effective = float(total**2 / np.square(weights).sum())
    raw = float(np.square(weights * residuals).sum() / total**2)
    return raw * effective / max(effective - 1, 1e-9), effective
