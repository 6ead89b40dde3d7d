"""Flatbuffers taken apart into objects, changed, and put together again."""

from __future__ import annotations

from typing import Any

from registry.errors import RungError
from registry.flatbuffer import read

__all__ = [
    "add_buffer",
    "add_tensor",
    "assemble",
    "drop_unused",
    "opcode_of",
    "operator_code",
    "take_apart",
]


def take_apart(tflite: bytes) -> Any:
    """A model as the objects of its schema, all of them free to change.

    Raises:
        LiteModelError: the bytes are not a LiteRT model.
        RungError: they are damaged.
    """
    from ai_edge_litert.tools import flatbuffer_utils

    read(tflite)
    try:
        return flatbuffer_utils.read_model_from_bytearray(bytearray(tflite))
    except Exception as e:  # whatever a parser meets in damaged bytes
        raise RungError(f"these bytes cannot be taken apart: {type(e).__name__}: {e}") from e


def assemble(model: Any) -> bytes:
    """The bytes of a model that was taken apart; equal objects give equal bytes."""
    from ai_edge_litert.tools import flatbuffer_utils

    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def operator_code(model: Any, operator: Any) -> int:
    """Number of an operation's kind."""
    code = model.operatorCodes[operator.opcodeIndex]
    return max(int(code.builtinCode), int(code.deprecatedBuiltinCode))


def opcode_of(model: Any, number: int, version: int) -> int:
    """Place of a kind of operation in the model's list, where it is put if it is not there."""
    from ai_edge_litert import schema_py_generated as schema

    for place, code in enumerate(model.operatorCodes):
        if max(int(code.builtinCode), int(code.deprecatedBuiltinCode)) == number:
            code.version = max(int(code.version), version)
            return place
    code = schema.OperatorCodeT()
    code.builtinCode, code.deprecatedBuiltinCode = number, min(number, 127)
    code.version = version
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def add_buffer(model: Any, data: bytes) -> int:
    """Put constant data into the model; its place among the buffers."""
    import numpy as np
    from ai_edge_litert import schema_py_generated as schema

    buffer = schema.BufferT()
    buffer.data = np.frombuffer(data, np.uint8)
    model.buffers.append(buffer)
    return len(model.buffers) - 1


def add_tensor(graph: Any, tensor: Any) -> int:
    """Put a tensor into a subgraph; its place there."""
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def drop_unused(model: Any) -> Any:
    """Take out of a model the tensors and the buffers that nothing refers to; the same model."""
    for place, graph in enumerate(model.subgraphs):
        signatures = [s for s in model.signatureDefs or () if s.subgraphIndex == place]
        drop_tensors(graph, [t for s in signatures for t in (*s.inputs, *s.outputs)])
    every = [tensor for graph in model.subgraphs for tensor in graph.tensors]
    holders = [*every, *(model.metadata or ())]
    kept = sorted({0, *(int(holder.buffer) for holder in holders)})
    places = {old: new for new, old in enumerate(kept)}
    model.buffers = [model.buffers[old] for old in kept]
    for holder in holders:
        holder.buffer = places[int(holder.buffer)]
    return model


def drop_tensors(graph: Any, named: list[Any]) -> None:
    """Take unused tensors out of a subgraph; `named` are its signatures' references."""
    lists = [(graph, "inputs"), (graph, "outputs")]
    for operator in graph.operators:
        lists += [(operator, "inputs"), (operator, "outputs"), (operator, "intermediates")]
    lists = [(owner, field) for owner, field in lists if getattr(owner, field) is not None]
    used = {int(t) for owner, field in lists for t in getattr(owner, field)}
    kept = sorted((used | {int(entry.tensorIndex) for entry in named}) - {-1})
    places = {-1: -1} | {old: new for new, old in enumerate(kept)}
    for owner, field in lists:
        setattr(owner, field, [places[int(t)] for t in getattr(owner, field)])
    for entry in named:
        entry.tensorIndex = places[int(entry.tensorIndex)]
    graph.tensors = [graph.tensors[old] for old in kept]
