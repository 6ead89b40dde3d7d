"""The values that `walk` noted, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.field import Field
from ingest.formats.binary.noted import Noted
from ingest.formats.binary.noted_columns import FieldPlan, column_of
from ingest.formats.binary.operations import ABSENT, ODD, OPERATIONS
from ingest.formats.protobuf.program import KINDS, compile_message
from ingest.formats.protobuf.values import ENUM, MESSAGE, TIMESTAMP, WRAPPERS, is_repeated
from ingest.ragged import Column

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Walked = tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]

__all__ = ["plan_message"]

ARRAY, RECORD, LONG = OPERATIONS["array"], OPERATIONS["record"], OPERATIONS["long"]
SECONDS_LIMIT = 2**52

Path = tuple[str, ...]


@dataclass(frozen=True)
class _Leaf:
    """Where a field's value is: its descriptor, its path, and whether it is a Timestamp."""

    field: Field
    descriptor: Any
    path: Path
    is_moment: bool


class MessageColumns:
    """Columns of messages of one type, by walking through them; see `plan_message`."""

    def __init__(
        self, leaves: Sequence[_Leaf | Field], slots: dict[Path, int], program: Any
    ) -> None:
        self._leaves = leaves
        self._slots = slots
        self._program = program

    def decode(
        self, buffer: NDArray[np.uint8], start: NDArray[np.int64], length: NDArray[np.int64]
    ) -> tuple[dict[str, Column], NDArray[np.bool_]]:
        """A column per field, and bool[n]: which messages are good beyond doubt."""
        from ingest.formats.protobuf.walk import walk_messages  # numba is slow to import

        kinds, values, lengths, fine = walk_messages(
            buffer, (start, length), self._program, len(self._slots)
        )
        columns: dict[str, Column] = {}
        for leaf in self._leaves:
            if isinstance(leaf, Field):
                nothing = np.full(len(start), ABSENT, np.uint8)
                zeros = np.zeros(len(start), np.int64)
                made = column_of(
                    FieldPlan(leaf, {}), Noted(buffer, nothing, zeros, zeros), _no_elements
                )
                field = leaf
            else:
                field = leaf.field
                made = self._column(leaf, buffer, (kinds, values, lengths))
            columns[field.name] = made[0]
            fine &= made[1]
        return columns, fine

    def _column(
        self, leaf: _Leaf, buffer: NDArray[np.uint8], walked: Walked
    ) -> tuple[Column, NDArray[np.bool_]]:
        field, listed = leaf.field, is_repeated(leaf.descriptor)
        if leaf.is_moment:
            return column_of(
                FieldPlan(field, {LONG: None}), self._moments(leaf, buffer, walked), _no_elements
            )
        kind, slot = KINDS[leaf.descriptor.type], self._slots[leaf.path]
        kinds, values, lengths = (part[slot] for part in walked)
        if listed or not leaf.descriptor.has_presence:
            zero = (kinds == ABSENT) & self._around(leaf.path, walked[0])
            kinds = np.where(zero, ARRAY if listed else kind, kinds)
        noted = Noted(buffer, kinds, values, lengths)
        if listed:
            return _list(leaf, kind, noted)
        symbols: tuple[str, ...] = ()
        if leaf.descriptor.type == ENUM:
            noted, symbols = _named(leaf, noted)
            kind = kind if symbols else LONG
        return column_of(FieldPlan(field, {kind: None}, symbols), noted, _no_elements)

    def _moments(self, leaf: _Leaf, buffer: NDArray[np.uint8], walked: Walked) -> Noted:
        kinds, values, lengths = walked
        seconds = values[self._slots[(*leaf.path, "seconds")]]
        nanos = values[self._slots[(*leaf.path, "nanos")]]
        there = self._around((*leaf.path, "seconds"), kinds)
        small = (seconds > -SECONDS_LIMIT) & (seconds < SECONDS_LIMIT)
        milliseconds = np.where(small, seconds, 0) * 1000 + nanos // 1_000_000
        found = np.where(there, np.where(small, LONG, ODD), ABSENT).astype(np.uint8)
        return Noted(buffer, found, milliseconds, lengths[0])

    def _around(self, path: Path, kinds: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Whether all messages around a value are there."""
        there = np.ones(kinds.shape[1], np.bool_)
        for depth in range(1, len(path)):
            there &= kinds[self._slots[path[:depth]]] == RECORD
        return there


def plan_message(fields: Sequence[Field], message: Any) -> MessageColumns | None:
    """How messages of a type become columns at once; None where that is left to protobuf."""
    leaves: list[_Leaf | Field] = []
    slots: dict[Path, int] = {}
    for field in fields:
        leaf = _leaf(field, message)
        if leaf is None:
            return None
        leaves.append(leaf)
        if isinstance(leaf, _Leaf):
            ends = (
                [(*leaf.path, n) for n in ("seconds", "nanos")] if leaf.is_moment else [leaf.path]
            )
            for path in ends:
                for depth in range(1, len(path) + 1):
                    slots.setdefault(path[:depth], len(slots))
    program = compile_message(message, slots)
    return None if program is None else MessageColumns(leaves, slots, program)


def _leaf(field: Field, message: Any) -> _Leaf | Field | None:
    """Where a field's value is; the field if the message has none such; None if it is too odd."""
    path: Path = tuple(field.name.split("."))
    for depth, name in enumerate(path):
        found = message.fields_by_name.get(name)
        if found is None:
            return field
        if depth < len(path) - 1:
            if found.type != MESSAGE or is_repeated(found):
                return field
            message = found.message_type
    if is_repeated(found) and field.dtype == "category":
        return None
    if found.type != MESSAGE:
        return _Leaf(field, found, path, False)
    if is_repeated(found):
        return None
    if found.message_type.full_name == TIMESTAMP and field.dtype == "timestamp":
        return None if field.length else _Leaf(field, found, path, True)
    if found.message_type.full_name in WRAPPERS:
        return _Leaf(field, found.message_type.fields_by_name["value"], (*path, "value"), False)
    return None


def _list(leaf: _Leaf, kind: int, noted: Noted) -> tuple[Column, NDArray[np.bool_]]:
    logical: dict[int, str | None] = {ARRAY: None} if leaf.field.length else {}
    read = partial(_elements, leaf.descriptor.type)
    return column_of(FieldPlan(leaf.field, logical, item=kind), noted, read)


def _elements(kind: int, buffer: Any, start: Any, splits: Any, _item: int) -> NDArray[np.int64]:
    """The elements of lists of a type; a `noted.Read` when the type is given."""
    from ingest.formats.protobuf.walk import read_packed  # numba is slow to import

    return read_packed(buffer, start, splits, kind)


def _no_elements(*_: Any) -> NDArray[np.int64]:
    """What reads the lists of fields that have none; a `noted.Read`."""
    return np.empty(0, np.int64)


def _named(leaf: _Leaf, noted: Noted) -> tuple[Noted, tuple[str, ...]]:
    """An enum's values as places among its names, if the field asks for names."""
    if leaf.field.dtype not in ("category", "string"):
        found = np.where(noted.kinds == OPERATIONS["enum"], LONG, noted.kinds).astype(np.uint8)
        return Noted(noted.buffer, found, noted.values, noted.lengths), ()
    names = sorted((n, one.name) for n, one in leaf.descriptor.enum_type.values_by_number.items())
    numbers = np.array([number for number, _ in names], np.int64)
    places = np.minimum(np.searchsorted(numbers, noted.values), len(numbers) - 1)
    unnamed = (noted.kinds != ABSENT) & (numbers[places] != noted.values)
    kinds = np.where(unnamed, ODD, noted.kinds).astype(np.uint8)
    return Noted(noted.buffer, kinds, places, noted.lengths), tuple(name for _, name in names)
