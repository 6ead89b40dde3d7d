"""Real MLflow stores (migrated once, then copied) and real exports, shared by the session."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from keras_models import BUILDERS, Sample

from registry import Artifact, ModelRegistry, Publication, Quantizer, export_float32


@pytest.fixture(scope="session")
def samples() -> dict[str, Sample]:
    """Every model of `keras_models`, built with fixed seeds and exported."""
    import keras

    found = {}
    for name, build in BUILDERS.items():
        keras.utils.set_random_seed(7)
        model, features, schema = build()
        found[name] = Sample(model, features, schema, export_float32(model))
    return found


@pytest.fixture(scope="session")
def quantizer() -> Iterator[Quantizer]:
    """One child process for all tests that only need its answers."""
    with Quantizer() as shared:
        yield shared


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An initialised SQLite store with nothing in it."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def store(empty_store: Path, tmp_path: Path) -> str:
    """Tracking URI of a store of the test's own."""
    shutil.copyfile(empty_store, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


@pytest.fixture
def flights(store: str, tmp_path: Path) -> ModelRegistry:
    """A registry of a model called flights."""
    return ModelRegistry("flights", store, tmp_path / "artifacts")


@pytest.fixture(scope="session")
def publication(samples: dict[str, Sample]) -> Callable[..., Publication]:
    """Make a publication of the MLP, with the arguments given changed."""
    mlp = samples["mlp"]
    first = Publication(
        round=1,
        artifact=Artifact("float32", mlp.tflite),
        float32=mlp.tflite,
        schema=mlp.schema,
        metrics={"auc": 0.75, "rows": 1000.0},
        params={"epochs": "3"},
        tags={"millstream.seed": "11"},
        example={
            "delay": [3.5, -1.0],
            "hour": [5, 23],
            "weekend": [True, False],
            "carrier": ["UA", "??"],
            "dest": ["BOS", ""],
        },
        promote=True,
        reason="better by 0.01",
    )
    return lambda **changes: replace(first, **changes)
