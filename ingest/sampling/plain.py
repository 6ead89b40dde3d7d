"""A column of one number a row, as settings that were checked against a schema find it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingest.errors import SamplerError
from ingest.ragged import Ragged
from ingest.rows import Rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["numbers_of"]


def numbers_of(rows: Rows, name: str) -> NDArray[Any]:
    """array[n]: the column of a field.

    Raises:
        SamplerError: there is no such column, or it has no single number a row.
    """
    column = rows.columns.get(name)
    if column is None or isinstance(column, Ragged) or column.ndim != 1:
        raise SamplerError(
            f'sampler: expected a column "{name}" of one number a row, got'
            f" {'none' if column is None else 'another'}; rows and settings are of two schemas"
        )
    return column
