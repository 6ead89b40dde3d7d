"""How each kind of layer passes channels on. What is not named here is left whole."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np

from registry.compress.graph.copying import is_keras
from registry.compress.graph.tracing import Atoms, Channels, barrier

__all__ = ["CONVOLUTIONS", "RECURRENT", "Rule", "elementwise", "rule_of"]

Rule: TypeAlias = Callable[[Any, Channels], Iterable["Atoms | None"]]

CONVOLUTIONS = frozenset(
    {"Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"}
    | {"SeparableConv1D", "SeparableConv2D"}
)
RECURRENT = frozenset({"GRU", "LSTM", "SimpleRNN"})
DEPTHWISE = frozenset({"DepthwiseConv1D", "DepthwiseConv2D"})
ELEMENTWISE = frozenset(
    {"celu", "elu", "exponential", "gelu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_tanh"}
    | {"leaky_relu", "linear", "log_sigmoid", "mish", "relu", "relu6", "selu", "sigmoid", "silu"}
    | {"soft_shrink", "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "squareplus"}
    | {"tanh", "tanh_shrink", "threshold"}
)
PASSING = frozenset(
    {"ActivityRegularization", "Identity", "ReLU", "LeakyReLU", "PReLU", "ELU", "RepeatVector"}
    | {f"{how}Pooling{n}D" for how in ("Max", "Average") for n in (1, 2, 3)}
    | {f"Global{how}Pooling{n}D" for how in ("Max", "Average") for n in (1, 2, 3)}
    | {f"{kind}{n}D" for kind in ("UpSampling", "ZeroPadding", "Cropping") for n in (1, 2, 3)}
)
FUNCTIONS = frozenset(
    {"Abs", "Cast", "Celu", "Clip", "Elu", "Exp", "Gelu", "HardSigmoid", "HardSilu", "HardTanh"}
    | {"LeakyRelu", "LogSigmoid", "Mish", "Negative", "Relu", "Relu6", "Selu", "Sigmoid", "Silu"}
    | {"Softplus", "Softsign", "Sqrt", "Square", "Tanh"}
)
MEETING = frozenset(
    {"Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Divide", "TrueDivide"}
)


def rule_of(node: Any) -> Rule:
    """How the operation of a node passes channels on."""
    operation = node.operation
    if not is_keras(operation) or getattr(operation, "data_format", None) == "channels_first":
        return barrier
    name = type(operation).__name__
    if hasattr(operation, "get_weights"):
        return RULES.get(name, barrier)
    if name in FUNCTIONS:
        return passing if only_scalars(node) else barrier
    return FUNCTION_RULES.get(name, barrier) if only_scalars(node) else barrier


def only_scalars(node: Any) -> bool:
    """Whether all that a call takes beside tensors of the graph are plain numbers or words."""
    import keras

    given = keras.tree.flatten((node.arguments.args, node.arguments.kwargs))
    plain = (bool, int, float, str, type(None))
    return all(isinstance(value, plain) or hasattr(value, "_keras_history") for value in given)


def elementwise(layer: Any, attribute: str = "activation") -> bool:
    """Whether a layer's activation treats each channel by itself."""
    function = getattr(layer, attribute, None)
    if function is None:
        return True
    own = getattr(function, "__module__", "").startswith("keras.")
    return own and getattr(function, "__name__", "") in ELEMENTWISE


def producing(node: Any, channels: Channels) -> Iterable[Atoms | None]:
    """Dense and convolutions read channels and make others."""
    layer, tensor = node.operation, node.input_tensors[0]
    atoms = channels.tensors[id(tensor)]
    if atoms is None or getattr(layer, "groups", 1) != 1:
        return barrier(node, channels)
    read(layer, atoms, channels)
    return [made(layer, node.outputs[0].shape[-1], channels, fixed=not elementwise(layer))]


def embedding(node: Any, channels: Channels) -> Iterable[Atoms | None]:
    """An embedding makes channels: the columns of its table."""
    return [made(node.operation, node.outputs[0].shape[-1], channels, fixed=False)]


def recurrent(node: Any, channels: Channels) -> Iterable[Atoms | None]:
    """A recurrent layer reads channels and makes others: the units of its state.

    A mask has no channels: at a masked step each unit repeats what it gave, or gives 0.
    """
    layer, mask = node.operation, node.arguments.kwargs.get("mask")
    gates = elementwise(layer) and elementwise(layer, "recurrent_activation")
    atoms = channels.tensors[id(node.input_tensors[0])]
    others = [tensor for tensor in node.input_tensors[1:] if tensor is not mask]
    if atoms is None or layer.stateful or layer.return_state or others:
        return barrier(node, channels)
    read(layer, atoms, channels)
    return [made(layer, node.outputs[0].shape[-1], channels, fixed=not gates)]


def depthwise(node: Any, channels: Channels) -> Iterable[Atoms | None]:
    """A depthwise convolution gives `depth_multiplier` channels for each that it reads."""
    layer, atoms = node.operation, channels.tensors[id(node.input_tensors[0])]
    if atoms is None or not elementwise(layer):
        return barrier(node, channels)
    read(layer, atoms, channels)
    given = np.repeat(atoms, layer.depth_multiplier)
    channels.makes[id(layer)] = given
    return [given]


def normalizing(node: Any, channels: Channels) -> Iterable[Atoms | None]:
    """Batch normalization has weights for each channel, and mixes none."""
    layer, tensor = node.operation, node.input_tensors[0]
    atoms = channels.tensors[id(tensor)]
    axis = layer.axis[0] if isinstance(layer.axis, (list, tuple)) else layer.axis
    if atoms is None or axis not in (-1, len(tensor.shape) - 1):
        return barrier(node, channels)
    read(layer, atoms, channels)
    return [atoms]


def activating(node: Any, channels: Channels) -> Iterable[Atoms | None]:
    """An activation that treats each channel by itself."""
    return passing(node, channels) if elementwise(node.operation) else barrier(node, channels)


def passing(node: Any, channels: Channels) -> Iterable[Atoms | None]:
    """Each channel goes through by itself."""
    atoms = channels.tensors[id(node.input_tensors[0])]
    if len(node.input_tensors) != 1 or len(node.outputs[0].shape) < 2:
        return barrier(node, channels)
    if atoms is not None and getattr(node.operation, "weights", None):
        read(node.operation, atoms, channels)
    return [atoms]


def meeting(node: Any, channels: Channels) -> Iterable[Atoms | None]:
    """Channels that meet place by place become one."""
    given = [channels.tensors[id(tensor)] for tensor in node.input_tensors]
    width = node.outputs[0].shape[-1]
    if any(atoms is None or len(atoms) not in (1, width) for atoms in given):
        return barrier(node, channels)
    wide = [atoms for atoms in given if atoms is not None and len(atoms) == width]
    for atoms in wide[1:]:
        channels.join(wide[0], atoms)
    return [wide[0]]


def concatenating(node: Any, channels: Channels) -> Iterable[Atoms | None]:
    """Side by side on the last axis; on another one they meet place by place."""
    given = [channels.tensors[id(tensor)] for tensor in node.input_tensors]
    known = [atoms for atoms in given if atoms is not None]
    if len(known) != len(given):
        return barrier(node, channels)
    if node.operation.axis in (-1, len(node.outputs[0].shape) - 1):
        return [np.concatenate(known)]
    for atoms in known[1:]:
        channels.join(known[0], atoms)
    return [known[0]]


def flattening(node: Any, channels: Channels) -> Iterable[Atoms | None]:
    """The channels again for each place."""
    atoms = channels.tensors[id(node.input_tensors[0])]
    places = node.input_tensors[0].shape[1:-1]
    if atoms is None or None in places:
        return barrier(node, channels)
    return [np.tile(atoms, math.prod(places))]


def reshaping(node: Any, channels: Channels) -> Iterable[Atoms | None]:
    """The last axis as it was, or one axis from several, or several from one; else whole."""
    atoms = channels.tensors[id(node.input_tensors[0])]
    before, after = node.input_tensors[0].shape[1:], node.outputs[0].shape[1:]
    if atoms is None or None in before or None in after:
        return barrier(node, channels)
    width = after[-1]
    if width == math.prod(before):
        given = np.tile(atoms, math.prod(before[:-1]))
    elif width == before[-1]:
        given = atoms
    elif len(before) == 1:
        given = atoms[:width]
        for start in range(width, len(atoms), width):
            channels.join(given, atoms[start : start + width])
    else:
        return barrier(node, channels)
    read(node.operation, atoms, channels)
    channels.makes[id(node.operation)] = given
    return [given]


def read(layer: Any, atoms: Atoms, channels: Channels) -> None:
    """A layer's weights belong to these channels, which meet those of its other calls."""
    if id(layer) in channels.reads and len(channels.reads[id(layer)]) == len(atoms):
        channels.join(channels.reads[id(layer)], atoms)
    else:
        channels.reads[id(layer)] = atoms


def made(layer: Any, width: int, channels: Channels, *, fixed: bool) -> Atoms:
    """The channels that a layer makes, the same at each of its calls."""
    if id(layer) not in channels.makes:
        channels.makes[id(layer)] = channels.fresh(width)
        channels.owners.append(layer)
    if fixed:
        channels.fix(channels.makes[id(layer)])
    return channels.makes[id(layer)]


RULES: dict[str, Rule] = {
    "Dense": producing,
    "Embedding": embedding,
    "BatchNormalization": normalizing,
    "Activation": activating,
    "Concatenate": concatenating,
    "Flatten": flattening,
    "Reshape": reshaping,
    **dict.fromkeys(CONVOLUTIONS, producing),
    **dict.fromkeys(RECURRENT, recurrent),
    **dict.fromkeys(DEPTHWISE, depthwise),
    **dict.fromkeys(PASSING, passing),
    **dict.fromkeys(MEETING, meeting),
}
FUNCTION_RULES: dict[str, Rule] = {
    "Concatenate": concatenating,
    **dict.fromkeys(MEETING, meeting),
}
