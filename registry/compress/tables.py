"""Embedding tables in int8, int4 or float16: rows are looked up small, and made float32 after."""

from __future__ import annotations

import copy
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from registry.compress.editing import (
    add_buffer,
    add_tensor,
    assemble,
    drop_unused,
    opcode_of,
    operator_code,
    take_apart,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["shrink_tables"]

GATHER_VERSION = 5
DEQUANTIZE_VERSION = 6
CLIPS = np.linspace(1.0, 0.5, 11)
LEVELS = {"INT8": 127, "INT4": 7}


@dataclass(frozen=True)
class Table:
    """A table as it is stored.

    Attributes:
        data: its bytes.
        scale: one step of its integers; None for float16.
    """

    data: bytes
    scale: float | None


def shrink_tables(tflite: bytes, dtype: str, keep: Collection[str] = ()) -> bytes:
    """Store the constant float32 tables of GATHER operations in another dtype.

    A table has one scale. ai-edge-quantizer knows no GATHER that only looks up, and LiteRT runs one
    over int8, int4 and float16: the rows that it finds are then dequantized.

    Args:
        tflite: a float32 model.
        dtype: `INT8`, `INT4` or `FLOAT16`.
        keep: scopes of operations to leave as they are (`Operation.scope`).

    Returns:
        The same bytes where there is no table.
    """
    model = take_apart(tflite)
    stored: dict[int, tuple[int, float | None]] = {}
    for graph in model.subgraphs:
        inserted, tables = [], {}
        for operator in graph.operators:
            inserted.append(operator)
            table = table_of(model, graph, operator)
            if table is None or scope_of(graph, operator) in keep:
                continue
            if table.buffer not in stored:
                small = shrink(model.buffers[table.buffer].data, dtype)
                stored[int(table.buffer)] = add_buffer(model, small.data), small.scale
            place = int(operator.inputs[0])
            if place not in tables:
                tables[place] = add_small(graph, table, b"_small", stored[table.buffer], dtype)
            inserted.append(look_up(model, graph, operator, tables[place]))
        graph.operators = inserted
    return assemble(drop_unused(model)) if stored else tflite


def table_of(model: Any, graph: Any, operator: Any) -> Any | None:
    """The constant float32 tensor that an operation looks rows up in, if it does so."""
    from ai_edge_litert import schema_py_generated as schema

    if operator_code(model, operator) != schema.BuiltinOperator.GATHER:
        return None
    tensor, options = graph.tensors[operator.inputs[0]], operator.builtinOptions
    data = model.buffers[tensor.buffer].data
    by_rows = options is None or not (options.axis or options.batchDims)
    constant = data is not None and len(data) > 0
    return tensor if constant and by_rows and tensor.type == schema.TensorType.FLOAT32 else None


def scope_of(graph: Any, operator: Any) -> str:
    """As `Operation.scope`."""
    names = [(graph.tensors[place].name or b"").decode() for place in operator.outputs]
    return "".join(f"{name};" for name in names if name)


def shrink(data: NDArray[np.uint8], dtype: str) -> Table:
    """A float32 table in another dtype."""
    values = np.frombuffer(bytes(data), np.float32)
    if dtype == "FLOAT16":
        return Table(np.clip(values, -65504, 65504).astype(np.float16).tobytes(), None)
    scale = best_scale(values, LEVELS[dtype])
    whole = np.clip(np.round(values / scale), -LEVELS[dtype], LEVELS[dtype]).astype(np.int8)
    return Table(whole.tobytes() if dtype == "INT8" else pack_int4(whole).tobytes(), scale)


def best_scale(values: NDArray[np.float32], levels: int) -> float:
    """The step with the least squared error: clipping a few values can make all others finer."""
    largest = float(np.abs(values).max(initial=0.0)) or 1.0
    steps = [np.float32(largest * clip / levels) for clip in CLIPS]
    errors = [
        float(np.square(np.clip(np.round(values / s), -levels, levels) * s - values).sum())
        for s in steps
    ]
    return float(steps[int(np.argmin(errors))])


def pack_int4(whole: NDArray[np.int8]) -> NDArray[np.uint8]:
    """Two values a byte, the first in the low half."""
    halves = (np.append(whole, np.zeros(whole.size % 2, np.int8)) & 0xF).astype(np.uint8)
    return np.asarray(halves[0::2] | (halves[1::2] << 4), np.uint8)


def add_small(
    graph: Any, like: Any, suffix: bytes, stored: tuple[int, float | None], dtype: str
) -> int:
    """Put a tensor of another dtype beside a float32 one; its place in the subgraph.

    Args:
        graph: the subgraph.
        like: the float32 tensor.
        suffix: of the new one's name.
        stored: place of its buffer, and one step of its integers.
        dtype: its dtype.
    """
    from ai_edge_litert import schema_py_generated as schema

    tensor = copy.copy(like)
    tensor.name = (like.name or b"") + suffix
    tensor.type, tensor.buffer = getattr(schema.TensorType, dtype), stored[0]
    tensor.quantization = schema.QuantizationParametersT()
    if stored[1] is not None:
        tensor.quantization.scale, tensor.quantization.zeroPoint = [stored[1]], [0]
    return add_tensor(graph, tensor)


def look_up(model: Any, graph: Any, operator: Any, table: int) -> Any:
    """Let a GATHER look up a small table; returns the DEQUANTIZE that is to come behind it."""
    from ai_edge_litert import schema_py_generated as schema

    output, small = operator.outputs[0], graph.tensors[table]
    rows = copy.copy(graph.tensors[output])
    rows.name = (rows.name or b"") + b"_looked_up"
    rows.type, rows.quantization = small.type, small.quantization
    operator.inputs = [table, *operator.inputs[1:]]
    operator.outputs = [add_tensor(graph, rows)]
    opcode_of(model, schema.BuiltinOperator.GATHER, GATHER_VERSION)
    back = schema.OperatorT()
    back.opcodeIndex = opcode_of(model, schema.BuiltinOperator.DEQUANTIZE, DEQUANTIZE_VERSION)
    back.inputs, back.outputs = list(operator.outputs), [output]
    back.builtinOptionsType = schema.BuiltinOptions.DequantizeOptions
    back.builtinOptions = schema.DequantizeOptionsT()
    return back
