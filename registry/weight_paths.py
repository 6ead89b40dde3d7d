"""Which weights of a graph meet the rows as they are, so that a converter keeps their values."""

from __future__ import annotations

from typing import Any

__all__ = ["met_as_they_are"]

CARRIES = frozenset({"ExpandDims", "Identity", "ReadVariableOp", "Reshape", "Squeeze", "Transpose"})
"""Operations that leave values as they are, at most in another order."""
MEETS = frozenset(
    {
        "AddV2",
        "BatchMatMulV2",
        "BiasAdd",
        "Conv2D",
        "Conv2DBackpropInput",
        "Conv3D",
        "DepthwiseConv2dNative",
        "Einsum",
        "GatherV2",
        "MatMul",
        "Mul",
        "ResourceGather",
    }
)
"""Operations of rows and weights, with weights in LiteRT as they are here, or in another order."""
SHAPE_ONLY = frozenset({"OnesLike", "Rank", "Shape", "ShapeN", "Size", "ZerosLike"})
"""Operations that look at no value: a converter may do them in advance."""


def met_as_they_are(graph: Any, placeholders: frozenset[str]) -> frozenset[str]:
    """Of the captured tensors, those of which nothing is made before they meet the rows.

    What is made of weights alone, such as their absolute values, a converter makes in advance. It
    may look like the weights for as long as they are all above zero, and no longer.

    Args:
        graph: TensorFlow's, of a function.
        placeholders: the names of the tensors that it captures.

    Returns:
        Their names. Those that go into a loop or another function, or an operation that is not
        known here, are not among them.
    """
    constant: set[str] = set(placeholders)
    made: set[str] = set()
    carried = {name: frozenset({name}) for name in placeholders}
    for operation in graph.get_operations():
        names = [tensor.name for tensor in operation.inputs]
        held = frozenset().union(*(carried.get(name, ()) for name in names))
        outputs = [tensor.name for tensor in operation.outputs]
        known = all(name in constant for name in names)
        if is_constant(operation, known):
            constant.update(outputs)
        if known and operation.type in CARRIES:
            carried |= dict.fromkeys(outputs, held)
        elif known or operation.type not in MEETS:
            made |= held
    return placeholders - made


def is_constant(operation: Any, known: bool) -> bool:
    """Whether what comes of an operation is known before there is a row, as its inputs are."""
    if not operation.inputs:
        return bool(operation.type == "Const")
    return known or operation.type in SHAPE_ONLY
