"""The predictor that ships with every version: an MLflow pyfunc over a LiteRT model.

This file is copied into the artifact and run there, so it imports only what the artifact
requires: mlflow, pandas, numpy and ai-edge-litert. The registry scores candidates with the same
`LiteRuntime`, so what is measured is what is served.

`Predictor.predict` takes raw values: a pandas DataFrame, a dict of columns, or a list of dicts.
Category columns hold strings. A list is a Python list or an array in each row of a DataFrame, or a
row of an array `[rows, k]`. A moment is an integer of milliseconds since the epoch, a text such as
`2026-01-01T00:00:00Z`, a datetime with a zone, or a `datetime64` (UTC). Where a field has a
default, a missing value, or the whole column, may be left out. It returns float32 `[rows]`, or
`[rows, classes]` for a softmax, whose columns follow the label's vocabulary in `schema.json`.
"""

import gzip
import json
import threading
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

BATCH = 1024
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class InputError(ValueError):
    """A column is missing, or holds what its field cannot hold. The message names the column."""


class LiteRuntime:
    """LiteRT bytes with one signature, run in batches of `BATCH` rows. Safe to share by threads.

    Args:
        tflite: the flatbuffer.

    Raises:
        InputError: the bytes have no named signature with exactly one output.
    """

    def __init__(self, tflite: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._lock = threading.Lock()
        self._interpreter = Interpreter(model_content=tflite)
        signatures = self._interpreter.get_signature_list()
        if len(signatures) != 1:
            raise InputError(f"expected 1 signature in the model, got {len(signatures)}")
        self._runner = self._interpreter.get_signature_runner(next(iter(signatures)))
        self._inputs: dict[str, Any] = self._runner.get_input_details()
        outputs: dict[str, Any] = self._runner.get_output_details()
        if len(outputs) != 1:
            raise InputError(f"expected 1 output in the model, got {sorted(outputs)}")
        ((self._output_name, self._output),) = outputs.items()

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the inputs, sorted."""
        return tuple(sorted(self._inputs))

    def input_shape(self, name: str) -> tuple[int, ...]:
        """Shape of an input with its batch axis; -1 marks an open axis."""
        return tuple(int(size) for size in self._inputs[name]["shape_signature"])

    def predict(self, features: Mapping[str, Any]) -> np.ndarray:
        """Predictions for columns of equal length; columns that the model does not use are ignored.

        Args:
            features: name -> array `[rows]` or `[rows, ...]`, already encoded as numbers.

        Returns:
            float32 `[rows]` where the model has one output unit, else `[rows, classes]`.

        Raises:
            InputError: a column is missing, or its length or shape does not fit.
        """
        arrays = {name: self._fit(name, features) for name in self._inputs}
        lengths = {name: len(array) for name, array in arrays.items()}
        if len(set(lengths.values())) > 1:
            raise InputError(f"expected columns of equal length, got {lengths}")
        rows = next(iter(lengths.values()))
        starts = range(0, rows, BATCH)
        with self._lock:
            parts = [self._run({k: v[i : i + BATCH] for k, v in arrays.items()}) for i in starts]
        tail = tuple(int(size) for size in self._output["shape_signature"][1:])
        joined = np.concatenate(parts) if parts else np.zeros((0, *tail), np.float32)
        return joined.reshape(rows) if joined.ndim == 2 and joined.shape[1] == 1 else joined

    def _run(self, batch: Mapping[str, np.ndarray]) -> np.ndarray:
        return np.asarray(self._runner(**batch)[self._output_name], dtype=np.float32)

    def _fit(self, name: str, features: Mapping[str, Any]) -> np.ndarray:
        if name not in features:
            raise InputError(
                f'column "{name}" is missing; the model needs {list(self.input_names)}'
            )
        array = np.asarray(features[name], dtype=self._inputs[name]["dtype"])
        shape = self.input_shape(name)
        if array.ndim == len(shape) - 1 and shape[-1] == 1:
            array = array[..., None]
        if array.ndim == len(shape) + 1 and array.shape[-1] == 1:
            array = array[..., 0]
        fits = array.ndim == len(shape) and all(
            want in (-1, got) for want, got in zip(shape[1:], array.shape[1:], strict=True)
        )
        if not fits:
            raise InputError(f'column "{name}": expected shape {shape}, got {array.shape}')
        return np.ascontiguousarray(array)


def encode(field: Mapping[str, Any], values: Any) -> np.ndarray:
    """Raw values of one field as the numbers that the model was trained on.

    Args:
        field: one of `schema.json`'s fields: name, dtype, vocabulary, buckets, length, default.
        values: the column, `[rows]` or `[rows, ...]`; for a list `[rows]` of lists, or `[rows, k]`.

    Returns:
        `[rows, ...]`, of a list `[rows, k]`, in the field's dtype: int32 for a category, int64 for
        a timestamp.

    Raises:
        InputError: a value is missing, not finite, out of range or of another kind.
    """
    column, default = array_of(values), field.get("default")
    length = field.get("length")
    wrapped = column.shape == (1,) and isinstance(column[0], (list, np.ndarray))
    if field["dtype"] == "category" and wrapped and not length:  # MLflow does that to a dict's
        column = np.asarray(column[0], dtype=object)
    missing = pd.isna(column) if default is not None and column.ndim == 1 else np.zeros(0, bool)
    if not missing.any():
        return encode_given(field, column)
    given = encode_given(field, column[~missing])
    filled = np.empty((len(column), *given.shape[1:]), given.dtype)
    filled[~missing] = given
    filled[missing] = encode_given(field, array_of([[default] * length if length else default]))
    return filled


def encode_given(field: Mapping[str, Any], column: np.ndarray) -> np.ndarray:
    """As `encode`, of values that are all there; like all below, it raises `InputError`."""
    kind, length = field["dtype"], field.get("length")
    dtype = np.dtype({"category": "int32", "timestamp": "int64"}.get(kind, kind))
    if column.shape[:1] == (0,):
        return np.zeros((0, length) if length else column.shape, dtype)
    if length:
        column = encode_lists(field, column)
    if kind == "category":
        return encode_category(field, column)
    if kind == "timestamp" and column.dtype.kind not in "iuf":
        return encode_moments(field, column)
    if column.dtype == object:
        column = numbers_of(field["name"], dtype, column)
    return encode_numbers(field["name"], dtype, column)


def encode_lists(field: Mapping[str, Any], column: np.ndarray) -> np.ndarray:
    """Lists as an array `[rows, k]` of their elements, which are checked later."""
    name, length = field["name"], field["length"]
    kind = object if field["dtype"] in {"category", "timestamp"} else None
    for row, value in enumerate(column if column.ndim == 1 else column[:1]):
        if not isinstance(value, (list, tuple, np.ndarray)) or len(value) != length:
            raise InputError(
                f'column "{name}", row {row}: expected a list of {length}, got {value!r:.100}'
            )
    try:
        return np.array([list(value) for value in column], kind).reshape(len(column), length)
    except ValueError as e:
        raise InputError(f'column "{name}": expected lists of {field["dtype"]}') from e


def numbers_of(name: str, dtype: np.dtype[Any], column: np.ndarray) -> np.ndarray:
    """A column of objects as one of numbers or booleans."""
    numbers, plain = np.asarray(column.tolist()), (int, float, np.number, np.bool_)
    if numbers.dtype.kind not in "iufb":
        got = next((v for v in column.flat if not isinstance(v, plain)), numbers.flat[0])
        raise InputError(f'column "{name}": expected {dtype}, got {got!r:.100}')
    return numbers


def encode_numbers(name: str, dtype: np.dtype[Any], column: np.ndarray) -> np.ndarray:
    """Numbers or booleans in a field's dtype."""
    kind = column.dtype.kind
    if dtype.kind == "b" and kind == "b":
        return column
    if dtype.kind == "b" or kind not in "iuf":
        raise InputError(f'column "{name}": expected {dtype}, got {column.flat[0]!r:.100}')
    limits: Any = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    whole = column.astype(np.float64) if kind == "f" else column
    if kind == "f" and dtype.kind == "i":  # float64 has no number for int64's largest
        fits = (whole >= limits.min) & (whole < limits.max + 1.0) & (whole == np.floor(whole))
    else:
        fits = (whole >= limits.min) & (whole <= limits.max)
    if not fits.all():
        row = int(np.argmin(fits.reshape(len(column), -1).all(axis=1)))
        raise InputError(f'column "{name}", row {row}: expected {dtype}, got {column[row]!r}')
    return column.astype(dtype)


def encode_moments(field: Mapping[str, Any], column: np.ndarray) -> np.ndarray:
    """Moments as int64 milliseconds since the epoch (UTC); what is finer is dropped."""
    if column.dtype.kind == "M" and not np.isnat(column).any():
        return column.astype("datetime64[ms]").astype(np.int64)
    codes, found = pd.factorize(column.astype(object).reshape(-1))
    moments = [milliseconds(value) for value in found]
    strange = [value for value, moment in zip(found, moments, strict=True) if moment is None]
    if strange or (codes < 0).any():
        got = repr(strange[0])[:100] if strange else "a missing value"
        raise InputError(f'column "{field["name"]}": expected milliseconds or a moment, got {got}')
    return np.asarray(np.asarray(moments, np.int64)[codes].reshape(column.shape))


def milliseconds(value: Any) -> int | None:
    """The moment of an integer, a text, a datetime with a zone or a datetime64; else None."""
    if isinstance(value, np.datetime64):
        value = value.astype("datetime64[ms]").astype(np.int64)
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return int(value) if -(2**63) <= value < 2**63 else None
    try:
        moment = datetime.fromisoformat(value.upper()) if isinstance(value, str) else value
        return int((moment - EPOCH) // timedelta(milliseconds=1))
    except (ValueError, TypeError):
        return None


def encode_category(field: Mapping[str, Any], column: np.ndarray) -> np.ndarray:
    """Strings as int32 codes, by vocabulary (position + 1, unknown 0) or by CRC-32 bucket."""
    try:
        codes, found = pd.factorize(column.astype(object).reshape(-1))
    except TypeError as e:  # what cannot be hashed is no string
        raise InputError(f'column "{field["name"]}": expected strings, got lists or dicts') from e
    wrong = [value for value in found if not isinstance(value, str)]
    if wrong or (codes < 0).any():
        got = repr(wrong[0]) if wrong else "a missing value"
        raise InputError(f'column "{field["name"]}": expected a string, got {got}')
    buckets = int(field.get("buckets") or 0)
    if buckets:
        numbers = [1 + zlib.crc32(v.encode()) % buckets if v else 0 for v in found]
    else:
        places = {value: i + 1 for i, value in enumerate(field["vocabulary"])}
        numbers = [places.get(value, 0) for value in found]
    return np.asarray(np.asarray(numbers, np.int32)[codes].reshape(column.shape))


def array_of(values: Any) -> np.ndarray:
    """Values as an array; a plain list keeps its objects, where NumPy would make 5 into "5"."""
    return np.asarray(values, dtype=object if isinstance(values, list) else None)


def columns_of(model_input: Any) -> dict[str, Any]:
    """A DataFrame, a dict of columns, a dict of scalars or a list of dicts, as columns."""
    if isinstance(model_input, Mapping):
        return {name: np.atleast_1d(array_of(value)) for name, value in model_input.items()}
    frame = model_input if isinstance(model_input, pd.DataFrame) else pd.DataFrame(model_input)
    return {str(name): frame[name].to_numpy() for name in frame.columns}


class Predictor(PythonModel):
    """Raw records in, predictions out, by `model.tflite.gz` and `schema.json` of the artifact."""

    def load_context(self, context: Any) -> None:
        """Read the model and its schema from the artifact's folder."""
        schema = json.loads(Path(context.artifacts["schema"]).read_text(encoding="utf-8"))
        self.fields = {field["name"]: field for field in schema["fields"]}
        self.runtime = LiteRuntime(gzip.decompress(Path(context.artifacts["model"]).read_bytes()))

    def predict(
        self,
        context: Any,  # noqa: ARG002 - MLflow's interface
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> np.ndarray:
        """Predict raw records; see the module's docstring for what goes in and comes out.

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
        return self.runtime.predict(given | stand_in)


set_model(Predictor())
