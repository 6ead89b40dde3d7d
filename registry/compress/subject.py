"""What the ladder compresses: a float32 export, and what else is known of the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from registry.artifact import Tflite

if TYPE_CHECKING:
    import keras
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Examples", "Subject"]


@dataclass(frozen=True, eq=False)
class Examples:
    """Rows that a rung may learn from; never rows that it is judged by.

    Attributes:
        features: name -> `[rows, ...]`, encoded as the model takes them.
        labels: `[rows]` or `[rows, ...]`, as the model's loss takes them.
        weights: `[rows]`, or None where all rows count the same.
    """

    features: Mapping[str, NDArray[Any]]
    labels: NDArray[Any]
    weights: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Any) -> Examples:
        """Some of the rows: a slice, or an array of places."""
        return Examples(
            {name: column[rows] for name, column in self.features.items()},
            self.labels[rows],
            None if self.weights is None else self.weights[rows],
        )


@dataclass(frozen=True, eq=False)
class Subject:
    """What a rung makes smaller. Nothing in it is changed.

    Attributes:
        float32: the float32 export.
        model: the Keras model that it was exported from, with the weights of the export; None where
            there are only bytes, and rungs that change the model do not apply.
        loss: what fine-tuning minimises, as `compile` takes it; None is the model's own.
        examples: rows to calibrate by and to fine-tune on; None where there are none, and rungs
            that need them do not apply.
        seed: of whatever a rung draws.
    """

    float32: Tflite
    model: keras.Model | None = None
    loss: Any = None
    examples: Examples | None = None
    seed: int = 0
