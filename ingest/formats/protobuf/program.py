"""A Protobuf message type as a flat program that `walk` runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.formats.binary.operations import OPERATIONS
from ingest.formats.protobuf.values import is_repeated

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Program = tuple[NDArray[np.int32], NDArray[np.int32]]

__all__ = ["KINDS", "compile_message"]

DOUBLE, FLOAT, BOOL, STRING, MESSAGE, BYTES, ENUM = 1, 2, 8, 9, 11, 12, 14
NAMES = {
    DOUBLE: "double",
    FLOAT: "float",
    BOOL: "boolean",
    STRING: "string",
    MESSAGE: "record",
    BYTES: "bytes",
    ENUM: "enum",
}
KINDS = {kind: OPERATIONS[NAMES.get(kind, "long")] for kind in range(1, 19)}
MOST_MESSAGES = 1000

Path = tuple[str, ...]


def compile_message(message: Any, slots: Mapping[Path, int]) -> Program | None:
    """Make the program of a message type.

    Args:
        message: the type's descriptor.
        slots: of the wanted values and of the messages around them, by path.

    Returns:
        Messages int32 [q, 2] and fields int32 [p, 6], as `walk.walk_messages` takes them.
        None for a type whose values its rules are too few for: of another syntax than proto3, of
        too many parts, or with something wanted of a oneof.
    """
    compiler = _Compiler(slots)
    if not compiler.fits(message):
        return None
    compiler.message(message, (), True)
    while compiler.pending:
        compiler.fill(*compiler.pending.pop())
    if compiler.failed:
        return None
    firsts = np.cumsum([0, *(len(rows) for rows in compiler.rows[:-1])])
    counts = [len(rows) for rows in compiler.rows]
    fields = [row for rows in compiler.rows for row in rows]
    return (
        np.column_stack([firsts, counts]).astype(np.int32),
        np.array(fields, np.int32).reshape(-1, 6),
    )


class _Compiler:
    def __init__(self, slots: Mapping[Path, int]) -> None:
        self._slots = slots
        self._shared: dict[str, int] = {}
        self.rows: list[list[Sequence[int]]] = []
        self.pending: list[tuple[int, Any, Path, bool]] = []
        self.failed = False

    def fits(self, message: Any) -> bool:
        """Whether the walk's rules are those of a message's file."""
        from google.protobuf import descriptor_pb2

        file = descriptor_pb2.FileDescriptorProto()
        message.file.CopyToProto(file)
        return file.syntax == "proto3" and len(self.rows) < MOST_MESSAGES

    def message(self, message: Any, path: Path, wanted: bool) -> int:
        """The place of a message; of one of which nothing is wanted there is only one."""
        name = message.full_name
        if not wanted and name in self._shared:
            return self._shared[name]
        if not self.fits(message):
            self.failed = True
            return -1
        place = len(self.rows)
        self.rows.append([])
        if not wanted:
            self._shared[name] = place
        self.pending.append((place, message, path, wanted))
        return place

    def fill(self, place: int, message: Any, path: Path, wanted: bool) -> None:
        """Describe the fields of a message."""
        for field in sorted(message.fields, key=attrgetter("number")):
            inside = (*path, field.name)
            here = wanted and any(one[: len(inside)] == inside for one in self._slots)
            around = field.containing_oneof
            if here and around is not None and len(around.fields) > 1:
                self.failed = True
                return
            listed, slot = is_repeated(field), self._slots.get(inside, -1) if here else -1
            inner = -1
            if field.type == MESSAGE:
                inner = self.message(field.message_type, inside, here and not listed)
            kind = OPERATIONS["array"] if listed else KINDS[field.type]
            row = (field.number, field.type, kind, slot, inner, int(listed))
            self.rows[place].append(row)
