"""What is really inside exported bytes: operations, weights, their dtypes and zeros."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from registry.errors import LiteModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MULTIPLYING", "Weight", "describe_weights", "op_names", "tensor_dtypes", "weights"]

MULTIPLYING = frozenset(
    {"FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "BATCH_MATMUL"}
)
LOOKING_UP = frozenset({"GATHER", "EMBEDDING_LOOKUP"})
WEIGHT_INPUT = {"TRANSPOSE_CONV": 1, "GATHER": 0, "EMBEDDING_LOOKUP": 1}
NUMPY_DTYPES = {"FLOAT32": np.float32, "FLOAT16": np.float16, "INT8": np.int8}


@dataclass(frozen=True)
class Weight:
    """A constant tensor that an operation multiplies by, or looks rows up in.

    Attributes:
        name: name of the tensor.
        op: the operation that uses it, such as `FULLY_CONNECTED`.
        dtype: as in the file, such as `FLOAT32` or `INT8`.
        values: its values, flat; a view into the bytes that were read.
    """

    name: str
    op: str
    dtype: str
    values: NDArray[Any]

    @property
    def zeros(self) -> int:
        """How many of its values are exactly zero."""
        return int(self.values.size - np.count_nonzero(self.values))


def op_names(tflite: bytes) -> tuple[str, ...]:
    """Names of the operations in order of execution, such as `FULLY_CONNECTED`."""
    return tuple(op for op, _, _ in operators(read(tflite)))


def tensor_dtypes(tflite: bytes) -> dict[str, int]:
    """How many tensors the model has of each dtype, constants and activations alike."""
    names = enum_names("TensorType")
    model = read(tflite)
    return dict(
        Counter(
            names[graph.Tensors(i).Type()]
            for graph in graphs(model)
            for i in range(graph.TensorsLength())
        )
    )


def weights(tflite: bytes | bytearray) -> tuple[Weight, ...]:
    """The weights of dense, convolution and embedding layers, each buffer once.

    Over a bytearray the values are writable, and writing them changes the model in place.
    """
    model = read(tflite)
    names = enum_names("TensorType")
    found: dict[int, Weight] = {}
    for op, graph, operator in operators(model):
        if op not in MULTIPLYING | LOOKING_UP:
            continue
        place = WEIGHT_INPUT.get(op, 1)
        if operator.InputsLength() <= place:
            continue
        tensor = graph.Tensors(operator.Inputs(place))
        buffer, dtype = model.Buffers(tensor.Buffer()), names[tensor.Type()]
        if buffer.DataLength() and dtype in NUMPY_DTYPES:
            values = buffer.DataAsNumpy().view(NUMPY_DTYPES[dtype])
            found.setdefault(tensor.Buffer(), Weight(tensor.Name().decode(), op, dtype, values))
    return tuple(found.values())


def describe_weights(tflite: bytes) -> tuple[str, ...]:
    """What the bytes hold, one line each for dense and convolution layers and for embeddings."""
    every = weights(tflite)
    groups = {
        "dense and convolution weights": [w for w in every if w.op in MULTIPLYING],
        "embedding weights": [w for w in every if w.op in LOOKING_UP],
    }
    return tuple(
        f"{title}: {share_by_dtype(group)}, {sum(w.zeros for w in group):,} zeros"
        for title, group in groups.items()
        if group
    )


def share_by_dtype(group: list[Weight]) -> str:
    """Such as `2,048 int8, 32 float32`."""
    counts: Counter[str] = Counter()
    for weight in group:
        counts[weight.dtype.lower()] += weight.values.size
    return ", ".join(f"{count:,} {dtype}" for dtype, count in counts.most_common())


def read(tflite: bytes | bytearray) -> Any:
    """The root table of a flatbuffer.

    Raises:
        LiteModelError: the bytes are not a LiteRT model.
    """
    from ai_edge_litert import schema_py_generated as schema

    if bytes(tflite[4:8]) != b"TFL3":
        raise LiteModelError("these bytes are not a LiteRT model: the file identifier is not TFL3")
    return schema.Model.GetRootAs(tflite, 0)


def graphs(model: Any) -> Iterator[Any]:
    """The subgraphs of a model."""
    return (model.Subgraphs(i) for i in range(model.SubgraphsLength()))


def operators(model: Any) -> Iterator[tuple[str, Any, Any]]:
    """Every operation as (name, subgraph, operator)."""
    names = enum_names("BuiltinOperator")
    for graph in graphs(model):
        for i in range(graph.OperatorsLength()):
            operator = graph.Operators(i)
            code = model.OperatorCodes(operator.OpcodeIndex())
            number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
            custom = code.CustomCode()
            yield (custom.decode() if custom else names[number]), graph, operator


@cache
def enum_names(enum: str) -> dict[int, str]:
    """Number -> name of an enumeration of the flatbuffer's schema."""
    from ai_edge_litert import schema_py_generated as schema

    entries = vars(getattr(schema, enum)).items()
    return {number: name for name, number in entries if isinstance(number, int)}
