"""The MLflow model folder of a version: self-contained, without pickle, checked before upload."""

from __future__ import annotations

import importlib.metadata
import json
import logging
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from registry.artifact import gzip_model
from registry.errors import PublicationError
from registry.litert import LiteModel
from registry.publication import Publication

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

__all__ = ["FLOAT32_FILE", "MODEL_FILE", "MODEL_FOLDER", "SCHEMA_FILE", "stage"]

MODEL_FOLDER = "model"
MODEL_FILE = "model.tflite.gz"
SCHEMA_FILE = "schema.json"
FLOAT32_FILE = "float32/model.tflite.gz"
REQUIRED = ("mlflow", "pandas", "numpy", "ai-edge-litert")
PREDICTOR = Path(__file__).with_name("predictor.py")
SIGNATURE_TYPES = {"category": "string", "int32": "long", "int64": "long", "bool": "boolean"}


def stage(publication: Publication, folder: Path) -> None:
    """Write everything that the run of a publication holds into `folder`.

    Raises:
        PublicationError: the model, the schema and the example do not fit together.
    """
    save_model(publication, folder / MODEL_FOLDER)
    float32 = folder / FLOAT32_FILE
    float32.parent.mkdir()
    float32.write_bytes(gzip_model(publication.float32))
    for name, path in publication.files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def save_model(publication: Publication, folder: Path) -> None:
    """Write the MLflow model folder.

    Raises:
        PublicationError: see `stage`.
    """
    import mlflow.pyfunc
    import pandas as pd

    model = LiteModel(publication.artifact.tflite)
    fields = model_fields(model, publication.schema)
    example = {name: list(example_column(publication, name)) for name in fields}
    with tempfile.TemporaryDirectory(prefix="millstream-package-") as parts, quiet_mlflow():
        artifacts = {"model": Path(parts) / MODEL_FILE, "schema": Path(parts) / SCHEMA_FILE}
        artifacts["model"].write_bytes(gzip_model(publication.artifact.tflite))
        artifacts["schema"].write_text(json.dumps(publication.schema, indent=1), encoding="utf-8")
        mlflow.pyfunc.save_model(
            str(folder),
            python_model=str(PREDICTOR),
            artifacts={name: str(path) for name, path in artifacts.items()},
            signature=make_signature(model, fields, example),
            input_example=pd.DataFrame(example),
            pip_requirements=requirements(),
        )
    forget_local_paths(folder)


def model_fields(model: LiteModel, schema: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The schema's feature fields that the model takes, by name.

    Raises:
        PublicationError: the model takes something that is not a feature.
    """
    features = {f["name"]: f for f in schema["fields"] if f["role"] == "feature"}
    strange = [name for name in model.input_names if name not in features]
    if strange:
        raise PublicationError(
            f"the model takes {strange}, which the schema's features {sorted(features)} do not have"
        )
    return {name: field for name, field in features.items() if name in model.input_names}


def example_column(publication: Publication, name: str) -> Any:
    """The example's values of one column.

    Raises:
        PublicationError: the example lacks it.
    """
    if name not in publication.example:
        raise PublicationError(f'example: column "{name}" is missing, and the model takes it')
    return publication.example[name]


def make_signature(
    model: LiteModel, fields: Mapping[str, Mapping[str, Any]], example: Mapping[str, list[Any]]
) -> ModelSignature:
    """Raw values in, float32 out, found by predicting the example.

    Columns of floats, moments, lists, and those with a default are typed `any`: MLflow would refuse
    whole numbers for a `double`, float64 for a `float`, and `[rows, k]` for an array; the predictor
    itself checks and casts them. A column with a default may be missing.

    Raises:
        PublicationError: the example cannot be predicted.
    """
    from mlflow.models import ModelSignature
    from mlflow.types.schema import AnyType, ColSpec, Schema, TensorSpec

    from registry.predictor import InputError, encode

    try:
        encoded = {name: encode(field, example[name]) for name, field in fields.items()}
        output = model.predict(encoded)
    except InputError as e:
        raise PublicationError(f"example: {e}") from e
    columns: list[ColSpec | TensorSpec] = []
    for name, field in fields.items():
        given = field.get("default") is None
        plain = given and field.get("length") is None
        kind = SIGNATURE_TYPES.get(field["dtype"]) if plain else None
        columns.append(ColSpec(kind or AnyType(), name, required=given))  # type: ignore[no-untyped-call]
    result = TensorSpec(np.dtype(np.float32), (-1, *output.shape[1:]))
    return ModelSignature(inputs=Schema(columns), outputs=Schema([result]))


def requirements() -> list[str]:
    """What the artifact needs, pinned to what it was checked with."""
    return [f"{name}=={importlib.metadata.version(name)}" for name in REQUIRED]


def forget_local_paths(folder: Path) -> None:
    """Take the paths of this machine out of the MLmodel file; only their last parts are used."""
    from mlflow.models import Model

    model = Model.load(str(folder))
    flavor = model.flavors["python_function"]
    flavor["model_code_path"] = PREDICTOR.name
    for entry in flavor["artifacts"].values():
        entry["uri"] = entry["path"]
    model.save(str(folder / "MLmodel"))


@contextmanager
def quiet_mlflow() -> Iterator[None]:
    """Keep MLflow's progress lines out of the service's output."""
    logger = logging.getLogger("mlflow.pyfunc")
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)
