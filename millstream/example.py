"""A few rows as an application would send them: categories as strings, moments as texts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from ingest import Field, Rows, Schema

__all__ = ["raw_columns"]

UNKNOWN = "?"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def raw_columns(rows: Rows, schema: Schema) -> dict[str, list[Any]]:
    """The features of some rows, column by column, in the form of the records.

    A code cannot be turned back where it was hashed or stands for an unknown string; such values
    are shown as `?`. Without rows there is one made-up row of zeros and empty strings.
    """
    if len(rows) == 0:
        made_up = {f.name: np.zeros((1, *f.shape), f.numpy_dtype) for f in schema.features}
        return {f.name: _raw(f, made_up[f.name].tolist(), "") for f in schema.features}
    return {
        f.name: _raw(f, column.tolist(), UNKNOWN)
        for f, column in zip(schema.features, rows.features(schema).values(), strict=True)
    }


def _raw(field: Field, values: list[Any], unknown: str) -> list[Any]:
    if field.dtype == "category":
        known = (unknown, *field.vocabulary)
        return _each(values, lambda code: known[code] if code < len(known) else unknown)
    if field.dtype == "timestamp":
        return _each(values, _moment)
    return values


def _each(values: list[Any], change: Callable[[int], str | int]) -> list[Any]:
    """A list, or a list of lists, with each value changed."""
    return [_each(v, change) if isinstance(v, list) else change(v) for v in values]


def _moment(milliseconds: int) -> str | int:
    """As RFC 3339 writes it, where it can."""
    try:
        moment = EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return milliseconds
    return moment.isoformat(timespec="milliseconds")
