"""A functional model built again, node by node, with some of its operations changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

__all__ = ["Make", "nodes_of", "rebuild"]

Make = Callable[[Any], Any]


def nodes_of(model: Any) -> Iterator[Any]:
    """The calls of a functional model's operations, each after those whose output it takes."""
    depths: Mapping[int, list[Any]] = model._nodes_by_depth
    for depth in sorted(depths, reverse=True):
        yield from (node for node in depths[depth] if not node.is_input)


def rebuild(model: Any, make: Make, instead: Mapping[int, Any] | None = None) -> keras.Model:
    """A functional model with the same inputs, outputs and wiring, of other operations.

    What no output needs any more is left out.

    Args:
        model: a flat functional model.
        make: operation -> the one to call in its place; asked once for each. What it returns may be
            the operation itself, which then has one more call in its books.
        instead: id of a tensor of `model` -> the earlier tensor to use in its place.
    """
    import keras

    instead = instead or {}
    made: dict[int, Any] = {}
    inputs = [
        keras.Input(batch_shape=x.shape, dtype=x.dtype, name=x.name, sparse=x.sparse)
        for x in model.inputs
    ]
    tensors = {id(old): new for old, new in zip(model.inputs, inputs, strict=True)}
    for node in needed(model, instead):
        given = {id(x): tensors[id(source(x, instead))] for x in node.input_tensors}
        args, kwargs = node.arguments.fill_in(given)
        operation = node.operation
        if id(operation) not in made:
            made[id(operation)] = make(operation)
        outputs = made[id(operation)](*args, **kwargs)
        for old, new in zip(node.outputs, keras.tree.flatten(outputs), strict=True):
            tensors[id(old)] = new
    outputs = [tensors[id(source(x, instead))] for x in model.outputs]
    return keras.Model(
        keras.tree.pack_sequence_as(model._inputs_struct, inputs),
        keras.tree.pack_sequence_as(model._outputs_struct, outputs),
        name=model.name,
    )


def source(tensor: Any, instead: Mapping[int, Any]) -> Any:
    """The tensor to take where `tensor` is asked for."""
    while id(tensor) in instead:
        tensor = instead[id(tensor)]
    return tensor


def needed(model: Any, instead: Mapping[int, Any]) -> list[Any]:
    """The nodes that the outputs need, in order."""
    wanted = {id(source(x, instead)) for x in model.outputs}
    kept = []
    for node in reversed(list(nodes_of(model))):
        if any(id(x) in wanted for x in node.outputs):
            kept.append(node)
            wanted.update(id(source(x, instead)) for x in node.input_tensors)
    return kept[::-1]
