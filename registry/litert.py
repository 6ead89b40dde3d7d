"""Predictions and facts from exported LiteRT bytes. Never imports TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from registry.errors import LiteModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LiteModel"]


class LiteModel:
    """Exported bytes, ready to predict; the same runtime as in the shipped predictor.

    Safe to share by threads. Rows are run in batches, so memory does not grow with their number.

    Args:
        tflite: a LiteRT flatbuffer with one signature.

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

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs, sorted."""
        return self._runtime.output_names

    @property
    def signature(self) -> tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]]:
        """The shapes of the inputs and of the outputs by name; -1 marks an open axis."""
        runtime = self._runtime
        return (
            {name: runtime.input_shape(name) for name in runtime.input_names},
            {name: runtime.output_shape(name) for name in runtime.output_names},
        )

    def input_shape(self, name: str) -> tuple[int, ...]:
        """Shape of an input with its batch axis first; -1 marks an open axis."""
        return self._runtime.input_shape(name)

    def fit(self, features: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
        """The model's inputs from columns, in their types and shapes; more columns are fine.

        Raises:
            LiteModelError: a column is missing, or its length, type or shape does not fit.
        """
        try:
            return self._runtime.fit(features)
        except (ValueError, TypeError) as e:
            raise LiteModelError(str(e)) from e

    def predict(self, features: Mapping[str, Any]) -> Any:
        """Predict encoded features (categories already int32).

        Args:
            features: name -> array `[rows]` or `[rows, ...]`; more columns than inputs are fine.

        Returns:
            float32 `[rows]` where the model has one output unit, else `[rows, classes]`; of a model
            with several outputs a dict of such arrays by name.

        Raises:
            LiteModelError: a column is missing, or its length, type or shape does not fit.
        """
        try:
            return self._runtime.predict(features)
        except (ValueError, TypeError, RuntimeError) as e:
            raise LiteModelError(str(e)) from e
