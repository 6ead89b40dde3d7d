"""Rows that a rung looks at to see what numbers go through a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from registry.compress.subject import Subject
from registry.errors import LiteModelError, RungError
from registry.litert import LiteModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["calibration_rows"]

LEAST_ROWS = 16


def calibration_rows(subject: Subject, most: int) -> dict[str, NDArray[Any]]:
    """The model's inputs for some of the examples, spread evenly over all.

    Raises:
        RungError: there are too few, or they do not fit the model.
    """
    found = len(subject.examples) if subject.examples is not None else 0
    if subject.examples is None or found < LEAST_ROWS:
        raise RungError(f"needs at least {LEAST_ROWS} examples to calibrate by, got {found}")
    places = np.linspace(0, found - 1, min(found, most)).astype(np.int64)
    try:
        return LiteModel(subject.float32).fit(subject.examples.take(places).features)
    except LiteModelError as e:
        raise RungError(f"the examples to calibrate by do not fit the model: {e}") from e
