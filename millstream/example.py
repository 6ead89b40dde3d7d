"""A few rows as an application would send them: categories as strings, not as codes."""

from __future__ import annotations

from typing import Any

from ingest import Field, Rows, Schema

__all__ = ["raw_columns"]

UNKNOWN = "?"


def raw_columns(rows: Rows, schema: Schema) -> dict[str, list[Any]]:
    """The features of some rows, column by column, in the form of the records.

    A code cannot be turned back where it was hashed or stands for an unknown string; such values
    are shown as `?`. Without rows there is one made-up row of zeros and empty strings.
    """
    if len(rows) == 0:
        return {
            f.name: ["" if f.dtype == "category" else f.numpy_dtype.type(0).item()]
            for f in schema.features
        }
    return {
        f.name: _raw(f, column.tolist())
        for f, column in zip(schema.features, rows.features(schema).values(), strict=True)
    }


def _raw(field: Field, values: list[Any]) -> list[Any]:
    if field.dtype != "category":
        return values
    known = (UNKNOWN, *field.vocabulary)
    return [known[value] if value < len(known) else UNKNOWN for value in values]
