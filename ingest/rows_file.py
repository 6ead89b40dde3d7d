"""Rows on disk: one Arrow IPC file that any Arrow reader can open."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ingest.errors import RowsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["read_rows_file", "write_rows_file"]

FORMAT = 1
KEY = b"millstream"


def write_rows_file(
    path: Path, topics: tuple[str, ...], arrays: Mapping[str, NDArray[np.generic]]
) -> None:
    """Write topics and arrays of one length, durably."""
    table = pa.table({name: pa.array(array) for name, array in arrays.items()})
    about = json.dumps({"format": FORMAT, "topics": list(topics)})
    table = table.replace_schema_metadata({KEY: about.encode()})
    unfinished = path.with_name(path.name + ".tmp")
    with unfinished.open("wb") as file:
        with pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_rows_file(path: Path) -> tuple[tuple[str, ...], dict[str, NDArray[Any]]]:
    """Read topics and arrays.

    Raises:
        RowsError: there is no such file, or it is damaged, or of another format.
    """
    try:
        with pa.OSFile(str(path), "rb") as file:
            table = pa.ipc.open_file(file).read_all()
        about = json.loads((table.schema.metadata or {}).get(KEY, b"{}"))
        arrays = {
            name: table[name].combine_chunks().to_numpy(zero_copy_only=False).copy()
            for name in table.column_names
        }
    except (OSError, pa.ArrowException, ValueError) as error:
        raise RowsError(f"{path}: expected a file of rows: {error}") from error
    if about.get("format") != FORMAT:
        raise RowsError(f"{path}: expected rows of format {FORMAT}, got {about.get('format')!r}")
    return tuple(about["topics"]), arrays
