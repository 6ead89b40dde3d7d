"""The paired test of two AUCs on the same rows, exact in its variance and O(n log n).

[DeLong, DeLong & Clarke-Pearson, "Comparing the areas under two or more correlated receiver
operating characteristic curves", 1988; Sun & Xu, "Fast implementation of DeLong's algorithm",
2014.] Rows may have weights; ties count half. Student's degrees of freedom after Welch keep it
honest where one class has few rows.
"""

import numpy as np

from trainer.paired.answers import Answers
from trainer.paired.comparison import Estimate, weighted_error

__all__ = ["compare_auc"]


def compare_auc(answers: Answers) -> Estimate | None:
    """Return the gain in AUC with its error; None with fewer than two rows of either class.

    Args:
        answers: As `usable` gives them, of a binary task.
    """
    positive = answers.labels == 1
    weights = np.asarray(answers.weights)
    ones, zeros = weights[positive], weights[~positive]
    if min(len(ones), len(zeros)) < 2:
        return None
    theirs = placements(np.asarray(answers.champion), positive, weights)
    ours = placements(answers.candidate, positive, weights)
    above, below = (mine - other for mine, other in zip(ours, theirs, strict=True))
    gain = float(above @ ones / ones.sum())
    first, n_first = weighted_error(above - gain, ones)
    second, n_second = weighted_error(below - gain, zeros)
    variance = first + second
    if variance <= 0 or min(n_first, n_second) <= 1 + 1e-9:
        return None if variance > 0 else Estimate(gain, 0.0, 1.0)
    freedom = variance**2 / (first**2 / (n_first - 1) + second**2 / (n_second - 1))
    return Estimate(gain, float(np.sqrt(variance)), freedom)


def placements(
    scores: np.ndarray, positive: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return DeLong's structural components, whose weighted means both are the AUC.

    Args:
        scores: float64[n].
        positive: bool[n], of class 1.
        weights: float64[n], positive.

    Returns:
        Of each row of class 1 the share of class 0 that it scores above, and of each row of class
        0 the share of class 1 that scores above it, in the order of the rows.
    """
    ones, zeros = scores[positive], scores[~positive]
    above = _share_below(ones, zeros, weights[~positive])
    below = 1 - _share_below(zeros, ones, weights[positive])
    return above, below


def _share_below(scores: np.ndarray, others: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """float64 like scores: the weighted share of others that are below, equal ones by half."""
    order = np.argsort(others, kind="stable")
    known = others[order]
    sums = np.concatenate([[0.0], np.cumsum(weights[order])])
    less = sums[np.searchsorted(known, scores, "left")]
    upto = sums[np.searchsorted(known, scores, "right")]
    return np.asarray((less + upto) / (2 * sums[-1]))
