"""The layout of a packed struct: a numpy dtype, or the list that describes one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ingest.errors import SchemaError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ingest.records import RecordBatch

__all__ = ["Layout", "packed_dtype", "structs_of"]

Layout: TypeAlias = "np.dtype[Any] | Sequence[Sequence[Any]]"

TYPE = re.compile(r"[<>|]?(?:b1|\?|[iu][1248]|f[248]|[SV][1-9]\d{0,6}|M8\[(?:s|ms|us|ns)\])")
KNOWN = (
    "? (a byte, 0 or 1), i1 to i8, u1 to u8, f2 to f8, S<n> (text), V<n> (bytes),"
    " M8[s], M8[ms], M8[us], M8[ns]; > before it for big-endian"
)


def packed_dtype(layout: Layout) -> np.dtype[Any]:
    """The dtype of a layout.

    Args:
        layout: a structured dtype, or a list of [name, type] or [name, type, shape]; numbers are
            little-endian unless their type begins with `>`, and nothing lies between members.

    Returns:
        Structured, without padding that the layout does not have, booleans as u1.

    Raises:
        SchemaError: it is no such layout.
    """
    if isinstance(layout, np.dtype):
        return _checked(layout)
    members = []
    for member in layout:
        if isinstance(member, str) or len(member) not in (2, 3):
            raise _error(f"expected [name, type] or [name, type, shape], got {member!r}")
        name, kind, *shape = member
        if not isinstance(name, str) or not name:
            raise _error(f"expected a name, got {name!r}")
        if not isinstance(kind, str) or TYPE.fullmatch(kind) is None:
            raise _error(f"{name}: expected a type of {KNOWN}; got {kind!r}")
        marked = kind if kind[0] in "<>|" else f"<{kind}"
        members.append((name, marked.replace("b1", "u1").replace("?", "u1"), _shape(name, shape)))
    names = [name for name, _, _ in members]
    twice = [name for name in names if names.count(name) > 1]
    if twice or not names:
        raise _error(f"{twice[0]} is there twice" if twice else "it has no members")
    try:
        return _checked(np.dtype(members))
    except (ValueError, OverflowError, MemoryError) as error:
        raise _error(f"no such struct: {error}") from error


def structs_of(
    batch: RecordBatch, rows: NDArray[np.int64], dtype: np.dtype[Any]
) -> NDArray[np.void]:
    """Values of a batch as structs, without a copy where they lie at a constant stride.

    Args:
        batch: of records.
        rows: int64[n], indices of records whose value has exactly the struct's size.
        dtype: of the struct.

    Returns:
        [n], read-only.
    """
    start = batch.value_start[rows]
    if len(start) and batch.buffer.flags.c_contiguous:
        step = int(start[1] - start[0]) if len(start) > 1 else dtype.itemsize
        if (np.diff(start) == step).all():
            # numpy refuses strides that leave the buffer.
            return np.ndarray(
                (len(start),), dtype, batch.buffer, offset=int(start[0]), strides=(step,)
            )
    from ingest.formats.gather import gather_spans  # numba is slow to import

    return gather_spans(batch.buffer, start, batch.value_length[rows]).values.view(dtype)


def _shape(name: str, shape: Sequence[Any]) -> tuple[int, ...]:
    if not shape:
        return ()
    sizes = tuple(shape[0]) if isinstance(shape[0], (list, tuple)) else (shape[0],)
    if not sizes or not all(isinstance(size, int) and 0 < size < 2**24 for size in sizes):
        raise _error(f"{name}: expected a shape from 1 up, got {shape[0]!r}")
    return sizes


def _checked(dtype: np.dtype[Any]) -> np.dtype[Any]:
    if dtype.names is None or dtype.fields is None:
        raise _error(f"expected a structured dtype, got {dtype}")
    formats = []
    for name in dtype.names:
        member = dtype.fields[name][0]
        base, shape = member.subdtype or (member, ())
        if TYPE.fullmatch(base.str) is None or base.names is not None:
            raise _error(f"{name}: expected a type of {KNOWN}; got {base}")
        plain = np.dtype(np.uint8) if base.kind == "b" else base
        formats.append(np.dtype((plain, shape)))
    spec: Any = {
        "names": list(dtype.names),
        "formats": formats,
        "offsets": [dtype.fields[name][1] for name in dtype.names],
        "itemsize": dtype.itemsize,
    }
    made: np.dtype[Any] = np.dtype(spec)
    return made


def _error(text: str) -> SchemaError:
    return SchemaError(f"format.fields: {text}")
