"""The predictor that ships with every version: an MLflow pyfunc over a LiteRT model.

This folder is copied into the artifact and run there, under a name of its own, so its modules
import each other relatively, and else only what the artifact requires: mlflow, pandas, numpy and
ai-edge-litert. The registry scores candidates with the same `LiteRuntime`, so what is measured is
what is served. Only `pyfunc`, which MLflow runs, imports MLflow and pandas.
"""

from .encode import encode
from .records import RecordModel
from .runtime import BATCH, InputError, LiteRuntime

__all__ = ["BATCH", "InputError", "LiteRuntime", "RecordModel", "encode"]
