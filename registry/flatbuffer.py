"""What is really inside exported bytes: operations, weights, their dtypes and zeros."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
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
NUMPY_DTYPES = {
    "FLOAT32": np.float32,
    "FLOAT16": np.float16,
    "INT8": np.int8,
    "INT4": np.uint8,
}


@dataclass(frozen=True)
class Weight:
    """A constant tensor that an operation multiplies by, or looks rows up in.

    Attributes:
        name: name of the tensor.
        op: the operation that uses it, such as `FULLY_CONNECTED`.
        dtype: as in the file, such as `FLOAT32` or `INT8`.
        values: its values, flat; a view into the bytes that were read, but int4 is unpacked.
        users: names of the first outputs of the operations that use it, in order of execution.
    """

    name: str
    op: str
    dtype: str
    values: NDArray[Any]
    users: tuple[str, ...] = ()

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

    A weight that is stored small and dequantized for its operation counts as it is stored. Over a
    bytearray the values are writable, and writing them changes the model in place.
    """
    model = read(tflite)
    names = enum_names("TensorType")
    stored = dequantized(model)
    found: dict[int, Weight] = {}
    users: dict[int, list[str]] = {}
    for op, graph, operator in operators(model):
        place = WEIGHT_INPUT.get(op, 1)
        if op not in MULTIPLYING | LOOKING_UP or operator.InputsLength() <= place:
            continue
        given = operator.Inputs(place)
        tensor = graph.Tensors(stored.get((graph._tab.Pos, given), given))
        number, dtype = tensor.Buffer(), names[tensor.Type()]
        buffer = model.Buffers(number)
        if not buffer.DataLength() or dtype not in NUMPY_DTYPES:
            continue
        users.setdefault(number, []).append(name_of(graph.Tensors(operator.Outputs(0))))
        if number not in found:
            values = buffer.DataAsNumpy().view(NUMPY_DTYPES[dtype])
            values = unpack_int4(values, elements(tensor)) if dtype == "INT4" else values
            found[number] = Weight(name_of(tensor), op, dtype, values)
    return tuple(replace(weight, users=tuple(users[number])) for number, weight in found.items())


def dequantized(model: Any) -> dict[tuple[int, int], int]:
    """(place of the subgraph, tensor) -> tensor that a DEQUANTIZE makes it from."""
    return {
        (graph._tab.Pos, operator.Outputs(0)): operator.Inputs(0)
        for op, graph, operator in operators(model)
        if op == "DEQUANTIZE"
    }


def unpack_int4(packed: NDArray[np.uint8], size: int) -> NDArray[np.int8]:
    """`size` values of -8 to 7 from bytes that hold two each, the low half first."""
    halves = np.stack([packed & 0xF, packed >> 4], axis=1).reshape(-1)[:size].astype(np.int8)
    return np.where(halves > 7, halves - 16, halves).astype(np.int8)


def elements(tensor: Any) -> int:
    """How many values a constant tensor has."""
    return int(np.prod([tensor.Shape(i) for i in range(tensor.ShapeLength())], dtype=np.int64))


def name_of(tensor: Any) -> str:
    """A tensor's name; empty where it has none."""
    return (tensor.Name() or b"").decode()


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
