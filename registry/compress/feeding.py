"""Examples in the shapes and dtypes of a Keras model, and what exported bytes say of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from registry.artifact import Tflite
from registry.compress.subject import Examples, Subject
from registry.errors import LiteModelError, RungError
from registry.export import named_inputs
from registry.litert import LiteModel

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

__all__ = ["answers", "feed", "known_rows"]

LEAST_EXAMPLES = 16


def known_rows(subject: Subject) -> Examples:
    """The examples of a subject.

    Raises:
        RungError: there are none, or too few to learn from.
    """
    if subject.examples is None or len(subject.examples) < LEAST_EXAMPLES:
        found = 0 if subject.examples is None else len(subject.examples)
        raise RungError(f"needs at least {LEAST_EXAMPLES} examples to fine-tune on, got {found}")
    return subject.examples


def feed(model: keras.Model, examples: Examples) -> dict[str, NDArray[Any]]:
    """The features of examples by input of a model, in its shapes and dtypes.

    Raises:
        RungError: an input has no feature of its name, or one of another shape.
    """
    given = {}
    for name, tensor in named_inputs(model).items():
        if name not in examples.features:
            raise RungError(f'the examples have no feature "{name}"')
        column = np.asarray(examples.features[name])
        shape = tuple(-1 if size is None else size for size in tensor.shape[1:])
        try:
            column = column if column.ndim == len(tensor.shape) else column.reshape(-1, *shape)
            given[name] = column.reshape(len(examples), *column.shape[1:]).astype(tensor.dtype)
        except ValueError as e:
            raise RungError(
                f'examples of feature "{name}": expected rows of shape {tensor.shape[1:]}, got '
                f"{column.shape[1:]}"
            ) from e
    return given


def answers(tflite: Tflite, examples: Examples, model: keras.Model) -> NDArray[np.float32]:
    """What exported bytes predict for examples, in the shape of the model's output.

    Raises:
        RungError: the examples do not fit the bytes.
    """
    shape = tuple(-1 if size is None else size for size in model.outputs[0].shape[1:])
    try:
        predicted = LiteModel(tflite).predict(examples.features)
    except LiteModelError as e:
        raise RungError(f"the examples do not fit the model: {e}") from e
    return np.asarray(predicted, np.float32).reshape(len(examples), *shape)
