"""Take channels out of a model: narrower layers, with the weights of the channels that stay."""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING, Any

import numpy as np

from registry.compress.graph.copying import copy_operation, plain_weights
from registry.compress.graph.rebuilding import rebuild
from registry.compress.graph.rules import CONVOLUTIONS, RECURRENT
from registry.compress.graph.tracing import Channels

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

__all__ = ["axes_of", "cut"]

READ, MADE = "read", "made"
WIDTH = {
    "Dense": "units",
    "Embedding": "output_dim",
    **dict.fromkeys(RECURRENT, "units"),
    **dict.fromkeys(CONVOLUTIONS, "filters"),
}
AXES: dict[str, tuple[tuple[int, str], ...]] = {
    "kernel": ((-2, READ), (-1, MADE)),
    "bias": ((-1, MADE),),
    "recurrent_kernel": ((-2, MADE), (-1, MADE)),
    "depthwise_kernel": ((-2, READ),),
    "pointwise_kernel": ((-2, READ), (-1, MADE)),
    "embeddings": ((-1, MADE),),
    **dict.fromkeys(("gamma", "beta", "alpha"), ((-1, READ),)),
    **dict.fromkeys(("moving_mean", "moving_variance", "moving_stddev"), ((-1, READ),)),
    **dict.fromkeys(("renorm_mean", "renorm_stddev"), ((-1, READ),)),
}


def axes_of(layer: Any, weight: str) -> tuple[tuple[int, str], ...]:
    """The axes of a layer's weight that are channels: (axis, whether it reads or makes them)."""
    kind = type(layer).__name__
    if weight == "kernel" and kind.endswith("Transpose"):
        return ((-1, READ), (-2, MADE))
    if weight == "kernel" and kind.startswith("Depthwise"):
        return ((-2, READ),)
    return AXES.get(weight, ())


def cut(model: Any, channels: Channels, gone: Set[int]) -> keras.Model:
    """A model without some of its channels.

    Where all that reads a channel has weights of 0 for it, the model without it predicts the same.

    Args:
        model: a flat functional model; it gets no new weights, and none of its own change.
        channels: of this model.
        gone: roots of the channels to leave out, none of them fixed.
    """
    pairs: list[tuple[Any, Any]] = []
    lost = np.array(sorted(gone), np.int64)

    def kept(atoms: NDArray[np.int64] | None) -> NDArray[np.bool_] | None:
        return None if atoms is None else ~np.isin(channels.roots(atoms), lost)

    def make(operation: Any) -> Any:
        made = kept(channels.makes.get(id(operation)))
        narrower = copy_operation(operation, operation.name, **changed_width(operation, made))
        pairs.append((operation, narrower))
        return narrower

    smaller = rebuild(model, make)
    for old, new in pairs:
        if hasattr(old, "get_weights"):
            reads, makes = kept(channels.reads.get(id(old))), kept(channels.makes.get(id(old)))
            new.set_weights(sliced_weights(old, reads, makes))
    return smaller


def changed_width(operation: Any, made: NDArray[np.bool_] | None) -> dict[str, Any]:
    """What changes in a layer's configuration when only some of the channels it makes are kept."""
    if made is None or made.all():
        return {}
    kind, width = type(operation).__name__, int(made.sum())
    if kind == "Reshape":
        return {"target_shape": (*operation.target_shape[:-1], width)}
    return {WIDTH[kind]: width} if kind in WIDTH else {}


def sliced_weights(
    layer: Any, reads: NDArray[np.bool_] | None, makes: NDArray[np.bool_] | None
) -> list[NDArray[Any]]:
    """The weights of the channels that stay, in the layer's order.

    A recurrent layer has its gates side by side on one axis, and a pointwise kernel reads
    `depth_multiplier` places for each channel: there the choice is repeated.
    """
    masks = {READ: reads, MADE: makes}
    found = []
    for weight, values in zip(layer.weights, plain_weights(layer), strict=True):
        for axis, role in axes_of(layer, weight.name):
            mask = masks[role]
            size = values.shape[axis]
            if mask is None or size % len(mask):
                continue
            times = size // len(mask)
            spread = np.repeat(mask, times) if role == READ else np.tile(mask, times)
            values = np.compress(spread, values, axis=axis)
        found.append(values)
    return found
