"""LiteRT bytes that predict encoded features, in batches."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["BATCH", "InputError", "LiteRuntime"]

BATCH = 1024
"""Rows of a call of LiteRT, if nothing else is said."""


class InputError(ValueError):
    """A column is missing, or holds what its field cannot hold. The message names the column."""


class LiteRuntime:
    """LiteRT bytes with one signature, run in batches. Safe to share by threads.

    Args:
        tflite: the flatbuffer.

    Raises:
        InputError: the bytes do not have exactly one named signature.
    """

    def __init__(self, tflite: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._lock = threading.Lock()
        self._interpreter = Interpreter(model_content=tflite)
        signatures = self._interpreter.get_signature_list()
        if len(signatures) != 1:
            raise InputError(f"expected 1 signature in the model, got {len(signatures)}")
        self._runner = self._interpreter.get_signature_runner(next(iter(signatures)))
        self._inputs: dict[str, Any] = self._runner.get_input_details()
        self._outputs: dict[str, Any] = self._runner.get_output_details()

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the inputs, sorted."""
        return tuple(sorted(self._inputs))

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs, sorted."""
        return tuple(sorted(self._outputs))

    def input_shape(self, name: str) -> tuple[int, ...]:
        """Shape of an input with its batch axis; -1 marks an open axis."""
        return tuple(int(size) for size in self._inputs[name]["shape_signature"])

    def output_shape(self, name: str) -> tuple[int, ...]:
        """Shape of an output with its batch axis; -1 marks an open axis."""
        return tuple(int(size) for size in self._outputs[name]["shape_signature"])

    def predict(self, features: Mapping[str, Any], batch: int = BATCH) -> Any:
        """Predictions for columns of equal length; columns that the model does not use are ignored.

        Args:
            features: name -> array `[rows]` or `[rows, ...]`, already encoded as numbers.
            batch: rows at a time, at most; memory grows with them.

        Returns:
            float32 `[rows]` where the model has one output unit, else `[rows, classes]`; of a model
            with several outputs a dict of such arrays by name.

        Raises:
            InputError: a column is missing, its length or shape does not fit, or there are no rows
                at a time.
        """
        if batch < 1:
            raise InputError(f"batch: expected at least 1 row, got {batch!r}")
        arrays = self.fit(features)
        rows = len(next(iter(arrays.values())))
        starts = range(0, rows, batch)
        with self._lock:
            parts = [
                self._runner(**{k: v[i : i + batch] for k, v in arrays.items()}) for i in starts
            ]
        found = {name: self._joined(name, [part[name] for part in parts]) for name in self._outputs}
        return found if len(found) > 1 else next(iter(found.values()))

    def fit(self, features: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """The model's inputs from columns, in their types and shapes.

        Raises:
            InputError: as `predict`.
        """
        arrays = {name: self._fit(name, features) for name in self._inputs}
        lengths = {name: len(array) for name, array in arrays.items()}
        if len(set(lengths.values())) > 1:
            raise InputError(f"expected columns of equal length, got {lengths}")
        return arrays

    def _joined(self, name: str, parts: list[np.ndarray]) -> np.ndarray:
        tail = self.output_shape(name)[1:]
        joined = np.concatenate(parts) if parts else np.zeros((0, *(max(0, n) for n in tail)))
        answer = np.asarray(joined, np.float32)
        return answer[:, 0] if answer.ndim == 2 and answer.shape[1] == 1 else answer

    def _fit(self, name: str, features: Mapping[str, Any]) -> np.ndarray:
        if name not in features:
            raise InputError(
                f'column "{name}" is missing; the model needs {list(self.input_names)}'
            )
        array = np.asarray(features[name], dtype=self._inputs[name]["dtype"])
        shape = self.input_shape(name)
        if array.ndim == len(shape) - 1 and shape[-1] == 1:
            array = array[..., None]
        if array.ndim == len(shape) + 1 and array.shape[-1] == 1:
            array = array[..., 0]
        fits = array.ndim == len(shape) and all(
            want in (-1, got) for want, got in zip(shape[1:], array.shape[1:], strict=True)
        )
        if not fits:
            raise InputError(f'column "{name}": expected shape {shape}, got {array.shape}')
        return np.ascontiguousarray(array)
