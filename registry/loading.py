"""A version, loaded for those who use it: raw records in, predictions out.

Neither TensorFlow nor MLflow nor pandas is imported for a folder that was pulled; no code of the
version runs, as what encodes its records and asks LiteRT is this release's own, the same that ships
in versions.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.errors import LiteModelError, StoreError
from registry.publication import ModelVersion
from registry.pull import PULLED_MODEL, is_pulled, read_pulled
from registry.reference import Reference

if TYPE_CHECKING:
    from registry.mlflow_registry import ModelRegistry

__all__ = ["LoadedModel", "load", "load_folder", "registry_of"]

TRACKING_URI = "MLFLOW_TRACKING_URI"


class LoadedModel:
    """A version that predicts raw records. Safe to share by threads.

    Args:
        version: what it is.
        schema: its `schema.json`.
        tflite: its LiteRT bytes.
        folder: where it was loaded from, if it was pulled.

    Raises:
        LiteModelError: the bytes are no LiteRT model, or do not fit the schema.
    """

    def __init__(
        self,
        version: ModelVersion,
        schema: Mapping[str, Any],
        tflite: bytes,
        folder: Path | None = None,
    ) -> None:
        from registry.predictor import RecordModel

        self.version, self.schema, self.folder = version, schema, folder
        try:
            self._model = RecordModel(schema, tflite)
        except (ValueError, RuntimeError, KeyError, TypeError) as e:
            raise LiteModelError(f"cannot load {version.name}/{version.version}: {e}") from e

    @property
    def input_names(self) -> tuple[str, ...]:
        """The fields that the model takes, sorted."""
        return self._model.runtime.input_names

    def predict(self, records: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Predict raw records.

        Args:
            records: a DataFrame, a dict of columns, a list of dicts, or a dict of one record. More
                fields than the model takes are fine.
            params: `batch`, `threshold` and `labels`, as of the version's MLflow model.

        Returns:
            float32 `[rows]` or `[rows, classes]`, or what `params` ask for.

        Raises:
            LiteModelError: a field is missing, a value does not fit its field, or a parameter is
                unknown or out of its range.
        """
        try:
            return self._model.predict(records, params)
        except (ValueError, TypeError, RuntimeError) as e:
            raise LiteModelError(str(e)) from e

    def encode(self, records: Any) -> dict[str, Any]:
        """The model's inputs of raw records: name -> array `[rows, ...]`, as in training.

        Raises:
            LiteModelError: as `predict`.
        """
        try:
            return self._model.encoded(records)
        except (ValueError, TypeError) as e:
            raise LiteModelError(str(e)) from e

    def predict_encoded(self, features: Mapping[str, Any]) -> Any:
        """Predict what `encode` gives.

        Raises:
            LiteModelError: a column is missing, or its length, type or shape does not fit.
        """
        try:
            return self._model.runtime.predict(features)
        except (ValueError, TypeError, RuntimeError) as e:
            raise LiteModelError(str(e)) from e


def load(source: str | Path, tracking_uri: str | None = None) -> LoadedModel:
    """A version, ready to predict.

    Args:
        source: a pulled folder, or `current` of a folder that follows an alias; or else `NAME` (its
            champion), `NAME@alias` or `NAME/version`, which MLflow is asked for. A text that is
            both is the folder, unless `models:/` is before it.
        tracking_uri: MLflow's store; None is what MLFLOW_TRACKING_URI says, or
            `mlflow.set_tracking_uri` did.

    Raises:
        PullError: the folder holds no version, or one that is damaged.
        VersionNotFound: the reference cannot be read, or names nothing.
        StoreError: MLflow cannot be reached, or what it holds is not what was published.
        LiteModelError: LiteRT does not take the model.
    """
    text = str(source)
    is_path = isinstance(source, Path) or text.startswith((".", "/", "~")) or is_pulled(Path(text))
    if is_path:
        return load_folder(Path(text).expanduser())
    registry = registry_of(text, tracking_uri)
    version = registry.find(Reference.parse(text))
    return LoadedModel(version, registry.schema(version), registry.tflite(version))


def load_folder(folder: Path) -> LoadedModel:
    """The version in a pulled folder, once its files are found to be what was published.

    Raises:
        PullError: the folder holds no version, or one that is damaged.
        LiteModelError: LiteRT does not take the model.
    """
    folder = folder.resolve()
    version = read_pulled(folder)
    schema = json.loads((folder / "schema.json").read_text(encoding="utf-8"))
    return LoadedModel(version, schema, (folder / PULLED_MODEL).read_bytes(), folder)


def registry_of(reference: str, tracking_uri: str | None) -> ModelRegistry:
    """The registry of the model that a reference names.

    Raises:
        VersionNotFound: the reference cannot be read.
        StoreError: nobody says which store is meant.
    """
    from registry.mlflow_registry import ModelRegistry

    name = Reference.parse(reference).name
    uri = tracking_uri or os.environ.get(TRACKING_URI)
    if not uri:
        import mlflow

        if not mlflow.is_tracking_uri_set():  # type: ignore[no-untyped-call]
            raise StoreError(
                f"{reference}: which MLflow? give tracking_uri, or set {TRACKING_URI}; a folder"
                " that was pulled needs neither"
            )
        uri = mlflow.get_tracking_uri()
    return ModelRegistry(name, uri)
