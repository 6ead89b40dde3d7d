"""Blocks that a model can do without: what is between two tensors of one shape."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from registry.compress.graph.copying import is_keras
from registry.compress.graph.rebuilding import needed, source

__all__ = ["Block", "blocks_of"]

FOLLOWING = frozenset(
    {"Activation", "BatchNormalization", "ReLU", "LeakyReLU", "PReLU", "ELU", "LayerNormalization"}
    | {"GroupNormalization", "Identity", "UnitNormalization"}
)
NORMALIZING = frozenset({"BatchNormalization", "LayerNormalization", "GroupNormalization"})


@dataclass(frozen=True, eq=False)
class Block:
    """What may go: all that only leads from one tensor to another of the same shape.

    Attributes:
        name: of the operation that makes `last`.
        last: the tensor that is no longer computed.
        first: the earlier tensor that takes its place.
    """

    name: str
    last: Any
    first: Any


def blocks_of(model: Any, gone: Mapping[int, Any]) -> Iterator[Block]:
    """The blocks of a flat functional model, in order.

    A block is a layer with weights and what only normalises or activates its output, from its first
    input to there; or a branch of an `Add`, from the input that stays to the sum. It has weights,
    and all the model's inputs go on reaching an output without it.

    Args:
        model: the model.
        gone: blocks that are gone already: id of a tensor -> the one in its place.
    """
    nodes = needed(model, gone)
    readers = Counter(id(source(x, gone)) for node in nodes for x in node.input_tensors)
    readers.update(id(source(x, gone)) for x in model.outputs)
    readings = {id(source(x, gone)): node for node in nodes for x in node.input_tensors}
    outputs = {id(source(x, gone)) for x in model.outputs}
    for node in nodes:
        for first in firsts(node):
            last = node.outputs[0]
            while not adding(node) and readers[id(last)] == 1 and id(last) not in outputs:
                reader = readings[id(last)]
                if not is_keras(reader.operation, FOLLOWING):
                    break
                last = reader.outputs[0]
            block = Block(node.operation.name, last, source(first, gone))
            if id(last) not in outputs and may_go(model, block, gone, nodes):
                yield block


def firsts(node: Any) -> list[Any]:
    """The inputs of a node that could stand for its output."""
    if len(node.outputs) != 1 or not is_keras(node.operation):
        return []
    if adding(node):
        return list(node.input_tensors)
    heavy = bool(getattr(node.operation, "weights", ())) and not is_keras(
        node.operation, NORMALIZING
    )
    return list(node.input_tensors[:1]) if heavy else []


def adding(node: Any) -> bool:
    """Whether a node adds two branches."""
    return type(node.operation).__name__ == "Add" and len(node.input_tensors) == 2


def may_go(model: Any, block: Block, gone: Mapping[int, Any], nodes: list[Any]) -> bool:
    """Whether a model stays whole without a block, and gets smaller."""
    alike = (tuple(block.first.shape), block.first.dtype) == (
        tuple(block.last.shape),
        block.last.dtype,
    )
    if not alike or id(block.last) in gone or block.first is block.last:
        return False
    left = needed(model, {**gone, id(block.last): block.first})
    reached = {id(x) for node in left for x in node.input_tensors}
    inputs = all(id(x) in reached for x in model.inputs)
    return inputs and weights_of(left) < weights_of(nodes)


def weights_of(nodes: list[Any]) -> int:
    """How many weights the operations of some nodes have."""
    operations = {id(node.operation): node.operation for node in nodes}
    return sum(
        math.prod(weight.shape)
        for operation in operations.values()
        for weight in getattr(operation, "weights", ())
    )
