"""LiteRT bytes that predict encoded features, in batches."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
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
        InputError: the bytes do not have exactly one named signature, over their main graph.
    """

    def __init__(self, tflite: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._lock = threading.Lock()
        self._interpreter = Interpreter(model_content=tflite)
        signatures = self._interpreter.get_signature_list()
        if len(signatures) != 1:
            raise InputError(f"expected 1 signature in the model, got {len(signatures)}")
        runner = self._interpreter.get_signature_runner(next(iter(signatures)))
        self._inputs: dict[str, Any] = runner.get_input_details()
        self._outputs: dict[str, Any] = runner.get_output_details()
        main = [detail["name"] for detail in self._interpreter.get_input_details()]
        if sorted(main) != sorted(detail["name"] for detail in self._inputs.values()):
            raise InputError(f"expected a signature over the inputs {main} of the main graph")
        self._shapes = {name: shape_of(detail) for name, detail in self._inputs.items()}
        self._places = [detail["index"] for detail in self._inputs.values()]
        self._results = [detail["index"] for detail in self._outputs.values()]
        self._sized: Sequence[tuple[int, ...]] | None = None

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
        return self._shapes[name]

    def output_shape(self, name: str) -> tuple[int, ...]:
        """Shape of an output with its batch axis; -1 marks an open axis."""
        return shape_of(self._outputs[name])

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
        arrays = list(self.fit(features).values())
        rows = len(arrays[0])
        if 0 < rows <= batch:
            return self.answer(self.run(arrays, [array.shape for array in arrays]))
        parts = []
        for start in range(0, rows, batch):
            part = [array[start : start + batch] for array in arrays]
            parts.append(self.run(part, [array.shape for array in part]))
        if not parts:
            tails = [self.output_shape(name)[1:] for name in self._outputs]
            return self.answer([np.zeros((0, *(max(0, n) for n in tail))) for tail in tails])
        return self.answer([np.concatenate(found) for found in zip(*parts, strict=True)])

    def one_row(self) -> dict[str, np.ndarray] | None:
        """Arrays for one row, to be filled and given to `run`; None if another axis is open."""
        tails = {name: shape[1:] for name, shape in self._shapes.items()}
        if any(size < 1 for tail in tails.values() for size in tail):
            return None
        return {n: np.zeros((1, *tails[n]), detail["dtype"]) for n, detail in self._inputs.items()}

    def run(
        self, arrays: Sequence[np.ndarray], shapes: Sequence[tuple[int, ...]]
    ) -> list[np.ndarray]:
        """One call of LiteRT.

        Args:
            arrays: one for each input, in the order and types of `fit`, with at least one row.
            shapes: theirs.

        Returns:
            New arrays, one for each output.
        """
        interpreter = self._interpreter
        with self._lock:
            if shapes != self._sized:
                self._resize(shapes)
            for place, array in zip(self._places, arrays, strict=True):
                interpreter.set_tensor(place, array)
            interpreter.invoke()
            return [interpreter.get_tensor(place) for place in self._results]

    def answer(self, outputs: Sequence[np.ndarray]) -> Any:
        """What `predict` returns, from one array for each output."""
        if len(outputs) == 1:
            return plain(outputs[0])
        return {name: plain(out) for name, out in zip(self._outputs, outputs, strict=True)}

    def fit(self, features: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """The model's inputs from columns, in their types and shapes.

        Raises:
            InputError: as `predict`.
        """
        arrays = {name: self._fit(name, features) for name in self._inputs}
        lengths = [len(array) for array in arrays.values()]
        if lengths.count(lengths[0]) != len(lengths):
            told = dict(zip(arrays, lengths, strict=True))
            raise InputError(f"expected columns of equal length, got {told}")
        return arrays

    def _resize(self, shapes: Sequence[tuple[int, ...]]) -> None:
        self._sized = None
        for place, shape in zip(self._places, shapes, strict=True):
            self._interpreter.resize_tensor_input(place, shape)
        self._interpreter.allocate_tensors()
        self._sized = shapes

    def _fit(self, name: str, features: Mapping[str, Any]) -> np.ndarray:
        if name not in features:
            raise InputError(
                f'column "{name}" is missing; the model needs {list(self.input_names)}'
            )
        array = np.asarray(features[name], dtype=self._inputs[name]["dtype"])
        shape = self._shapes[name]
        if array.ndim == len(shape) - 1 and shape[-1] == 1:
            array = array[..., None]
        if array.ndim == len(shape) + 1 and array.shape[-1] == 1:
            array = array[..., 0]
        fits = array.ndim == len(shape) and (
            array.shape[1:] == shape[1:]
            or all(w in (-1, got) for w, got in zip(shape[1:], array.shape[1:], strict=True))
        )
        if not fits:
            raise InputError(f'column "{name}": expected shape {shape}, got {array.shape}')
        return np.ascontiguousarray(array)


def shape_of(detail: Mapping[str, Any]) -> tuple[int, ...]:
    """The shape of a tensor; -1 marks an open axis."""
    return tuple(int(size) for size in detail["shape_signature"])


def plain(output: np.ndarray) -> np.ndarray:
    """An output in float32, without an axis for its only unit."""
    found = np.asarray(output, np.float32)
    return found[:, 0] if found.ndim == 2 and found.shape[1] == 1 else found
