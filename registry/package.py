"""The MLflow model folder of a version: self-contained, without pickle, checked before upload."""

from __future__ import annotations

import importlib.metadata
import logging
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from registry.artifact import gzip_model
from registry.errors import PublicationError
from registry.litert import LiteModel
from registry.publication import Publication
from registry.scratch import scratch_folder
from registry.shipped_code import ENTRY, importable, ship
from registry.signature import make_signature

__all__ = [
    "CARD_FILE",
    "FLOAT32_FILE",
    "KERAS_FILE",
    "MODEL_FILE",
    "MODEL_FOLDER",
    "SCHEMA_FILE",
    "stage",
]

MODEL_FOLDER = "model"
# Not .gz: MLflow's S3 store would have clients unpack such a file on its way to them.
MODEL_FILE = "model.tflite.gzip"
SCHEMA_FILE = "schema.json"
FLOAT32_FILE = "float32/model.tflite.gzip"
KERAS_FILE = "keras/model.keras"
CARD_FILE = "README.md"
CODE_MODULE = "code_model_"  # so begin the names of MLflow's modules
REQUIRED = ("mlflow", "pandas", "numpy", "ai-edge-litert")


def stage(publication: Publication, folder: Path) -> None:
    """Write everything that the run of a publication holds into `folder`.

    Raises:
        PublicationError: the model, the schema and the example do not fit together.
    """
    save_model(publication, folder / MODEL_FOLDER)
    float32 = folder / FLOAT32_FILE
    float32.parent.mkdir()
    float32.write_bytes(gzip_model(publication.float32))
    if publication.card:
        (folder / MODEL_FOLDER / CARD_FILE).write_text(publication.card, encoding="utf-8")
    if publication.keras is not None:
        keras = folder / KERAS_FILE
        keras.parent.mkdir()
        keras.write_bytes(publication.keras.content)
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
    with scratch_folder("package") as parts, quiet_mlflow(), no_module_of_it():
        artifacts = {"model": parts / MODEL_FILE, "schema": parts / SCHEMA_FILE}
        artifacts["model"].write_bytes(gzip_model(publication.artifact.tflite))
        artifacts["schema"].write_text(publication.schema_text, encoding="utf-8")
        entry, package = ship(parts / "code")
        with importable(package.parent):
            mlflow.pyfunc.save_model(
                str(folder),
                python_model=str(entry),
                code_paths=[str(package)],
                artifacts={name: str(path) for name, path in artifacts.items()},
                signature=make_signature(model, fields, example, publication.schema.get("task")),
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


def requirements() -> list[str]:
    """What the artifact needs, pinned to what it was checked with."""
    return [f"{name}=={importlib.metadata.version(name)}" for name in REQUIRED]


def forget_local_paths(folder: Path) -> None:
    """Take the paths of this machine out of the MLmodel file; only their last parts are used."""
    from mlflow.models import Model

    model = Model.load(str(folder))
    flavor = model.flavors["python_function"]
    flavor["model_code_path"] = ENTRY
    for entry in flavor["artifacts"].values():
        entry["uri"] = entry["path"]
    model.save(str(folder / "MLmodel"))


@contextmanager
def no_module_of_it() -> Iterator[None]:
    """Let go of the module that MLflow makes of the code: each time another one, kept for ever."""
    before = set(sys.modules)
    try:
        yield
    finally:
        for name in set(sys.modules) - before:
            if name.startswith(CODE_MODULE):
                del sys.modules[name]


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
