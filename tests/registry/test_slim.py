"""A consumer that has mlflow-skinny, pandas, numpy and ai-edge-litert, and nothing else.

`make test-slim` makes its environment, which takes half a minute, and runs this; elsewhere it is
skipped, and `test_predictor` hides what a consumer does not have.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from keras_models import Sample
from servers import ADMIN, ADMIN_PASSWORD, MlflowServer
from test_predictor import ENCODED, RAW

from registry import LiteModel, ModelRegistry

PYTHON = os.environ.get("MILLSTREAM_SLIM")
ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON, reason="make test-slim makes the environment"),
]
CONSUMER = """
import importlib.util, json, sys, time

absent = ("tensorflow", "keras", "millstream", "registry", "ingest", "trainer", "sqlalchemy")
found = [name for name in absent if importlib.util.find_spec(name)]
assert not found, found
begun = time.perf_counter()
import mlflow.pyfunc
model = mlflow.pyfunc.load_model(sys.argv[1])
import numpy as np, pandas as pd
raw = json.loads(sys.argv[2])
records = [dict(zip(raw, row)) for row in zip(*raw.values())]
first = model.predict(records)
seconds = time.perf_counter() - begun
answers = [
    first,
    model.predict(pd.DataFrame(raw)),
    model.predict({name: np.asarray(values) for name, values in raw.items()}),
    model.predict(records, params={"batch": 1}),
]
decided = model.predict(records, params={"threshold": 0.4})
print(json.dumps([np.asarray(a).tolist() for a in answers] + [decided.tolist(), seconds]))
"""


def consume(uri: str, folder: Path, **environment: str) -> list:
    done = subprocess.run(
        [str(PYTHON), "-I", "-c", CONSUMER, uri, json.dumps(RAW)],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    assert "mismatch" not in done.stderr
    assert "WARNING" not in done.stderr, done.stderr
    *answers, decided, seconds = json.loads(done.stdout.splitlines()[-1])
    print(f"{uri.partition(':')[0]}: imported, loaded and predicted in {seconds:.2f} s")
    return [*answers, decided]


def check(found: list, expected: np.ndarray) -> None:
    *answers, decided = found
    for answer in answers:
        np.testing.assert_allclose(np.array(answer, np.float32), expected, rtol=1e-6)
    assert decided == (expected > 0.4).tolist()


@pytest.fixture
def expected(samples: dict[str, Sample]) -> np.ndarray:
    return LiteModel(samples["mlp"].tflite).predict(ENCODED)


def test_the_environment_has_only_the_four() -> None:
    code = (
        "import importlib.metadata as m; print({d.name.lower() for d in m.distributions()}"
        " & {'mlflow', 'tensorflow', 'keras', 'millstream', 'scikit-learn', 'matplotlib'})"
    )
    done = subprocess.run(
        [str(PYTHON), "-I", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


def test_a_pulled_folder(flights: ModelRegistry, publication, expected, tmp_path: Path) -> None:
    flights.publish(publication())
    flights.pull("flights", tmp_path / "out")
    check(consume(str(tmp_path / "out"), tmp_path), expected)


def test_a_version_from_a_server(publication, expected, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", ADMIN)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", ADMIN_PASSWORD)
    server = MlflowServer(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path)
    server.start()
    try:
        ModelRegistry("flights", server.url).publish(publication())
        found = consume("models:/flights@champion", tmp_path, MLFLOW_TRACKING_URI=server.url)
    finally:
        server.kill()
    check(found, expected)


WITH_MILLSTREAM = """
import sys
sys.path.insert(0, sys.argv[2])
import json
import millstream
model = millstream.load("flights@champion")
followed = next(millstream.follow("flights"))
rows = json.loads(sys.argv[1])
print(json.dumps([model.predict(rows).tolist(), followed.predict(rows).tolist()]))
"""


def test_millstream_loads_and_follows_without_its_other_requirements(
    publication, expected, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", ADMIN)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", ADMIN_PASSWORD)
    server = MlflowServer(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path)
    server.start()
    rows = [dict(zip(RAW, row, strict=True)) for row in zip(*RAW.values(), strict=True)]
    try:
        ModelRegistry("flights", server.url).publish(publication())
        done = subprocess.run(
            [str(PYTHON), "-I", "-c", WITH_MILLSTREAM, json.dumps(rows), str(ROOT)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "MLFLOW_TRACKING_URI": server.url},
            timeout=120,
        )
    finally:
        server.kill()
    assert done.returncode == 0, done.stderr
    for answer in json.loads(done.stdout.splitlines()[-1]):
        np.testing.assert_array_equal(np.array(answer, np.float32), expected)
