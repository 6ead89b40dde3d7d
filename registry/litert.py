"""Predictions and facts from exported LiteRT bytes. Never imports TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from registry.errors import LiteModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["LiteModel"]


class LiteModel:
    """Exported bytes, ready to predict; the same runtime as in the shipped predictor.

    Safe to share by threads. Rows are run in batches, so memory does not grow with their number.

    Args:
        tflite: a LiteRT flatbuffer with one signature and one output.

    Raises:
        LiteModelError: the bytes are not such a model.
    """

    def __init__(self, tflite: bytes) -> None:
        from registry.predictor import LiteRuntime

        try:
            self._runtime = LiteRuntime(tflite)
        except (ValueError, RuntimeError) as e:
            raise LiteModelError(f"cannot load {len(tflite)} bytes as a LiteRT model: {e}") from e

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the inputs, sorted."""
        return self._runtime.input_names

    def input_shape(self, name: str) -> tuple[int, ...]:
        """Shape of an input with its batch axis first; -1 marks an open axis."""
        return self._runtime.input_shape(name)

    def predict(self, features: Mapping[str, Any]) -> NDArray[np.float32]:
        """Predict encoded features (categories already int32).

        Args:
            features: name -> array `[rows]` or `[rows, ...]`; more columns than inputs are fine.

        Returns:
            float32 `[rows]` where the model has one output unit, else `[rows, classes]`.

        Raises:
            LiteModelError: a column is missing, or its length, type or shape does not fit.
        """
        try:
            return self._runtime.predict(features)
        except (ValueError, TypeError, RuntimeError) as e:
            raise LiteModelError(str(e)) from e
