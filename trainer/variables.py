"""All that training changes in a model, in a fixed order: weights, seeds, optimizer slots."""

import re
from collections.abc import Sequence

import keras
import numpy as np

GROUPS = ("model", "optimizer")


def trained_variables(model: keras.Model) -> list[tuple[str, keras.Variable]]:
    """Return (group, variable) of the model's and its optimizer's variables.

    The model's contain the states of its seed generators (Dropout); metrics are not included, fit
    resets them at each epoch. The optimizer is built if it was not, so that its slots exist.
    """
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    return [("model", variable) for variable in model.variables] + [
        ("optimizer", variable) for variable in model.optimizer.variables
    ]


def plain_path(path: str) -> str:
    """Return a variable's path without Keras's counting suffixes (`dense_3` is `dense`).

    They depend on what else a process built before; the order of variables does not.
    """
    return re.sub(r"_\d+(?=[_/]|$)", "", path)


def take(model: keras.Model) -> list[np.ndarray]:
    """Return copies of the values of `trained_variables`."""
    return [np.array(variable.numpy()) for _, variable in trained_variables(model)]


def put(model: keras.Model, values: Sequence[np.ndarray]) -> None:
    """Set the values of `trained_variables` to what `take` returned."""
    for (_, variable), value in zip(trained_variables(model), values, strict=True):
        variable.assign(value)


def first_non_finite(model: keras.Model) -> str | None:
    """Return the path of the first variable with a NaN or an infinity, or None."""
    for _, variable in trained_variables(model):
        value = np.asarray(variable.numpy())
        if value.dtype.kind in "biu":
            continue
        if not np.isfinite(value.astype(np.float64)).all():
            return str(variable.path)
    return None
