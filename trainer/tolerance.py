"""How far a model's state is from a checkpoint: for runs that differ by rounding alone.

The mean gradient of a batch is another float in another order of summation, so a round that several
workers trained is repeated by one worker up to rounding. Whole numbers (the steps of an optimizer,
the places of random generators) are counted, not summed: they must be the same.
"""

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from trainer.checkpoint import load
from trainer.variables import put, take, trained_variables

__all__ = ["Distance", "distance"]

LEAST = 1e-6  # rounding around an exact zero is not infinitely far


@dataclass(frozen=True)
class Distance:
    """What is between two states of one model.

    Attributes:
        absolute: The largest difference of two numbers.
        relative: The largest difference in any variable, divided by that variable's largest
            absolute value in the checkpoint (of at least 1e-6); infinite where a number is finite
            in one state only.
        variable: The path of the variable that has it; empty if nothing differs.
        uneven: Paths of the variables of whole numbers that differ.
    """

    absolute: float
    relative: float
    variable: str
    uneven: tuple[str, ...]

    def within(self, tolerance: float) -> bool:
        """Return whether whole numbers are the same and `relative` is at most `tolerance`."""
        return not self.uneven and self.relative <= tolerance


def distance(model: keras.Model, path: Path) -> Distance:
    """Return how far the model and its optimizer are from what `save` wrote to `path`.

    Raises:
        CheckpointError: As `load`.
    """
    names = [str(variable.path) for _, variable in trained_variables(model)]
    now = take(model)
    load(model, path)
    saved = take(model)
    put(model, now)
    absolute, relative, worst, uneven = 0.0, 0.0, "", []
    for name, one, other in zip(names, saved, now, strict=True):
        if one.dtype.kind in "biu":
            uneven += [] if np.array_equal(one, other) else [name]
            continue
        apart, scale = _apart(one, other)
        absolute = max(absolute, apart)
        if apart / scale > relative:
            relative, worst = apart / scale, name
    return Distance(absolute, relative, worst, tuple(uneven))


def _apart(saved: np.ndarray, now: np.ndarray) -> tuple[float, float]:
    """Return the largest difference, and the largest absolute value of `saved`."""
    one, other = saved.astype(np.float64), now.astype(np.float64)
    if one.size == 0 or np.array_equal(one, other, equal_nan=True):
        return 0.0, 1.0
    difference = np.abs(one - other)
    if not np.isfinite(difference).all():
        return float("inf"), 1.0
    return float(difference.max()), max(float(np.abs(one).max()), LEAST)
