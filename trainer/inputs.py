"""A model's inputs and the features that feed them, by name."""

from collections.abc import Iterable, Mapping
from typing import Any

import keras

from trainer.errors import ModelError
from trainer.hints import did_you_mean


def input_names(model: keras.Model) -> tuple[str, ...]:
    """Return the names of the model's inputs, in the model's order."""
    return tuple(tensor.name for tensor in model.inputs)


def check_inputs(model: keras.Model, feature_names: Iterable[str]) -> None:
    """Check that each input of the model is a feature; features it does not use are fine.

    Raises:
        ModelError: An input is no feature (with did-you-mean), goes under two names, or takes more
            than one value a row.
    """
    names = list(feature_names)
    for tensor in model.inputs:
        if tensor.name not in names:
            raise ModelError(
                f'model input "{tensor.name}"',
                expected="the name of a feature",
                got=f'"{tensor.name}", which is none',
                mend=did_you_mean(tensor.name, names),
            )
        if tuple(tensor.shape[1:]) not in {(), (1,)}:
            raise ModelError(
                f'model input "{tensor.name}"',
                expected="shape (1,) or (): one value a row",
                got=f"shape {tuple(tensor.shape[1:])}",
                mend="give one keras.Input per feature and concatenate them in the model",
            )
    structure = input_structure(model)
    if isinstance(structure, dict):
        for key, tensor in structure.items():
            if key != tensor.name:
                raise ModelError(
                    f'model input "{tensor.name}"',
                    expected="the same name in keras.Input and in inputs={...}",
                    got=f'the key "{key}"',
                    mend=f'write keras.Input(..., name="{key}")',
                )


def input_structure(model: keras.Model) -> Any:
    """Return the model's inputs as it takes them: a dict, a list, or a single one."""
    return model.inputs[0] if isinstance(model, keras.Sequential) else model.input


def select(model: keras.Model, features: Mapping[str, Any]) -> Any:
    """Return the features that the model uses, in the structure in which it takes them."""
    used = {name: features[name] for name in input_names(model)}
    if isinstance(input_structure(model), (dict, list, tuple)):
        return used
    return next(iter(used.values()))
