"""Distillation: a changed model learns from what the float32 export says, not from labels alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["final_activation", "soft_loss"]

SMALLEST = 1e-7


def soft_loss(model: Any) -> Callable[[Any, Any], Any]:
    """How far a model's output is from its teacher's, one number for each row.

    Cross-entropy of the teacher's probabilities where the model ends in softmax or sigmoid (Hinton
    et al., Distilling the Knowledge in a Neural Network, 2015, at temperature 1: the export gives
    probabilities, and no logits), else the mean squared difference, logits included (Ba & Caruana,
    Do Deep Nets Really Need to be Deep?, 2014).

    Returns:
        (teacher `[rows, ...]`, output of the same shape) -> `[rows]`.
    """
    kinds = {"softmax": categorical, "sigmoid": binary}
    return kinds.get(final_activation(model), squared)


def final_activation(model: Any) -> str:
    """Name of the activation that makes the model's output, such as `softmax`, or `linear`."""
    operation = model.outputs[0]._keras_history.operation
    if type(operation).__name__ in {"Softmax", "Sigmoid"}:
        return type(operation).__name__.lower()
    return str(getattr(getattr(operation, "activation", None), "__name__", "linear"))


def categorical(teacher: Any, output: Any) -> Any:
    """Cross-entropy of classes on the last axis."""
    from keras import ops

    return by_row(-ops.sum(teacher * ops.log(ops.maximum(output, SMALLEST)), axis=-1))


def binary(teacher: Any, output: Any) -> Any:
    """Cross-entropy of each unit by itself."""
    from keras import ops

    yes = teacher * ops.log(ops.maximum(output, SMALLEST))
    no = (1.0 - teacher) * ops.log(ops.maximum(1.0 - output, SMALLEST))
    return by_row(-(yes + no))


def squared(teacher: Any, output: Any) -> Any:
    """Mean squared difference."""
    from keras import ops

    return by_row(ops.square(teacher - output))


def by_row(values: Any) -> Any:
    """The mean of each row."""
    from keras import ops

    axes = tuple(range(1, len(values.shape)))
    return ops.mean(values, axis=axes) if axes else values
