"""Strata of rows: the values of a field."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ingest.errors import SettingsError
from ingest.field import Field
from ingest.rows import Rows
from ingest.sampling.plain import numbers_of
from ingest.schema import Schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MOST_STRATA", "check_strata", "strata_of", "stratum_of"]

MOST_STRATA = 65_536
"""So many values may a field of strata have: each costs at least a row."""


def check_strata(schema: Schema, name: str, what: str) -> Field:
    """The field of the strata.

    Raises:
        SettingsError: there is no such field, or nobody knows how many values it has.
    """
    field = next((field for field in schema.fields if field.name == name), None)
    if field is None:
        known = ", ".join(field.name for field in schema.fields)
        raise SettingsError(f'{what}: the schema has no field "{name}"; it has {known}')
    if field.length is not None or field.is_text:
        raise SettingsError(f'{what}: field "{name}" is no single value that strata can be made of')
    if (values := _values(field)) is None or values > MOST_STRATA:
        raise SettingsError(
            f'{what}: field "{name}" may have {values or "any number of"} values, and'
            f" {MOST_STRATA} strata are possible; use a category, a bool, or an integer with min"
            " and max"
        )
    return field


def strata_of(rows: Rows, name: str) -> NDArray[np.int64]:
    """int64[n]: the stratum of each row: its code, or the whole part of its number."""
    return numbers_of(rows, name).astype(np.int64)


def stratum_of(field: Field, value: object) -> int:
    """The stratum of a value as users write it: a word, a number, true or false.

    Raises:
        SettingsError: the field cannot have that value.
    """
    if field.dtype == "category" and isinstance(value, str):
        code = field.code(value)
        if code >= (field.role != "label"):
            return code
    elif field.dtype != "category":
        text = {"true": "1", "false": "0"}.get(str(value).lower(), str(value))
        low, high = (0, 1) if field.dtype == "bool" else field.bounds
        if text.removeprefix("-").isdecimal() and (low or 0) <= int(text) <= (high or 0):
            return int(text)
    raise SettingsError(f'field "{field.name}": it never has the value {value!r}')


def _values(field: Field) -> int | None:
    if field.dtype == "bool":
        return 2
    if field.dtype == "category":
        return field.cardinality
    low, high = field.bounds
    if low is None or high is None:
        return None
    return int(high - low) + 1
