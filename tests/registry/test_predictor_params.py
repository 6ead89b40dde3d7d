"""Parameters of a prediction: rows of a call, thresholds, words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from keras_models import Sample, field

from registry import Artifact, LiteModel
from registry.package import stage
from registry.predictor import InputError
from registry.predictor.answer import answer, checked_params

CHANCES = np.array([0.2, 0.5, 0.50001, 0.9], np.float32)
CLASSES = np.array([[0.1, 0.7, 0.2], [0.5, 0.1, 0.4], [0.0, 0.0, 1.0]], np.float32)


def schema_of(task: str, label: dict[str, Any]) -> dict[str, Any]:
    return {"fields": [field("x", "float32"), label], "task": task}


WORDS = schema_of("binary", field("y", "category", role="label", vocabulary=["no", "yes"]))
FLAG = schema_of("binary", field("y", "bool", role="label"))
KINDS = schema_of("multiclass", field("y", "category", role="label", vocabulary=["x", "y", "z"]))


@pytest.fixture(scope="module")
def models(samples: dict[str, Sample], publication, tmp_path_factory) -> dict[str, Any]:
    import mlflow

    loaded = {}
    for name in ("mlp", "cnn", "regression"):
        sample, folder = samples[name], tmp_path_factory.mktemp(name)
        changes = {
            "artifact": Artifact("float32", sample.tflite),
            "float32": sample.tflite,
            "schema": sample.schema,
            "example": {key: values[:2].tolist() for key, values in sample.features.items()},
        }
        stage(publication(**({} if name == "mlp" else changes)), folder)
        loaded[name] = mlflow.pyfunc.load_model(str(folder / "model"))
    return loaded


def test_each_task_has_its_parameters(models) -> None:
    names = {name: [p.name for p in m.metadata.signature.params] for name, m in models.items()}
    assert names == {
        "mlp": ["batch", "labels", "threshold"],
        "cnn": ["batch", "labels"],
        "regression": ["batch"],
    }


def test_a_threshold_decides(models, samples: dict[str, Sample]) -> None:
    features = samples["mlp"].features
    chances = LiteModel(samples["mlp"].tflite).predict(features)
    raw = pd.DataFrame(features).assign(carrier="UA", dest="BOS")
    got = models["mlp"].predict(raw)
    middle = float(np.median(got))
    decided = models["mlp"].predict(raw, params={"threshold": middle})
    assert decided.dtype == bool
    np.testing.assert_array_equal(decided, got > middle)
    assert 0 < decided.sum() < len(decided)
    assert len(chances) == len(got)
    np.testing.assert_array_equal(models["mlp"].predict(raw, params={"labels": True}), got > 0.5)
    np.testing.assert_array_equal(models["mlp"].predict(raw, params={"threshold": 0}), got > 0)


def test_the_words_of_the_best_class(models, samples: dict[str, Sample]) -> None:
    frame = pd.DataFrame(samples["cnn"].features)
    best = models["cnn"].predict(frame).argmax(axis=1)
    words = models["cnn"].predict(frame, params={"labels": True})
    assert words.tolist() == [str(place) for place in best]


@pytest.mark.parametrize("batch", [1, 7, 64, 5000])
def test_the_rows_of_a_call_change_nothing(models, samples: dict[str, Sample], batch: int) -> None:
    for name in ("cnn", "regression"):
        frame = pd.DataFrame(samples[name].features)
        got = models[name].predict(frame, params={"batch": batch})
        np.testing.assert_allclose(got, models[name].predict(frame), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "params", "told"),
    [
        ("mlp", {"batch": 0}, "batch: expected at least 1 row, got 0"),
        ("mlp", {"threshold": 1.5}, "threshold: expected a number from 0 to 1, got 1.5"),
        ("mlp", {"threshold": float("nan")}, "threshold: expected a number from 0 to 1, got nan"),
        ("mlp", {"threshold": "high"}, "Invalid parameters found"),
        ("mlp", {"batch": 2.5}, "Invalid parameters found"),
    ],
)
def test_parameters_that_do_not_fit_are_told(
    models, samples: dict[str, Sample], name: str, params: dict[str, Any], told: str
) -> None:
    raw = pd.DataFrame(samples[name].features).assign(carrier="UA", dest="BOS")
    with pytest.raises(Exception, match=told):
        models[name].predict(raw, params=params)


def test_mlflow_leaves_out_parameters_that_a_model_does_not_have(
    models, samples: dict[str, Sample]
) -> None:
    frame = pd.DataFrame(samples["regression"].features)
    given = models["regression"].predict(frame, params={"threshold": 0.5, "treshold": 1})
    np.testing.assert_array_equal(given, models["regression"].predict(frame))
    with pytest.raises(ValueError, match=r"this model has no \['threshold'\]"):
        models["regression"].unwrap_python_model().predict(None, frame, {"threshold": 0.5})


@pytest.mark.parametrize(
    ("schema", "output", "threshold", "labels", "expected"),
    [
        (WORDS, CHANCES, None, False, CHANCES.tolist()),
        (WORDS, CHANCES, 0.5, False, [False, False, True, True]),
        (WORDS, CHANCES, None, True, ["no", "no", "yes", "yes"]),
        (WORDS, CHANCES, 0.89, True, ["no", "no", "no", "yes"]),
        (FLAG, CHANCES, None, True, [False, False, True, True]),
        (FLAG, np.column_stack([1 - CHANCES, CHANCES]), 0.5, False, [False, False, True, True]),
        (KINDS, CLASSES, None, True, ["y", "x", "z"]),
        (
            schema_of("multiclass", field("y", "int32", role="label")),
            CLASSES,
            None,
            True,
            [1, 0, 2],
        ),
        (WORDS | {"task": "multiclass"}, CLASSES, None, True, ["yes", "no", "2"]),
        (KINDS, CLASSES[:0], None, True, []),
    ],
)
def test_answers(
    schema: dict[str, Any],
    output: np.ndarray,
    threshold: float | None,
    labels: bool,
    expected: list[Any],
) -> None:
    assert answer(schema, output, threshold, labels).tolist() == expected


def test_what_a_task_cannot_answer_is_told() -> None:
    regression = schema_of("regression", field("y", "float32", role="label"))
    with pytest.raises(InputError, match="only a binary task has one, and this one is multiclass"):
        answer(KINDS, CLASSES, 0.5, False)
    with pytest.raises(InputError, match=r"only tasks with classes have them.* is regression"):
        answer(regression, CHANCES, None, True)


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"batch": "64"}, "batch: expected a whole number, got '64'"),
        ({"batch": 2.5}, "batch: expected a whole number, got 2.5"),
        ({"batch": True}, "batch: expected a whole number, got True"),
        ({"threshold": "high"}, "threshold: expected a number, got 'high'"),
        ({"threshold": [0.5]}, r"threshold: expected a number, got \[0.5\]"),
        ({"threshold": False}, "threshold: expected a number, got False"),
        ({"labels": "yes"}, "labels: expected True or False, got 'yes'"),
        ({"labels": 1}, "labels: expected True or False, got 1"),
        ({"treshold": 1}, r"no \['treshold'\]; it has \['batch', 'labels', 'threshold'\]"),
        ({3: 1}, r"no \[3\]"),
        ([("batch", 1)], "params: expected a dict of them, got list"),
    ],
)
def test_without_mlflow_parameters_of_another_type_are_told(
    models, samples: dict[str, Sample], params: Any, told: str
) -> None:
    raw = pd.DataFrame(samples["mlp"].features).assign(carrier="UA", dest="BOS")
    with pytest.raises(ValueError, match=told):
        models["mlp"].unwrap_python_model().predict(None, raw, params)


def test_numbers_of_numpy_are_parameters_and_none_is_not() -> None:
    given = {"batch": np.int32(7), "threshold": np.float32(0.5), "labels": np.bool_(True)}
    assert checked_params("binary", {**given, "threshold": None}) == {
        "batch": 7,
        "labels": True,
    }
    assert checked_params("binary", given) == given
