"""Rows on disk: one Arrow IPC file that any Arrow reader can open."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ingest.durable import replacing
from ingest.errors import RowsError
from ingest.ragged import Column, Ragged

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["from_arrow", "read_rows_file", "to_arrow", "write_rows_file"]

FORMAT = 1
KEY = b"millstream"
IDENTITY = ("identity.topic", "identity.partition", "identity.offset", "identity.timestamp")


def write_rows_file(path: Path, topics: tuple[str, ...], arrays: Mapping[str, Column]) -> None:
    """Write topics and arrays of one length, durably."""
    table = pa.table({name: to_arrow(array) for name, array in arrays.items()})
    about = json.dumps({"format": FORMAT, "topics": list(topics)})
    table = table.replace_schema_metadata({KEY: about.encode()})
    with replacing(path) as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)


def read_rows_file(
    path: Path, *, mapped: bool = False
) -> tuple[tuple[str, ...], dict[str, Column]]:
    """Read topics and arrays.

    Args:
        path: of the file.
        mapped: leave the arrays in the file, where they are read when they are looked at; they
            cannot be written to, and the file must stay as it is, though it may be deleted. Only
            bools take memory, as the file has 8 of them in a byte.

    Raises:
        RowsError: there is no such file, or it is damaged, or of another format.
    """
    try:
        with (pa.memory_map if mapped else pa.OSFile)(str(path), "rb") as file:
            table = pa.ipc.open_file(file).read_all()
        about = json.loads((table.schema.metadata or {}).get(KEY, b"{}"))
        arrays = {name: from_arrow(_whole(table[name]), not mapped) for name in table.column_names}
    except (OSError, pa.ArrowException, ValueError) as error:
        raise RowsError(f"{path}: expected a file of rows: {error}") from error
    found = about.get("format") if isinstance(about, dict) else about
    if found != FORMAT:
        raise RowsError(f"{path}: expected rows of format {FORMAT}, got {found!r}")
    missing = [name for name in IDENTITY if name not in arrays]
    if missing or not isinstance(about.get("topics"), list):
        raise RowsError(f"{path}: expected topics, and columns {', '.join(IDENTITY)}")
    return tuple(about["topics"]), arrays


def to_arrow(column: Column) -> pa.Array:
    """A column as an Arrow array: plain, fixed-size lists, large lists, or large binaries."""
    if isinstance(column, Ragged):
        if column.dtype == np.uint8:
            buffers = [None, pa.py_buffer(column.splits), pa.py_buffer(column.values)]
            return pa.Array.from_buffers(pa.large_binary(), len(column), buffers)
        return pa.LargeListArray.from_arrays(pa.array(column.splits), pa.array(column.values))
    if column.ndim == 2:
        return pa.FixedSizeListArray.from_arrays(pa.array(column.ravel()), column.shape[1])
    return pa.array(column)


def from_arrow(array: pa.Array, copy: bool = True) -> Column:
    """The inverse of `to_arrow`; without a copy, arrays are views where they can be."""
    if pa.types.is_large_binary(array.type):
        _, splits, values = array.buffers()
        ends = np.frombuffer(splits, np.int64)[array.offset : array.offset + len(array) + 1]
        whole = np.frombuffer(values or b"", np.uint8)[ends[0] : ends[-1]]
        return Ragged(whole.copy() if copy else whole, _splits(ends, copy))
    if pa.types.is_large_list(array.type):
        return Ragged(_values(array.flatten(), copy), _splits(array.offsets.to_numpy(), copy))
    if pa.types.is_fixed_size_list(array.type):
        return _values(array.flatten(), copy).reshape(len(array), array.type.list_size)
    return _values(array, copy)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    # Arrow copies even a single chunk when it combines chunks.
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _splits(ends: NDArray[np.int64], copy: bool) -> NDArray[np.int64]:
    return ends - ends[0] if copy or ends[0] != 0 else ends


def _values(array: pa.Array, copy: bool) -> NDArray[Any]:
    values: NDArray[Any] = array.to_numpy(zero_copy_only=False)
    return values.copy() if copy else values
