"""A model's inputs and the features that feed them, by name."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from trainer.errors import ModelError
from trainer.hints import did_you_mean

_FLOATS = ("float32", "float64", "float16", "bfloat16")
# Per type of a feature the types of an input that can hold all of its values, or nearly.
_HOLDS = {
    "bool": (*_FLOATS, "bool", "uint8", "int8", "int16", "int32", "int64"),
    "int32": (*_FLOATS, "int32", "int64"),
    "int64": (*_FLOATS, "int64"),
    "timestamp": ("int64", "float64"),
    "float32": _FLOATS,
    "float64": _FLOATS,
}


@dataclass(frozen=True)
class FeatureSpec:
    """What one row of a feature is.

    Attributes:
        shape: () for a single value, (k,) for a list of k.
        dtype: numpy's name of its type, or "timestamp" for int64 of milliseconds; None if unknown.
    """

    shape: tuple[int, ...] = ()
    dtype: str | None = None


def input_names(model: keras.Model) -> tuple[str, ...]:
    """Return the names of the model's inputs, in the model's order."""
    return tuple(tensor.name for tensor in model.inputs)


def shapes_of(features: Mapping[str, Any]) -> dict[str, FeatureSpec]:
    """Return the shape of a row of each feature; they are arrays [n, ...], or specs of tensors."""
    return {name: FeatureSpec(tuple(feature.shape[1:])) for name, feature in features.items()}


def check_inputs(model: keras.Model, features: Iterable[str] | Mapping[str, FeatureSpec]) -> None:
    """Check that each input of the model is a feature; features it does not use are fine.

    Args:
        model: The model.
        features: What a row of each feature is, by name; of mere names, one value of any type.

    Raises:
        ModelError: An input is no feature (with did-you-mean), goes under two names, or takes
            another number of values a row or another type than its feature has.
    """
    plain = dict.fromkeys(features, FeatureSpec())
    specs = features if isinstance(features, Mapping) else plain
    for tensor in model.inputs:
        if tensor.name not in specs:
            raise ModelError(
                f'model input "{tensor.name}"',
                expected="the name of a feature",
                got=f'"{tensor.name}", which is none',
                mend=did_you_mean(tensor.name, specs),
            )
        _check_shape(tensor, specs[tensor.name])
        _check_dtype(tensor, specs[tensor.name])
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


def _check_shape(tensor: Any, feature: FeatureSpec) -> None:
    shape = tuple(tensor.shape[1:])
    if shape in {feature.shape, (*feature.shape, 1)} or (*shape, 1) == feature.shape:
        return
    if feature.shape == ():
        raise ModelError(
            f'model input "{tensor.name}"',
            expected="shape (1,) or (): one value a row",
            got=f"shape {shape}",
            mend="give one keras.Input per feature and concatenate them in the model, or give the"
            " feature its length in the schema",
        )
    raise ModelError(
        f'model input "{tensor.name}"',
        expected=f"shape {feature.shape}: a list of {feature.shape[0]} a row, as in the schema",
        got=f"shape {shape}",
        mend=f'write keras.Input({feature.shape}, name="{tensor.name}")',
    )


def _check_dtype(tensor: Any, feature: FeatureSpec) -> None:
    known = _HOLDS.get(feature.dtype or "", (tensor.dtype,))
    if tensor.dtype in known:
        return
    best = feature.dtype if feature.dtype in known else known[0]
    raise ModelError(
        f'model input "{tensor.name}"',
        expected=f"a type that holds {feature.dtype}, the feature's: {', '.join(known)}",
        got=str(tensor.dtype),
        mend=f'write keras.Input(..., name="{tensor.name}", dtype="{best}")',
    )


def row_shape(tensor: Any) -> tuple[int, ...]:
    """Return the shape of an input's row without an axis of 1 at its end, which Keras adds."""
    shape = tuple(tensor.shape[1:])
    return shape[:-1] if shape[-1:] == (1,) else shape


def as_inputs(model: keras.Model, features: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return the arrays [n, *row_shape] of the model's inputs, in their types, by name."""
    return {
        tensor.name: np.asarray(features[tensor.name])
        .astype(tensor.dtype)
        .reshape(len(features[tensor.name]), *row_shape(tensor))
        for tensor in model.inputs
    }


def input_structure(model: keras.Model) -> Any:
    """Return the model's inputs as it takes them: a dict, a list, or a single one."""
    return model.inputs[0] if isinstance(model, keras.Sequential) else model.input


def select(model: keras.Model, features: Mapping[str, Any]) -> Any:
    """Return the features that the model uses, in the structure in which it takes them."""
    used = {name: features[name] for name in input_names(model)}
    if isinstance(input_structure(model), (dict, list, tuple)):
        return used
    return next(iter(used.values()))
