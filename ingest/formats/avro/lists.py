"""The elements of Avro arrays in one piece, as writers leave them."""

from __future__ import annotations

import numpy as np

from ingest.compiled import Bytes, Longs, entry, fingerprint
from ingest.formats.binary.operations import OPERATIONS
from ingest.formats.binary.wire_bytes import read_bits, read_zigzag

__all__ = ["read_array"]

BOOL, FLOAT, DOUBLE = (OPERATIONS[name] for name in ("boolean", "float", "double"))
SOURCES = fingerprint(__file__, "encoding.py", "../binary/operations.py", "../binary/wire_bytes.py")


def read_array(buffer: Bytes, start: Longs, splits: Longs, item: int) -> Longs:
    """The elements of arrays that `walk` has found sound; a `noted.Read`."""
    raw = np.empty(int(splits[-1]), np.int64)
    _read(buffer, start, splits, item, raw)
    return raw


@entry(SOURCES)
def _read(buffer: Bytes, start: Longs, splits: Longs, item: int, raw: Longs) -> None:
    for row in range(len(splits) - 1):
        at = start[row]
        for place in range(splits[row], splits[row + 1]):
            if item == BOOL:
                raw[place] = buffer[at]
                at += 1
            elif item == FLOAT or item == DOUBLE:  # noqa: SIM109 - numba
                raw[place] = read_bits(buffer, at)
                at += 4
                if item == DOUBLE:
                    raw[place] |= read_bits(buffer, at) << np.int64(32)
                    at += 4
            else:
                raw[place], _, at = read_zigzag(buffer, at, len(buffer))
