"""`millstream.load`: from a pulled folder with NumPy and LiteRT alone, or straight from MLflow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from keras_models import Sample
from test_predictor import ENCODED, RAW

import millstream
from registry import LiteModel, LiteModelError, ModelRegistry, PullError, StoreError

ROOT = Path(__file__).parents[2]
ROWS = [dict(zip(RAW, row, strict=True)) for row in zip(*RAW.values(), strict=True)]
ALONE = """
import sys
sys.path.insert(0, sys.argv[2])
class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {
            "tensorflow", "keras", "mlflow", "pandas", "kafka", "sqlalchemy", "ingest", "trainer",
            "numba", "pydantic", "msgspec", "google",
        }:
            raise RuntimeError("forbidden import: " + name)
sys.meta_path.insert(0, Wall())
import json, time
begun = time.perf_counter()
import millstream
model = millstream.load(sys.argv[1])
rows = json.loads(sys.argv[3])
first = model.predict(rows[0])
seconds = time.perf_counter() - begun
print(json.dumps([first.tolist(), model.predict(rows).tolist(), model.version.version, seconds]))
"""


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, empty_store: Path, publication):
    folder = tmp_path_factory.mktemp("published")
    (folder / "mlflow.db").write_bytes(empty_store.read_bytes())
    registry = ModelRegistry("flights", f"sqlite:///{folder / 'mlflow.db'}", folder / "artifacts")
    registry.publish(publication())
    registry.pull("flights", folder / "flights")
    return registry, folder / "flights"


@pytest.fixture(scope="module")
def expected(samples: dict[str, Sample]) -> np.ndarray:
    return LiteModel(samples["mlp"].tflite).predict(ENCODED)


def test_a_pulled_folder_takes_numpy_and_litert_alone(published, expected, tmp_path: Path) -> None:
    python = os.environ.get("MILLSTREAM_SLIM") or sys.executable
    done = subprocess.run(
        [python, "-I", "-c", ALONE, str(published[1]), str(ROOT), json.dumps(ROWS)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    first, every, number, seconds = json.loads(done.stdout.splitlines()[-1])
    print(f"imported, loaded and predicted one row in {seconds:.2f} s")
    np.testing.assert_array_equal(np.array(first, np.float32), expected[:1])
    np.testing.assert_array_equal(np.array(every, np.float32), expected)
    assert number == 1


def test_every_way_to_load_and_to_ask(published, expected, tmp_path: Path, monkeypatch) -> None:
    registry, folder = published
    uri = registry.tracking_uri
    with monkeypatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", uri)
        straight = millstream.load("flights")
    models = [
        straight,
        millstream.load("models:/flights@champion", tracking_uri=uri),
        millstream.load("flights/1", uri),
        millstream.load(folder),
        millstream.load(str(folder)),
    ]
    for model in models:
        assert model.version.run_id == registry.version(1).run_id
        assert model.input_names == tuple(sorted(RAW))
        for form in (ROWS, RAW, pd.DataFrame(RAW)):
            np.testing.assert_array_equal(model.predict(form), expected)
        np.testing.assert_array_equal(model.predict(ROWS[1]), expected[1:2])
        encoded = model.encode(ROWS)
        assert {name: array.dtype for name, array in encoded.items()} == {
            name: array.dtype for name, array in ENCODED.items()
        }
        np.testing.assert_array_equal(model.predict_encoded(encoded), expected)
        decided = model.predict(ROWS, {"threshold": 0.4})
        assert decided.tolist() == (expected > 0.4).tolist()
    assert (straight.folder, models[3].folder) == (None, folder.resolve())
    monkeypatch.chdir(folder.parent)
    assert millstream.load("flights").folder == folder.resolve()
    assert millstream.load("models:/flights", uri).folder is None


def test_the_same_by_mlflow(published, expected) -> None:
    import mlflow

    model = mlflow.pyfunc.load_model(str(published[1]))
    np.testing.assert_array_equal(model.predict(ROWS), expected)
    np.testing.assert_array_equal(millstream.load(published[1]).predict(ROWS), expected)


def test_what_does_not_fit_is_an_error_of_ours(published, tmp_path: Path, monkeypatch) -> None:
    folder = published[1]
    model = millstream.load(folder)
    with pytest.raises(LiteModelError, match='"hour", row 0: expected int32'):
        model.predict({**ROWS[0], "hour": 1.5})
    with pytest.raises(LiteModelError, match='"hour" is missing'):
        model.predict_encoded({name: v for name, v in ENCODED.items() if name != "hour"})
    with pytest.raises(LiteModelError, match=r"this model has no \['heat'\]"):
        model.predict(ROWS, {"heat": 1})
    with pytest.raises(PullError, match="does not hold a pulled model"):
        millstream.load(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    code = "import millstream, sys; millstream.load('flights')"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path
    )
    assert "which MLflow? give tracking_uri, or set MLFLOW_TRACKING_URI" in done.stderr
    assert not (tmp_path / "mlflow.db").exists()
    with pytest.raises(StoreError, match="no MLflow server answers"):
        millstream.load("flights", "http://127.0.0.1:9")


def test_a_folder_that_has_changed_is_not_loaded(published, tmp_path: Path) -> None:
    registry, _ = published
    registry.pull("flights", tmp_path / "out")
    path = tmp_path / "out" / "model.tflite"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(PullError, match=r"model\.tflite is damaged: expected SHA-256"):
        millstream.load(tmp_path / "out")
