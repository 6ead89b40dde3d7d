"""A flat copy of a model: its own layers, nested models dissolved, nothing left that is random."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from registry.compress.graph.rebuilding import nodes_of
from registry.errors import RungError

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

__all__ = ["copy_operation", "flat_copy", "is_keras", "plain_config", "plain_weights"]

RANDOM = frozenset(
    {"Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"}
    | {"GaussianDropout", "GaussianNoise", "AlphaDropout"}
)


def flat_copy(model: Any) -> keras.Model:
    """A functional model that predicts the same and shares nothing with the original.

    Nested functional and Sequential models are dissolved into their layers, LoRA adapters are added
    to their kernels, and layers that only act in training by drawing numbers (`Dropout` and its
    like) are left out, so the copy draws nothing. `trainable` stays as it is, layer by layer.

    Raises:
        RungError: a subclassed model, or a layer that cannot be made anew from its configuration.
    """
    import keras

    graph = functional(model)
    if graph is None:
        raise RungError(f'model "{model.name}" is neither functional nor Sequential')
    inputs = [keras.Input(batch_shape=x.shape, dtype=x.dtype, name=x.name) for x in graph.inputs]
    copier = Copier()
    outputs = copier.run(graph, inputs, "")
    copier.copy_weights()
    return keras.Model(
        keras.tree.pack_sequence_as(graph._inputs_struct, inputs),
        keras.tree.pack_sequence_as(graph._outputs_struct, outputs),
        name=model.name,
    )


def functional(model: Any) -> Any:
    """The functional graph that a model is, or that a Sequential model is built of; else None."""
    found = getattr(model, "_functional", model)
    return found if hasattr(found, "_nodes_by_depth") else None


class Copier:
    """Runs new inputs through copies of a graph's operations."""

    def __init__(self) -> None:
        self._copies: dict[int, tuple[Any, Any]] = {}
        self._names: set[str] = set()

    def run(self, graph: Any, inputs: list[Any], place: str) -> list[Any]:
        """The outputs, flat, of a graph's copy over other inputs.

        Args:
            graph: a functional graph.
            inputs: flat, as its own.
            place: names of the models that it is nested in.
        """
        import keras

        tensors = {id(old): new for old, new in zip(graph.inputs, inputs, strict=True)}
        for node in nodes_of(graph):
            args, kwargs = node.arguments.fill_in(tensors)
            nested = functional(node.operation)
            if nested is not None:
                given = keras.tree.flatten(args[0])
                outputs = self.run(nested, given, f"{place}{node.operation.name}_")
            elif is_keras(node.operation, RANDOM) and not kwargs.get("training"):
                outputs = args[0]
            else:
                outputs = self.copy(node.operation, place)(*args, **kwargs)
            for old, new in zip(node.outputs, keras.tree.flatten(outputs), strict=True):
                tensors[id(old)] = new
        return [tensors[id(x)] for x in graph.outputs]

    def copy(self, operation: Any, place: str) -> Any:
        """The copy of an operation, the same one for each of its calls."""
        if id(operation) not in self._copies:
            name = operation.name if operation.name not in self._names else place + operation.name
            while name in self._names:
                name += "_"
            self._names.add(name)
            self._copies[id(operation)] = (operation, copy_operation(operation, name))
        return self._copies[id(operation)][1]

    def copy_weights(self) -> None:
        """Give each copied layer the weights of its original.

        Raises:
            RungError: they do not fit.
        """
        for layer, copied in self._copies.values():
            if not hasattr(layer, "get_weights"):
                continue
            try:
                copied.set_weights(list(plain_weights(layer)))
            except ValueError as e:
                raise RungError(f'layer "{layer.name}" cannot be copied: {e}') from e


def copy_operation(operation: Any, name: str, **changes: Any) -> Any:
    """A new, unbuilt operation like another, with some entries of its configuration changed.

    Raises:
        RungError: its class cannot make it from its configuration.
    """
    if not hasattr(operation, "get_weights"):
        return copy_function(operation, name)
    try:
        return type(operation).from_config(plain_config(operation) | {"name": name} | changes)
    except (TypeError, ValueError, NotImplementedError, KeyError) as e:
        raise RungError(
            f'layer "{operation.name}" ({type(operation).__name__}) cannot be copied: {e}'
        ) from e


def copy_function(operation: Any, name: str) -> Any:
    """The same function of `keras.ops` with its arguments, in no graph yet."""
    copied = object.__new__(type(operation))
    vars(copied).update(vars(operation))
    copied.name, copied._inbound_nodes, copied._outbound_nodes = name, [], []
    return copied


def plain_config(layer: Any) -> dict[str, Any]:
    """A layer's configuration without adapters; nothing is drawn, as weights are set afterwards."""
    config = dict(layer.get_config())
    if is_keras(layer):
        config.pop("lora_rank", None)
        config.pop("lora_alpha", None)
        initial = {name: "zeros" for name in config if name.endswith("_initializer")}
        config.update(initial)
    return config


def plain_weights(layer: Any) -> list[NDArray[Any]]:
    """A layer's weights in their order, with adapters added to what they adapt."""
    if not getattr(layer, "lora_enabled", False):
        return [np.asarray(value) for value in layer.get_weights()]
    merged = {"kernel", "embeddings"}
    return [
        np.asarray(getattr(layer, weight.name) if weight.name in merged else weight)
        for weight in layer.weights
        if not weight.name.startswith("lora_")
    ]


def is_keras(operation: Any, names: frozenset[str] | None = None) -> bool:
    """Whether an operation is Keras's own, and of one of the classes named."""
    kind = type(operation)
    return kind.__module__.startswith("keras.") and (names is None or kind.__name__ in names)
