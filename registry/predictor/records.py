"""Raw records in, predictions out: what the pyfunc does, without MLflow or pandas.

Records are a DataFrame, a dict of columns, a dict of one record, or a list of dicts. Category
columns hold strings. A list is a Python list or an array in each row of a DataFrame, or a row of an
array `[rows, k]`. A moment is an integer of milliseconds since the epoch, a text such as
`2026-01-01T00:00:00Z`, a datetime with a zone, or a `datetime64` (UTC). Where a field has a
default, a missing value, or the whole column, may be left out. Numbers are cast to their field's
type, if they fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from .answer import answer, checked_params
from .encode import array_of, encode
from .runtime import BATCH, InputError, LiteRuntime
from .single import SingleRecord

__all__ = ["RecordModel"]

SCALARS = (str, bytes, int, float, date, np.generic, type(None))


class RecordModel:
    """A version that predicts raw records. Safe to share by threads.

    Args:
        schema: its `schema.json`.
        tflite: its LiteRT bytes.

    Raises:
        InputError: the model takes what the schema does not have, or has no single signature.
    """

    def __init__(self, schema: Mapping[str, Any], tflite: bytes) -> None:
        self.schema = schema
        self.fields = {field["name"]: field for field in schema["fields"]}
        self.runtime = LiteRuntime(tflite)
        self._names = self.runtime.input_names
        strange = [name for name in self._names if name not in self.fields]
        if strange:
            raise InputError(f"the model takes {strange}, which its schema does not have")
        self._single = SingleRecord(self.fields, self.runtime)

    def predict(self, records: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Predict raw records; see the module's docstring for what goes in.

        Args:
            records: the records.
            params: `batch`, rows of a call of LiteRT; `threshold` and `labels`, see `answer`.

        Returns:
            float32 `[rows]`, or `[rows, classes]` for a softmax, whose columns follow the label's
            vocabulary in the schema; with `threshold` or `labels` decisions (see `answer`).

        Raises:
            InputError: a column is missing or holds what its field cannot hold, or a parameter is
                unknown, of another type, or out of its range.
        """
        given = checked_params(self.schema.get("task"), params) if params else {}
        row = records[0] if isinstance(records, list) and len(records) == 1 else records
        outputs = None
        if isinstance(row, dict) and given.get("batch", BATCH) >= 1:
            outputs = self._single.predict(row)
        if outputs is not None:
            output = self.runtime.answer(outputs)
        else:
            output = self.runtime.predict(self.encoded(records), given.get("batch", BATCH))
        if not given:
            return output
        return answer(self.schema, output, given.get("threshold"), bool(given.get("labels")))

    def encoded(self, records: Any) -> dict[str, np.ndarray]:
        """The model's inputs from raw records, as numbers.

        Raises:
            InputError: a column is missing or holds what its field cannot hold.
        """
        columns, needed = columns_of(records, self._names), self._names
        absent = [name for name in needed if name not in columns]
        missing = [name for name in absent if self.fields[name].get("default") is None]
        if missing:
            raise InputError(f"columns {missing} are missing; the model needs {list(needed)}")
        given = {n: encode(self.fields[n], columns[n]) for n in needed if n in columns}
        rows = max((len(column) for column in (given or columns).values()), default=0)
        stand_in = {name: encode(self.fields[name], [None] * rows) for name in absent}
        return given | stand_in


def columns_of(records: Any, needed: Sequence[str]) -> dict[str, Any]:
    """A DataFrame, a dict of columns, a dict of one record or a list of dicts, as columns.

    Raises:
        InputError: it is none of these.
    """
    if isinstance(records, Mapping):
        if any(isinstance(records.get(name, ()), SCALARS) for name in needed):
            records = [records]
        else:
            return {name: np.atleast_1d(array_of(value)) for name, value in records.items()}
    if hasattr(records, "columns") and hasattr(records, "__getitem__"):
        return {str(name): records[name].to_numpy() for name in records.columns}
    if isinstance(records, (list, tuple)) and all(isinstance(row, Mapping) for row in records):
        names = dict.fromkeys(name for row in records for name in row)
        return {name: column(name, records) for name in names}
    raise InputError(
        "expected a DataFrame, a dict of columns, a dict of one record or a list of dicts, got "
        f"{type(records).__name__}"
    )


def column(name: str, rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """A field of each row; None where a row does not have it."""
    return np.fromiter((row.get(name) for row in rows), object, len(rows))
