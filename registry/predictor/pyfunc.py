"""The pyfunc: raw records in, predictions out.

`Predictor.predict` takes a pandas DataFrame, a dict of columns, a dict of scalars, or a list of
dicts. Category columns hold strings. A list is a Python list or an array in each row of a
DataFrame, or a row of an array `[rows, k]`. A moment is an integer of milliseconds since the epoch,
a text such as `2026-01-01T00:00:00Z`, a datetime with a zone, or a `datetime64` (UTC). Where a
field has a default, a missing value, or the whole column, may be left out. Numbers are cast to
their field's type, if they fit. It returns float32 `[rows]`, or `[rows, classes]` for a softmax,
whose columns follow the label's vocabulary in `schema.json`; with `threshold` or `labels` decisions
(see `answer`).
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.pyfunc.model import PythonModel

from .answer import answer, params_of
from .encode import array_of, encode
from .runtime import BATCH, InputError, LiteRuntime

__all__ = ["Predictor", "columns_of"]


class Predictor(PythonModel):
    """Predictions by `model.tflite.gz` and `schema.json` of the artifact. Safe to share by threads.

    MLflow calls `load_context` before anything else.
    """

    def load_context(self, context: Any) -> None:
        """Read the model and its schema from the artifact's folder."""
        self.schema = json.loads(Path(context.artifacts["schema"]).read_text(encoding="utf-8"))
        self.fields = {field["name"]: field for field in self.schema["fields"]}
        self.runtime = LiteRuntime(gzip.decompress(Path(context.artifacts["model"]).read_bytes()))

    def predict(
        self,
        context: Any,  # noqa: ARG002 - MLflow's interface
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> np.ndarray:
        """Predict raw records; see the module's docstring for what goes in and comes out.

        Args:
            context: not used.
            model_input: the records.
            params: `batch`, rows of a call of LiteRT; `threshold` and `labels`, see `answer`.

        Raises:
            InputError: a column is missing or holds what its field cannot hold, or a parameter is
                unknown or out of its range.
        """
        given = {name: value for name, value in (params or {}).items() if value is not None}
        strange = sorted(given.keys() - {"batch", *params_of(self.schema.get("task"))})
        if strange:
            raise InputError(f"params: this model has no {strange}")
        output = self.runtime.predict(self.encoded(model_input), given.get("batch", BATCH))
        return answer(self.schema, output, given.get("threshold"), bool(given.get("labels")))

    def encoded(self, model_input: Any) -> dict[str, np.ndarray]:
        """The model's inputs from raw records, as numbers.

        Raises:
            InputError: a column is missing or holds what its field cannot hold.
        """
        columns, needed = columns_of(model_input), self.runtime.input_names
        absent = [name for name in needed if name not in columns]
        missing = [name for name in absent if self.fields[name].get("default") is None]
        if missing:
            raise InputError(f"columns {missing} are missing; the model needs {list(needed)}")
        given = {n: encode(self.fields[n], columns[n]) for n in needed if n in columns}
        rows = max((len(column) for column in (given or columns).values()), default=0)
        stand_in = {name: encode(self.fields[name], [None] * rows) for name in absent}
        return given | stand_in


def columns_of(model_input: Any) -> dict[str, Any]:
    """A DataFrame, a dict of columns, a dict of scalars or a list of dicts, as columns."""
    if isinstance(model_input, Mapping):
        return {name: np.atleast_1d(array_of(value)) for name, value in model_input.items()}
    frame = model_input if isinstance(model_input, pd.DataFrame) else pd.DataFrame(model_input)
    return {str(name): frame[name].to_numpy() for name in frame.columns}
