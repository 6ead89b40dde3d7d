"""All features at once: the maximum mean discrepancy, its p-value by permutation."""

from dataclasses import dataclass

import numpy as np

from trainer.drift.by_feature import check_share
from trainer.drift.feature_test import FeatureShift
from trainer.drift.sample import FeatureSample, check_alike

MOST_ROWS = 2000
"""Of each sample: the kernel of both takes 128 MiB then."""
EQUAL = 1e-12
"""Statistics that differ by less are equal but for the order of summing."""


@dataclass(frozen=True)
class Mmd:
    """A `FeatureTest` that sees changes of features together, such as of their correlation.

    The squared maximum mean discrepancy [Gretton et al. 2012] with a Gaussian kernel, whose width
    is the median distance of the rows. Numbers are taken by their rank among all rows, so neither
    units nor outliers matter; two categories that differ are as far apart as the numbers at two
    standard deviations. The p-value comes from permutations of which row is whose, so alpha is
    exact for independent rows. Time grows with the square of `rows`.

    Attributes:
        alpha: The chance of a false alarm, in (0, 1).
        rows: Of each sample that are enough, at most 2,000.
        permutations: At least 1 / alpha - 1, or nothing could ever be found.
        seed: Of the permutations, at least 0.
    """

    alpha: float = 0.01
    rows: int = 500
    permutations: int = 299
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            SettingsError: One is out of its range.
        """
        check_share("alpha", 0.0 < self.alpha < 1.0, "more than 0 and less than 1", self.alpha)
        check_share("rows", 1 <= self.rows <= MOST_ROWS, f"from 1 to {MOST_ROWS}", self.rows)
        check_share("seed", self.seed >= 0, "at least 0", self.seed)
        fine = self.permutations + 1 >= 1.0 / self.alpha
        check_share("permutations", fine, "at least 1 / alpha - 1", self.permutations)

    def compare(self, reference: FeatureSample, window: FeatureSample) -> tuple[FeatureShift, ...]:
        """Return the shift of all features together; its distance is that of the kernel's means.

        Raises:
            DriftError: The samples have other features.
        """
        check_alike(reference, window)
        if not (len(reference) and len(window)):
            return ()
        kernel = gaussian(squared_distances(reference, window))
        sizes = (len(reference), len(window))
        whose = np.concatenate(
            [np.full(sizes[0], -1.0 / sizes[0]), np.full(sizes[1], 1.0 / sizes[1])]
        )
        draws = np.random.default_rng(self.seed)
        permuted = np.stack([whose, *(draws.permutation(whose) for _ in range(self.permutations))])
        squares = ((permuted @ kernel) * permuted).sum(axis=1)
        as_large = int((squares[1:] >= squares[0] - EQUAL).sum())
        p_value = (1 + as_large) / (1 + self.permutations)
        distance = float(np.sqrt(max(squares[0], 0.0) / 2.0))
        return (FeatureShift("*", distance, p_value, p_value <= self.alpha),)


def squared_distances(reference: FeatureSample, window: FeatureSample) -> np.ndarray:
    """Return float64 [m + n, m + n], between all rows of both."""
    from scipy.stats import rankdata

    rows = len(reference) + len(window)
    found = np.zeros((rows, rows))
    for name in sorted(reference.numbers):
        ranks = rankdata(np.concatenate([reference.numbers[name], window.numbers[name]]))
        spread = float(ranks.std())
        if spread > 0.0:
            scaled = ranks / spread
            found += np.square(scaled[:, None] - scaled[None, :])
    for name in sorted(reference.codes):
        codes = np.concatenate([reference.codes[name], window.codes[name]])
        found += 4.0 * (codes[:, None] != codes[None, :])
    return found


def gaussian(squares: np.ndarray) -> np.ndarray:
    """Return the kernel of squared distances [n, n]; rows at the median distance have exp(-1)."""
    apart = squares[np.triu_indices(len(squares), 1)]
    middle = float(np.median(apart)) if len(apart) else 0.0
    return np.exp(-squares / (middle if middle > 0.0 else 1.0))
