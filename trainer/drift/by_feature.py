"""Feature by feature: Kolmogorov-Smirnov for numbers, chi-square for categories, Holm corrected."""

from dataclasses import dataclass

import numpy as np

from trainer.drift.feature_test import FeatureShift
from trainer.drift.sample import FeatureSample, check_alike
from trainer.errors import SettingsError

EXPECTED = 5.0
"""Counts of categories whose expected values are smaller are put together [Cochran 1954]."""


@dataclass(frozen=True)
class ByFeature:
    """A `FeatureTest` of each feature by itself.

    The distance of numbers is that of Kolmogorov and Smirnov: the largest difference of the two
    distribution functions; its p-value is the asymptotic one, which ties make too large, never too
    small. That of categories is the total variation: half the sum of the differences of the shares.
    p-values are corrected by Holm's method [1979], so that alpha holds for all features together.

    Attributes:
        alpha: The chance that any feature is `shifted` without cause, in (0, 1).
        least_distance: What is nearer is not `shifted`, however sure the test is (0 to 1).
        rows: Of each sample that are enough.
    """

    alpha: float = 0.01
    least_distance: float = 0.1
    rows: int = 2000

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            SettingsError: One is out of its range.
        """
        check_share("alpha", 0.0 < self.alpha < 1.0, "more than 0 and less than 1", self.alpha)
        least = self.least_distance
        check_share("least_distance", 0.0 <= least <= 1.0, "from 0 to 1", least)
        check_share("rows", self.rows >= 1, "at least 1", self.rows)

    def compare(self, reference: FeatureSample, window: FeatureSample) -> tuple[FeatureShift, ...]:
        """Return the shift of each feature, in the order of names.

        Raises:
            DriftError: The samples have other features.
        """
        check_alike(reference, window)
        if not (len(reference) and len(window)):
            return ()
        found = {
            name: kolmogorov_smirnov(reference.numbers[name], window.numbers[name])
            for name in reference.numbers
        }
        for name in reference.codes:
            found[name] = chi_square(reference.codes[name], window.codes[name])
        names = sorted(found)
        adjusted = holm(np.array([found[name][1] for name in names]))
        return tuple(
            FeatureShift(
                name=name,
                distance=found[name][0],
                p_value=p,
                shifted=p < self.alpha and found[name][0] >= self.least_distance,
            )
            for name, p in zip(names, adjusted.tolist(), strict=True)
        )


def kolmogorov_smirnov(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Return distance and p-value of the two-sample test, of float64 [n] and [m], not empty."""
    from scipy.stats import ks_2samp

    result = ks_2samp(one, other, method="asymp")
    return float(result.statistic), float(result.pvalue)


def chi_square(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Return distance and p-value of the test of homogeneity, of int64 [n] and [m], not empty."""
    from scipy.stats import chi2_contingency

    known, places = np.unique(np.concatenate([one, other]), return_inverse=True)
    counts = np.stack(
        [
            np.bincount(part, minlength=len(known)).astype(np.float64)
            for part in (places[: len(one)], places[len(one) :])
        ]
    )
    table = together(counts)
    shares = table / table.sum(axis=1, keepdims=True)
    distance = 0.5 * float(np.abs(shares[0] - shares[1]).sum())
    if table.shape[1] < 2:
        return distance, 1.0
    return distance, float(chi2_contingency(table, correction=False).pvalue)


def together(counts: np.ndarray) -> np.ndarray:
    """Return counts [2, k] with the rare columns as one: those of which too few are expected."""
    expected = counts.sum(axis=0) * counts.sum(axis=1).min() / counts.sum()
    rare = expected < EXPECTED
    if rare.sum() < 2:
        return counts
    return np.concatenate([counts[:, ~rare], counts[:, rare].sum(axis=1, keepdims=True)], axis=1)


def holm(p_values: np.ndarray) -> np.ndarray:
    """Return p-values [n] adjusted by Holm's method, [n]: each compares with alpha as it is."""
    order = np.argsort(p_values, kind="stable")
    steps = np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(p_values[order] * steps), 1.0)
    return adjusted


def check_share(name: str, fine: bool, expected: str, got: object) -> None:
    """Refuse a setting of a test that is out of its range.

    Raises:
        SettingsError: It is not `fine`.
    """
    if not fine:
        place = f"drift.feature_test.{name}"
        raise SettingsError(place, expected=expected, got=repr(got), mend="change it")
