"""Weighted: a field, or a function of the columns, says what a row weighs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.errors import SamplerError, SettingsError
from ingest.ragged import Column
from ingest.rows import Rows
from ingest.sampling.plain import numbers_of
from ingest.schema import Schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["WeightFunction", "Weighted"]

NUMBERS = ("float32", "float64", "int32", "int64")
WeightFunction = Callable[[Mapping[str, Column]], Any]
"""From columns by name to float64[n], of 0 or more, each of its row alone, to the last bit.

A product of matrices may round a row by how many others there are; (a * b).sum(axis=1) does not.
"""


@dataclass(frozen=True)
class Weighted:
    """Rows weigh what a field or a function says; a `Weighting`.

    Attributes:
        field: a column of numbers of at least 0; None when there is a function.
        function: see `WeightFunction`.
        name: of the function, with what tells its code from another's: samples of two functions
            do not go together.

    Raises:
        SettingsError: neither is given, or both are, or a function without a name.
    """

    field: str | None = None
    function: WeightFunction | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        if (self.field is None) == (self.function is None):
            raise SettingsError("weighted: expected a field or a function, and not both")
        if self.function is not None and not self.name:
            raise SettingsError("weighted: expected a name of the function, got none")

    def check(self, schema: Schema) -> None:
        """See `Weighting`."""
        fitting = {f.name for f in schema.fields if f.dtype in NUMBERS and f.length is None}
        if self.field is not None and self.field not in fitting:
            raise SettingsError(
                f'weighted: the schema has no numeric field "{self.field}" as a weight;'
                f" it has {', '.join(sorted(fitting)) or 'none'}"
            )

    @property
    def settings(self) -> dict[str, object]:
        """See `Weighting`."""
        kind = "weighted" if self.function is None else "weighted by a function"
        return {"weighting": kind, "weight": self.field or self.name}

    def log_weights(self, rows: Rows) -> NDArray[np.float64]:
        """See `Weighting`.

        Raises:
            SamplerError: a weight is negative or no number, or there are not as many as rows.
        """
        if self.function is not None:
            found = np.asarray(self.function(rows.columns), np.float64)
        else:
            found = numbers_of(rows, str(self.field)).astype(np.float64)
        if found.shape != (len(rows),):
            raise SamplerError(
                f"weights by {self.name}: expected [{len(rows)}], one a row, got"
                f" {list(found.shape)}"
            )
        bad = np.flatnonzero(~(found >= 0) | np.isinf(found))
        if bad.size:
            raise SamplerError(
                f"weights by {self.field or self.name}: expected numbers of at least 0, got"
                f" {found[bad[0]]} at offset {rows.offset[bad[0]]}; give the field a minimum of 0"
            )
        with np.errstate(divide="ignore"):
            logs: NDArray[np.float64] = np.log(found)
        return logs

    def early(
        self, _offsets: NDArray[np.int64], _timestamps: NDArray[np.int64]
    ) -> NDArray[np.float64] | None:
        """See `Weighting`."""
        return None
