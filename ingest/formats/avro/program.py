"""An Avro schema as a flat program that `walk` runs, and where it keeps the fields' values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.formats.avro.schema import AvroSchema, AvroSchemaError
from ingest.formats.binary.operations import OPERATIONS

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Program", "compile_program", "operation_of"]


@dataclass(frozen=True, eq=False)
class Program:
    """How to walk through the records of a schema.

    Attributes:
        nodes: int32 [p, 4]: operation, two arguments, slot or -1; the first is the record.
        children: int32 [c]: nodes that records, unions, arrays and maps name by place.
    """

    nodes: NDArray[np.int32]
    children: NDArray[np.int32]


@dataclass
class _Wanted:
    """What is wanted of a value: itself, in a slot, or some of its fields."""

    slot: int = -1
    fields: dict[str, _Wanted] = field(default_factory=dict)


def compile_program(schema: AvroSchema, paths: Sequence[tuple[str, ...]]) -> Program:
    """Make the program of a schema.

    Args:
        schema: of the records.
        paths: of the values that are wanted, each a slot: names of fields, of records in records.

    Raises:
        AvroSchemaError: the schema is nested too deep, or has a size that no bytes have.
    """
    wanted = _Wanted()
    for slot, path in enumerate(paths):
        place = wanted
        for name in path:
            place = place.fields.setdefault(name, _Wanted())
        place.slot = slot
    compiler = _Compiler(schema)
    try:
        compiler.node(schema.plain, wanted)
    except RecursionError as error:
        raise AvroSchemaError("its names lead too deep") from error
    return Program(
        nodes=np.array(compiler.nodes, np.int32).reshape(-1, 4),
        children=np.array(compiler.children, np.int32),
    )


def operation_of(kind: str) -> int:
    """The operation that reads a type, by its name in a schema."""
    return OPERATIONS["record" if kind == "error" else kind]


class _Compiler:
    def __init__(self, schema: AvroSchema) -> None:
        self._schema = schema
        self._shared: dict[str, int] = {}
        self.nodes: list[list[int]] = []
        self.children: list[int] = []

    def node(self, avro: Any, wanted: _Wanted | None) -> int:
        """The place of the node of a type; of one of which nothing is wanted there is only one."""
        avro = self._schema.resolved(avro)
        name = avro.get("name") if isinstance(avro, dict) else None
        if wanted is None and name in self._shared:
            return self._shared[name]
        place = len(self.nodes)
        self.nodes.append([])
        if wanted is None and name is not None:
            self._shared[name] = place
        kind = (
            "union" if isinstance(avro, list) else avro if isinstance(avro, str) else avro["type"]
        )
        operation = operation_of(kind)
        slot = -1 if wanted is None else wanted.slot
        self.nodes[place] = [operation, *self._arguments(kind, avro, wanted), slot]
        return place

    def _arguments(self, kind: str, avro: Any, wanted: _Wanted | None) -> tuple[int, int]:
        if kind == "fixed":
            if type(avro["size"]) is not int or not 0 <= avro["size"] < 2**31:
                raise AvroSchemaError(
                    f"a fixed has a size from 0 to 2147483647, not {avro['size']}"
                )
            return avro["size"], 0
        if kind == "enum":
            return len(avro["symbols"]), 0
        if kind in ("array", "map"):
            return self.node(avro["items" if kind == "array" else "values"], None), 0
        if kind == "union":
            return self._children([self.node(branch, wanted) for branch in avro])
        if kind in ("record", "error"):
            inner = {} if wanted is None else wanted.fields
            return self._children(
                [self.node(one["type"], inner.get(one["name"])) for one in avro["fields"]]
            )
        return 0, 0

    def _children(self, places: Sequence[int]) -> tuple[int, int]:
        first = len(self.children)
        self.children += places
        return first, len(places)
