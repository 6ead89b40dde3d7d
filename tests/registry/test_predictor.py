"""The artifact by itself: raw values in, the same predictions as the bytes, nothing else needed."""

from __future__ import annotations

import json
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras_models import CARRIERS, DESTINATIONS, Sample

from registry import LiteModel, ModelRegistry

RAW = {
    "delay": [3.5, -1.25, 0.0, 1e6],
    "hour": [5, 23, 0, 1],
    "weekend": [True, False, False, True],
    "carrier": ["UA", "never seen", "DL", ""],
    "dest": ["BOS", "", "Zürich", "LAX"],
}
ENCODED = {
    "delay": np.array(RAW["delay"], np.float32),
    "hour": np.array(RAW["hour"], np.int32),
    "weekend": np.array(RAW["weekend"]),
    "carrier": np.array([1, 0, 3, 0], np.int32),
    "dest": np.array(
        [1 + zlib.crc32(d.encode()) % DESTINATIONS if d else 0 for d in RAW["dest"]], np.int32
    ),
}


@pytest.fixture
def pulled(flights: ModelRegistry, publication, tmp_path: Path) -> Path:
    flights.publish(publication())
    flights.pull("flights", tmp_path / "out")
    return tmp_path / "out"


@pytest.fixture
def model(pulled: Path):
    import mlflow

    return mlflow.pyfunc.load_model(str(pulled))


@pytest.fixture
def expected(samples: dict[str, Sample]) -> np.ndarray:
    return LiteModel(samples["mlp"].tflite).predict(ENCODED)


ALONE = """
import importlib.abc, json, sys

class Wall(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {
            "tensorflow", "keras", "millstream", "ingest", "trainer", "registry"
        }:
            raise RuntimeError("forbidden import: " + name)

sys.meta_path.insert(0, Wall())
import importlib.metadata
every = importlib.metadata.entry_points  # MLflow looks here for plugins, which are ours as well
importlib.metadata.entry_points = lambda **which: [
    point for point in every(**which) if not point.value.startswith("millstream")
]
import mlflow, numpy as np, pandas as pd
raw = json.loads(sys.argv[1])
answers = []
for uri in sys.argv[3:]:
    mlflow.set_tracking_uri(sys.argv[2])
    model = mlflow.pyfunc.load_model(uri)
    forms = [
        pd.DataFrame(raw),
        {name: np.asarray(values) for name, values in raw.items()},
        [dict(zip(raw, row)) for row in zip(*raw.values())],
    ]
    answers += [model.predict(form).tolist() for form in forms]
print(json.dumps(answers))
"""


def test_it_runs_where_nothing_of_ours_is(
    flights: ModelRegistry, pulled: Path, expected: np.ndarray, tmp_path: Path
) -> None:
    uris = [str(pulled), "models:/flights@champion", "models:/flights/1"]
    done = subprocess.run(
        [sys.executable, "-P", "-c", ALONE, json.dumps(RAW), flights.tracking_uri, *uris],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout.splitlines()[-1])
    assert len(answers) == 9
    for answer in answers:
        np.testing.assert_array_equal(np.array(answer, np.float32), expected)
    assert "Warning" not in done.stderr


def test_the_artifact_is_pinned_signed_and_free_of_pickles(pulled: Path) -> None:
    import importlib.metadata

    pins = (pulled / "requirements.txt").read_text().split()
    names = ("mlflow", "pandas", "numpy", "ai-edge-litert")
    assert pins == [f"{name}=={importlib.metadata.version(name)}" for name in names]
    assert not [p for p in pulled.rglob("*") if p.suffix in (".pkl", ".pickle")]
    text = "".join(p.read_text() for p in pulled.glob("*") if p.suffix != ".tflite" and p.is_file())
    assert str(Path.home()) not in text
    assert "/tmp/" not in text


def test_the_signature_takes_raw_values(model) -> None:
    signature = model.metadata.signature
    found = {c.name: (str(c.type), c.required) for c in signature.inputs}
    assert found == dict.fromkeys(RAW, ("Any", True))
    assert signature.outputs.inputs[0].shape == (-1,)
    assert {p.name: (p.dtype.name, p.default) for p in signature.params} == {
        "batch": ("long", 1024),
        "labels": ("boolean", False),
        "threshold": ("double", None),
    }


def test_the_input_example_can_be_predicted(model, pulled: Path) -> None:
    example = model.metadata.load_input_example(str(pulled))
    assert list(example["carrier"]) == ["UA", "??"]
    assert len(model.predict(example)) == 2


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("delay", np.array(RAW["delay"], np.float64)),
        ("delay", np.array(RAW["delay"], np.float32)),
        ("hour", np.array(RAW["hour"], np.int32)),
        ("hour", np.array(RAW["hour"], np.int8)),
        ("carrier", np.array(RAW["carrier"])),
        ("carrier", pd.array(RAW["carrier"], dtype="string")),
        ("carrier", pd.Series(RAW["carrier"], dtype=object)),
    ],
)
def test_dtypes_are_cast(model, expected: np.ndarray, column: str, values) -> None:
    frame = pd.DataFrame(RAW | {column: values})
    np.testing.assert_array_equal(model.predict(frame), expected)


def test_whole_numbers_are_fine_for_floats(model, samples: dict[str, Sample]) -> None:
    rows = [{name: values[i] for name, values in RAW.items()} | {"delay": 7} for i in range(4)]
    expected = LiteModel(samples["mlp"].tflite).predict(
        ENCODED | {"delay": np.full(4, 7, np.float32)}
    )
    np.testing.assert_array_equal(model.predict(rows), expected)


def test_order_index_and_more_columns_do_not_matter(model, expected: np.ndarray) -> None:
    frame = pd.DataFrame(RAW | {"more": 1}, index=[9, 9, 2, 0])[["more", *reversed(RAW)]]
    np.testing.assert_array_equal(model.predict(frame), expected)


def test_one_record_as_a_dict(model, expected: np.ndarray) -> None:
    record = {name: values[0] for name, values in RAW.items()}
    np.testing.assert_array_equal(model.predict(record), expected[:1])


def test_missing_columns_are_named(model) -> None:
    with pytest.raises(Exception, match=r"missing.*\['dest'\]"):
        model.predict(pd.DataFrame(RAW).drop(columns="dest"))
    with pytest.raises(Exception, match=r"columns \['dest'\] are missing"):
        model.unwrap_python_model().predict(None, pd.DataFrame(RAW).drop(columns="dest"))


@pytest.mark.parametrize(
    ("column", "values", "told"),
    [
        ("delay", [1.0, float("nan"), 2.0, 3.0], r'"delay", row 1: expected float32, got .*nan'),
        ("delay", [1.0, 2.0, 1e39, 3.0], r'"delay", row 2: expected float32'),
        ("delay", ["1", "2", "3", "4"], r'"delay": expected float32, got .*\'1\''),
        ("delay", [True, False, True, True], r'"delay": expected float32'),
        ("hour", [1, 2, 3, 2**31], r'"hour", row 3: expected int32'),
        ("hour", [1.5, 2.0, 3.0, 4.0], r'"hour", row 0: expected int32'),
        ("weekend", [1, 0, 1, 0], r'"weekend": expected bool'),
        ("carrier", ["UA", None, "AA", "DL"], r'"carrier": expected a string, got a missing'),
        ("carrier", ["UA", 5, "AA", "DL"], r'"carrier": expected a string, got 5'),
    ],
)
def test_values_that_do_not_fit_are_told(model, column: str, values, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        model.unwrap_python_model().predict(None, pd.DataFrame(RAW | {column: values}))


def test_no_rows_no_predictions(model) -> None:
    assert model.predict(pd.DataFrame(RAW).iloc[:0]).shape == (0,)


def test_only_categories_as_lists_of_strings() -> None:
    from registry.predictor import encode

    wrapped = pd.DataFrame([{"carrier": ["AA", "x"]}])["carrier"].to_numpy()
    field = {"name": "carrier", "dtype": "category", "vocabulary": CARRIERS, "buckets": 0}
    assert encode(field, wrapped).tolist() == [2, 0]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(), min_size=1), st.integers(1, 1000))
def test_buckets_follow_crc32(values: list[str], buckets: int) -> None:
    from registry.predictor import encode

    field = {"name": "c", "dtype": "category", "vocabulary": [], "buckets": buckets}
    try:
        expected = [1 + zlib.crc32(v.encode()) % buckets if v else 0 for v in values]
    except UnicodeEncodeError:
        return
    got = encode(field, np.array(values, dtype=object))
    assert got.dtype == np.int32
    assert got.tolist() == expected


@pytest.mark.parametrize("name", ["cnn", "softmax", "regression"])
def test_every_kind_of_model_is_served(
    samples: dict[str, Sample], name: str, flights: ModelRegistry, publication, tmp_path: Path
) -> None:
    import mlflow

    from registry import Artifact

    sample = samples[name]
    flights.publish(
        publication(
            artifact=Artifact("float32", sample.tflite),
            float32=sample.tflite,
            schema=sample.schema,
            example={key: values[:2].tolist() for key, values in sample.features.items()},
        )
    )
    flights.pull("flights", tmp_path / "out")
    model = mlflow.pyfunc.load_model(str(tmp_path / "out"))
    np.testing.assert_array_equal(
        model.predict(pd.DataFrame(sample.features)),
        LiteModel(sample.tflite).predict(sample.features),
    )
