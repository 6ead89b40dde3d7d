"""Embedding tables in int8, int4 or float16: rows are looked up small, and made float32 after."""

from __future__ import annotations

import copy
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

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
from registry.compress.small_numbers import SmallNumbers, shrink

__all__ = ["STEPS", "shrink_tables"]

GATHER_VERSION = 5
DEQUANTIZE_VERSION = 6
STEPS = "_steps"
"""End of the name of a tensor with one step a row of an int4 table."""


def shrink_tables(tflite: bytes, dtype: str, keep: Collection[str] = ()) -> bytes:
    """Store the constant float32 tables of GATHER operations in another dtype.

    ai-edge-quantizer knows no GATHER that only looks up, and LiteRT runs one over int8, int4 and
    float16: the rows that it finds are then dequantized.

    Args:
        tflite: a float32 model.
        dtype: `INT8`, `INT4` or `FLOAT16`.
        keep: scopes of operations to leave as they are (`Operation.scope`).

    Returns:
        The same bytes where there is no table.
    """
    model = take_apart(tflite)
    stored: dict[int, Stored] = {}
    for graph in model.subgraphs:
        operators, tables = [], {}
        for operator in graph.operators:
            operators.append(operator)
            table = table_of(model, graph, operator)
            if table is None or scope_of(graph, operator) in keep:
                continue
            if table.buffer not in stored:
                stored[int(table.buffer)] = store(model, table, dtype)
            place = int(operator.inputs[0])
            if place not in tables:
                tables[place] = add_small(graph, table, stored[table.buffer])
            operators += look_up(model, graph, operator, *tables[place])
        graph.operators = operators
    return assemble(drop_unused(model)) if stored else tflite


def table_of(model: Any, graph: Any, operator: Any) -> Any | None:
    """The constant float32 table that an operation looks rows up in, if it does so."""
    from ai_edge_litert import schema_py_generated as schema

    if operator_code(model, operator) != schema.BuiltinOperator.GATHER:
        return None
    tensor, options = graph.tensors[operator.inputs[0]], operator.builtinOptions
    data = model.buffers[tensor.buffer].data
    by_rows = options is None or not (options.axis or options.batchDims)
    constant = data is not None and len(data) > 0
    exact = tensor.type == schema.TensorType.FLOAT32 and not is_steps(tensor)
    return tensor if constant and by_rows and exact else None


def is_steps(tensor: Any) -> bool:
    """Whether a tensor has the steps of an int4 table, which are never made small themselves."""
    return bytes(tensor.name or b"").endswith(STEPS.encode())


def scope_of(graph: Any, operator: Any) -> str:
    """As `Operation.scope`."""
    names = [(graph.tensors[place].name or b"").decode() for place in operator.outputs]
    return "".join(f"{name};" for name in names if name)


@dataclass(frozen=True)
class Stored:
    """A table in the model's buffers.

    Attributes:
        dtype: of its small numbers.
        small: them.
        buffer: place of theirs.
        steps: place of that of its rows' steps, or None.
    """

    dtype: str
    small: SmallNumbers
    buffer: int
    steps: int | None


def store(model: Any, table: Any, dtype: str) -> Stored:
    """Put a table's small numbers into the model's buffers.

    Int4 is only for rows of an even width: where a row begins in the middle of a byte, LiteRT 2.3
    looks up other numbers without a word.
    """
    values = np.frombuffer(bytes(model.buffers[table.buffer].data), np.float32)
    values = values.reshape(table.shape)
    if dtype == "INT4" and np.prod(values.shape[1:], dtype=np.int64) % 2:
        dtype = "INT8"
    small = shrink(values, dtype)
    steps = None if small.steps is None else add_buffer(model, small.steps.tobytes())
    return Stored(dtype, small, add_buffer(model, small.data), steps)


def add_small(graph: Any, table: Any, stored: Stored) -> tuple[int, int | None]:
    """Put a stored table into a subgraph: places of its tensor, and of its steps' if it has them.

    Args:
        graph: the subgraph.
        table: the float32 tensor.
        stored: what it became.
    """
    from ai_edge_litert import schema_py_generated as schema

    tensor = renamed(table, b"_small")
    tensor.type, tensor.buffer = getattr(schema.TensorType, stored.dtype), stored.buffer
    tensor.quantization = schema.QuantizationParametersT()
    if stored.small.scale is not None:
        tensor.quantization.scale, tensor.quantization.zeroPoint = [stored.small.scale], [0]
    place = add_tensor(graph, tensor)
    if stored.steps is None:
        return place, None
    steps = renamed(table, STEPS.encode())
    steps.buffer, steps.shape = stored.steps, [int(table.shape[0]), 1]
    return place, add_tensor(graph, steps)


def renamed(tensor: Any, end: bytes) -> Any:
    """A copy of a tensor with something at the end of its name, which is to be the only one."""
    copied = copy.copy(tensor)
    copied.name = (tensor.name or b"") + end
    return copied


def look_up(model: Any, graph: Any, operator: Any, table: int, steps: int | None) -> list[Any]:
    """Let a GATHER look up a small table; returns the operations that are to come behind it."""
    from ai_edge_litert import schema_py_generated as schema

    output, small = operator.outputs[0], graph.tensors[table]
    rows = renamed(graph.tensors[output], b"_looked_up")
    rows.type, rows.quantization = small.type, small.quantization
    operator.inputs = [table, *operator.inputs[1:]]
    operator.outputs = [add_tensor(graph, rows)]
    opcode_of(model, schema.BuiltinOperator.GATHER, GATHER_VERSION)
    back = schema.OperatorT()
    back.opcodeIndex = opcode_of(model, schema.BuiltinOperator.DEQUANTIZE, DEQUANTIZE_VERSION)
    back.inputs, back.outputs = list(operator.outputs), [output]
    back.builtinOptionsType = schema.BuiltinOptions.DequantizeOptions
    back.builtinOptions = schema.DequantizeOptionsT()
    return [back] if steps is None else [back, *multiply(model, graph, operator, back, steps)]


def multiply(model: Any, graph: Any, operator: Any, back: Any, steps: int) -> list[Any]:
    """Look up the rows' steps, and multiply what was dequantized by them: both operations."""
    from ai_edge_litert import schema_py_generated as schema

    output = back.outputs[0]
    found = renamed(graph.tensors[output], b"_rows_steps")
    found.shape = [*found.shape[:-1], 1]
    if found.shapeSignature is not None:
        found.shapeSignature = [*found.shapeSignature[:-1], 1]
    look = copy.copy(operator)
    look.inputs = [steps, *operator.inputs[1:]]
    look.outputs = [add_tensor(graph, found)]
    back.outputs = [add_tensor(graph, renamed(graph.tensors[output], b"_in_steps"))]
    times = schema.OperatorT()
    times.opcodeIndex = opcode_of(model, schema.BuiltinOperator.MUL, 1)
    times.inputs, times.outputs = [*back.outputs, *look.outputs], [output]
    times.builtinOptionsType = schema.BuiltinOptions.MulOptions
    times.builtinOptions = schema.MulOptionsT()
    return [look, times]
