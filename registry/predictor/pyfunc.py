"""The pyfunc: what MLflow runs, over `RecordModel`, whose module says what goes in and out."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.pyfunc.model import PythonModel

from .records import RecordModel

__all__ = ["Predictor"]


class Predictor(PythonModel):
    """Predictions by `model.tflite.gzip` and `schema.json` of the artifact; threads may share it.

    MLflow calls `load_context` before anything else.
    """

    def load_context(self, context: Any) -> None:
        """Read the model and its schema from the artifact's folder."""
        schema = json.loads(Path(context.artifacts["schema"]).read_text(encoding="utf-8"))
        self.model = RecordModel(
            schema, gzip.decompress(Path(context.artifacts["model"]).read_bytes())
        )

    def predict(
        self,
        context: Any,  # noqa: ARG002 - MLflow's interface
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> np.ndarray:
        """Predict raw records.

        Args:
            context: not used.
            model_input: the records.
            params: `batch`, rows of a call of LiteRT; `threshold` and `labels`, see `answer`.

        Raises:
            InputError: a column is missing or holds what its field cannot hold, or a parameter is
                unknown or out of its range.
        """
        found: np.ndarray = self.model.predict(model_input, params)
        return found
