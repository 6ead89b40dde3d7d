"""Batch normalization of a changed model: other activations have other statistics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from registry.compress.feeding import feed
from registry.compress.graph.copying import is_keras
from registry.compress.subject import Examples

if TYPE_CHECKING:
    import keras

__all__ = ["MOMENTUM", "call_normalizing", "normalizing_layers", "recalibrate"]

NORMALIZING = frozenset({"BatchNormalization"})
BATCH, BATCHES = 128, 16
MOMENTUM = 0.9
"""Of the moving statistics in a fine-tune, which is short: the usual 0.99 would lag behind."""


def normalizing_layers(model: keras.Model) -> list[Any]:
    """The batch normalization of a flat model that is trained; the rest keeps its statistics."""
    return [layer for layer in model.layers if is_keras(layer, NORMALIZING) and layer.trainable]


def recalibrate(model: keras.Model, examples: Examples) -> None:
    """Set the moving statistics of a flat model's batch normalization from some of the examples.

    They become the means over batches of what each layer gets while all others normalise by their
    batch, too (Li et al., EagleEye: Fast Sub-net Evaluation for Efficient Neural Network Pruning,
    2020). Afterwards the layers have the momentum of a fine-tune.
    """
    layers = normalizing_layers(model)
    size = min(BATCH, len(examples))
    for number in range(min(BATCHES, len(examples) // size) if layers else 0):
        for layer in layers:
            layer.momentum = number / (number + 1)
        rows = examples.take(slice(number * size, (number + 1) * size))
        call_normalizing(model, feed(model, rows))
    for layer in layers:
        layer.momentum = MOMENTUM


def call_normalizing(model: Any, given: Mapping[str, Any]) -> Any:
    """A flat model's output, with only its batch normalization as in training: nothing is drawn.

    Args:
        model: the model. The moving statistics of what `normalizing_layers` names move.
        given: its inputs by name.
    """
    import keras

    def as_in_training(operation: Any) -> Any:
        if is_keras(operation, NORMALIZING):
            return lambda *args, **kwargs: operation(*args, **{**kwargs, "training": True})
        return operation

    tensors = {name: keras.ops.convert_to_tensor(column) for name, column in given.items()}
    by_name = isinstance(model._inputs_struct, dict)
    inputs = tensors if by_name else [tensors[x.name] for x in model.inputs]
    return keras.tree.flatten(model._run_through_graph(inputs, operation_fn=as_in_training))[0]
