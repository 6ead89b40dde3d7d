"""Names of operations to keep: as they are in one export, and with their place for another."""

from __future__ import annotations

import re

from registry.artifact import Tflite
from registry.errors import RungError
from registry.flatbuffer import weights
from registry.operations import Operation, operations

__all__ = ["kept_operations", "with_places"]

PLACED = re.compile(r"(.+)#(\d+)", re.DOTALL)


def with_places(float32: Tflite, names: tuple[str, ...]) -> tuple[str, ...]:
    """The names with the place of the first operation that each stands for, as `dense/MatMul#3`.

    Names come from Keras, which counts the models of a process; the places of another export of
    the same layers are the same.

    Raises:
        RungError: a name is that of no operation and no weight.
    """
    every = operations(float32)
    return tuple(f"{name}#{every.index(kept_operations(float32, (name,))[0])}" for name in names)


def kept_operations(float32: Tflite, names: tuple[str, ...]) -> tuple[Operation, ...]:
    """The operations that names stand for, in order of execution.

    Args:
        float32: the export.
        names: of an operation's outputs, or of a weight: of all operations that use it. One with a
            place, which is not known, stands for what is at this place.

    Raises:
        RungError: a name is that of no operation and no weight.
    """
    every = operations(float32)
    stored = {weight.name for weight in weights(float32)}
    wanted: set[str] = set()
    unknown = []
    for name in names:
        found = PLACED.fullmatch(name)
        plain, place = (found[1], int(found[2])) if found else (name, len(every))
        if any(plain in called(o) for o in every):
            wanted.add(plain)
        elif place < len(every):
            wanted |= stored & set(every[place].constants) or {every[place].scope}
        else:
            unknown.append(name)
    if unknown:
        raise RungError(f"keep: the model has no operation named {sorted(unknown)}")
    return tuple(o for o in every if wanted & called(o))


def called(operation: Operation) -> set[str]:
    """All names that an operation goes by."""
    return {operation.scope, *operation.names, *operation.constants}
