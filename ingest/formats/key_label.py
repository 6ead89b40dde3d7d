"""The label of a record whose value is one piece of raw bytes: the text of its key."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.field import Field
from ingest.formats.assembly import NULL
from ingest.formats.values import BadValueError, check_value, place_of
from ingest.formats.whole_columns import cast
from ingest.records import RecordBatch

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["labels_of"]

BOOLS = {"true": True, "1": True, "false": False, "0": False}
WHOLE = re.compile(r"-?[0-9]{1,19}")
NUMBER = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?")


def _label_of(field: Field, key: bytes | None) -> Any:
    """The value of a label, from a key: see `RawDecoder` for the rules.

    Raises:
        BadValueError: there is no key, or it is no such label.
    """
    if key is None:
        reason = f'field "{field.name}": the record has no key to be its label ({place_of(field)})'
        raise BadValueError("missing_field", reason)
    try:
        text = key.decode()
    except UnicodeDecodeError:
        return check_value(field, key)
    if field.dtype == "bool":
        return check_value(field, BOOLS.get(text, text))
    if WHOLE.fullmatch(text) and field.dtype != "category":
        return check_value(field, int(text))
    if NUMBER.fullmatch(text) and field.dtype in ("float32", "float64"):
        return check_value(field, float(text))
    return check_value(field, text)


def labels_of(
    field: Field, batch: RecordBatch, rows: NDArray[np.int64]
) -> tuple[NDArray[Any], dict[int, BadValueError]]:
    """The labels of many records; every distinct key is read once.

    Args:
        field: the label.
        batch: of records.
        rows: int64[r], indices.

    Returns:
        [r] labels in the field's dtype, 0 where there is none, and what is wrong with these, by
        their place in `rows`.
    """
    import pyarrow as pa

    from ingest.formats.gather import gather_spans  # numba is slow to import

    length = batch.key_length[rows]
    keys = gather_spans(batch.buffer, batch.key_start[rows], np.maximum(length, 0))
    buffers = [None, pa.py_buffer(keys.splits), pa.py_buffer(keys.values)]
    encoded = pa.Array.from_buffers(pa.large_binary(), len(rows), buffers).dictionary_encode()
    words: list[bytes | None] = [*encoded.dictionary.to_pylist(), None]
    places = np.where(length == NULL, len(words) - 1, encoded.indices.to_numpy())
    found = np.zeros(len(words), np.float64 if field.numpy_dtype.kind == "f" else field.numpy_dtype)
    wrong: dict[int, BadValueError] = {}
    for place, word in enumerate(words):
        try:
            found[place] = _label_of(field, word)
        except BadValueError as error:
            wrong[place] = error
    bad = np.flatnonzero(np.isin(places, list(wrong))) if wrong else np.empty(0, np.int64)
    return cast(field, found)[places], {int(at): wrong[int(places[at])] for at in bad}
