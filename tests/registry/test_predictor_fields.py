"""Lists, moments, wide numbers and defaults, from raw values to predictions of what ships."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from keras_models import field
from test_predictor import ALONE

from registry import (
    Artifact,
    LadderSettings,
    LiteModel,
    ModelRegistry,
    Subject,
    export_float32,
    ladder,
)
from registry.predictor import InputError, encode

ROWS, WIDTH = 8, 5
TAGS = ("red", "green")
FIELDS = [
    field("shape", "float32", length=WIDTH),
    field("tags", "category", length=2, vocabulary=list(TAGS)),
    field("when", "timestamp"),
    field("amount", "float64", default=2),
    field("hours", "int32", length=3, default=-1),
    field("late", "bool", role="label"),
]
MOMENTS = 1_700_000_000_000 + 86_399_123 * np.arange(ROWS)


def make_model() -> Any:
    import keras
    from keras import layers, ops

    keras.utils.set_random_seed(5)
    inputs = {
        "shape": keras.Input((WIDTH, 1), name="shape"),
        "tags": keras.Input((2,), name="tags", dtype="int32"),
        "when": keras.Input((1,), name="when", dtype="int64"),
        "amount": keras.Input((1,), name="amount", dtype="float64"),
        "hours": keras.Input((3,), name="hours", dtype="int32"),
    }
    parts = [
        layers.Flatten()(layers.Conv1D(2, 3)(inputs["shape"])),
        layers.Flatten()(layers.Embedding(3, 2)(inputs["tags"])),
        ops.cast(inputs["when"] % 86_400_000, "float32") / 86_400_000.0,
        ops.cast(inputs["amount"], "float32"),
        ops.cast(inputs["hours"], "float32") / 24.0,
    ]
    hidden = layers.Dense(64, "relu")(layers.Concatenate()(parts))
    return keras.Model(inputs, layers.Dense(1, "sigmoid")(hidden))


@pytest.fixture(scope="module")
def raw() -> dict[str, Any]:
    random = np.random.default_rng(3)
    words = random.choice([*TAGS, "never seen"], (ROWS, 2))
    return {
        "shape": random.normal(size=(ROWS, WIDTH)).astype(np.float32),
        "tags": words,
        "when": np.array([moment_text(ms) for ms in MOMENTS.tolist()], object),
        "amount": random.normal(size=ROWS),
        "hours": random.integers(0, 24, (ROWS, 3)),
    }


def moment_text(ms: int) -> str:
    moment = datetime.fromtimestamp(ms / 1000, timezone(timedelta(hours=2)))
    return moment.isoformat(timespec="milliseconds")


@pytest.fixture(scope="module")
def exported(raw) -> tuple[bytes, np.ndarray]:
    """The model's bytes, and what Keras predicts for the raw rows."""
    keras_model = make_model()
    codes = np.vectorize({**{w: i + 1 for i, w in enumerate(TAGS)}, "never seen": 0}.get)
    features = {
        "shape": raw["shape"][..., None],
        "tags": codes(raw["tags"]).astype(np.int32),
        "when": MOMENTS[:, None],
        "amount": raw["amount"][:, None],
        "hours": raw["hours"].astype(np.int32),
    }
    return export_float32(keras_model), keras_model.predict(features, verbose=0)[:, 0]


@pytest.fixture
def served(flights: ModelRegistry, publication, raw, exported, tmp_path: Path):
    """The loaded MLflow model, and what Keras predicts for the raw rows."""
    import mlflow

    tflite, expected = exported
    flights.publish(
        publication(
            artifact=Artifact("float32", tflite),
            float32=tflite,
            schema={"fields": FIELDS, "task": "binary"},
            example={name: np.asarray(values)[:2].tolist() for name, values in raw.items()},
        )
    )
    flights.pull("flights", tmp_path / "out")
    return mlflow.pyfunc.load_model(str(tmp_path / "out")), expected


def test_every_form_of_the_rows_is_predicted(served, raw) -> None:
    model, expected = served
    lists = {name: np.asarray(values).tolist() for name, values in raw.items()}
    frame = pd.DataFrame(lists)
    forms = [
        frame,
        frame.assign(shape=list(raw["shape"])),
        raw,
        lists,
        [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)],
        frame.assign(when=MOMENTS),
        frame.assign(when=pd.to_datetime(MOMENTS, unit="ms")),
        frame.assign(when=pd.to_datetime(MOMENTS, unit="ms", utc=True)),
        frame.assign(when=[datetime.fromtimestamp(ms / 1000, UTC) for ms in MOMENTS.tolist()]),
    ]
    for form in forms:
        np.testing.assert_allclose(model.predict(form), expected, atol=1e-6)


def test_lists_moments_and_defaults_need_nothing_of_ours(
    served, raw, flights: ModelRegistry, tmp_path: Path
) -> None:
    _, expected = served
    plain = {name: np.asarray(values).tolist() for name, values in raw.items()}
    for given in (plain, {n: v for n, v in plain.items() if n not in {"amount", "hours"}}):
        arguments = (json.dumps(given), flights.tracking_uri, str(tmp_path / "out"))
        done = subprocess.run(
            [sys.executable, "-P", "-c", ALONE, *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        answers = np.array(json.loads(done.stdout.splitlines()[-1]))
        assert answers.shape == (3, ROWS)
        if given is plain:
            np.testing.assert_allclose(answers, np.tile(expected, (3, 1)), atol=1e-6)


def test_a_value_or_a_column_with_a_default_may_be_missing(served, raw) -> None:
    model, _ = served
    frame = pd.DataFrame({name: np.asarray(values).tolist() for name, values in raw.items()})
    amounts, hours = frame["amount"].tolist(), frame["hours"].tolist()
    expected = model.predict(frame.assign(amount=[2.0, *amounts[1:]], hours=[[-1] * 3, *hours[1:]]))
    left_out = frame.assign(amount=[None, *amounts[1:]], hours=[None, *hours[1:]])
    np.testing.assert_array_equal(model.predict(left_out), expected)
    absent = frame.drop(columns=["amount", "hours"])
    given = frame.assign(amount=2.0, hours=[[-1] * 3] * ROWS)
    np.testing.assert_array_equal(model.predict(absent), model.predict(given))
    with pytest.raises(Exception, match=r"missing.*when"):
        model.predict(frame.drop(columns="when"))


def test_the_signature_says_what_may_be_missing(served) -> None:
    model, _ = served
    found = {c.name: (str(c.type), c.required) for c in model.metadata.signature.inputs}
    optional = {"amount", "hours"}
    assert found == {f["name"]: ("Any", f["name"] not in optional) for f in FIELDS[:-1]}


def test_lists_climb_the_ladder(raw, exported, quantizer) -> None:
    float32, *rungs = ladder(Subject(exported[0]), LadderSettings(), quantizer)
    features = {f["name"]: encode(f, raw[f["name"]]) for f in FIELDS[:-1]}
    expected = LiteModel(float32.tflite).predict(features)
    assert {rung.rung for rung in rungs} == {"int8", "pruned_int8"}
    for rung in rungs:
        assert isinstance(rung, Artifact), rung
        assert rung.bytes < float32.bytes
        np.testing.assert_allclose(LiteModel(rung.tflite).predict(features), expected, atol=0.1)


@pytest.mark.parametrize(
    ("place", "values", "told"),
    [
        (0, [[1.0] * WIDTH, [1.0] * 4], r'"shape", row 1: expected a list of 5, got \[1.0,'),
        (0, [[1.0] * WIDTH, 7.0], r'"shape", row 1: expected a list of 5, got 7.0'),
        (0, [[1.0] * WIDTH, None], r'"shape", row 1: expected a list of 5, got None'),
        (0, np.zeros((2, 4)), r'"shape", row 0: expected a list of 5'),
        (0, [[1.0, 2.0, float("inf"), 4.0, 5.0]], r'"shape", row 0: expected float32'),
        (0, [[1.0, "a", 2.0, 3.0, 4.0]], r'"shape": expected float32'),
        (0, [[1.0, None, 2.0, 3.0, 4.0]], r'"shape": expected float32'),
        (0, [[[1.0], 2.0, 3.0, 4.0, 5.0]], r'"shape": expected lists of float32'),
        (1, [["red", 5]], r'"tags": expected a string, got 5'),
        (2, ["2026-01-01T00:00:00"], r'"when": expected milliseconds or a moment, got .*00:00'),
        (2, [datetime(2026, 1, 1)], r'"when": expected milliseconds or a moment, got datetime'),
        (2, ["soon"], r'"when": expected milliseconds or a moment, got .soon'),
        (2, [None], r'"when": expected milliseconds or a moment, got a missing value'),
        (2, [True], r'"when": expected milliseconds or a moment, got True'),
        (2, np.array(["NaT"], "datetime64[ms]"), r"got a missing value"),
        (2, [1.5], r'"when": expected milliseconds or a moment, got 1.5'),
        (2, [2**63], r'"when": expected milliseconds or a moment, got 9223372036854775808'),
        (0, np.zeros((2, WIDTH, 2)), r'"shape": expected lists of float32'),
        (1, [[["red", "red"], ["green", "red"]]], r'"tags": expected lists of category'),
        (1, [["red", ["green"]]], r'"tags": expected a string, got lists or dicts'),
        (3, [float("inf")], r'"amount", row 0: expected float64, got .*inf'),
        (3, ["1"], r'"amount": expected float64, got .*1'),
        (3, [1.0, "a"], r'"amount": expected float64, got .a.'),
        (4, [[1, 2, 2**31]], r'"hours", row 0: expected int32'),
    ],
)
def test_what_does_not_fit_is_told(place: int, values: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        encode(FIELDS[place], values)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_default_stands_for_a_moment_that_is_missing(unit: str) -> None:
    optional = field("when", "timestamp", default=5)
    moment = np.datetime64("2026-01-01T00:00:00", unit)
    expected = [1_767_225_600_000, 5]
    column = np.array([moment, np.datetime64("NaT")])
    assert encode(optional, column).tolist() == expected
    assert encode(optional, pd.Series(column).to_numpy()).tolist() == expected
    assert encode(optional, [moment, None]).tolist() == expected
    assert encode(optional, np.array([1_767_225_600_000, np.nan])).tolist() == expected
    assert encode(optional, [None, None]).tolist() == [5, 5]


def test_a_default_stands_for_a_missing_word_in_a_column_that_mlflow_wrapped() -> None:
    word = field("word", "category", vocabulary=["a", "b"], default="b")
    wrapped = pd.DataFrame([{"word": ["a", None]}])["word"].to_numpy()
    assert encode(word, wrapped).tolist() == [1, 2]


def test_whole_numbers_beyond_64_bits_are_refused() -> None:
    wide = field("wide", "int64")
    assert encode(wide, np.array([-(2.0**63)])).tolist() == [-(2**63)]
    with pytest.raises(InputError, match='"wide", row 0: expected int64'):
        encode(wide, np.array([2.0**63]))


def test_no_rows_have_the_right_shape() -> None:
    shapes = {f["name"]: encode(f, []) for f in FIELDS[:-1]}
    assert {name: (a.shape, a.dtype.name) for name, a in shapes.items()} == {
        "shape": ((0, WIDTH), "float32"),
        "tags": ((0, 2), "int32"),
        "when": ((0,), "int64"),
        "amount": ((0,), "float64"),
        "hours": ((0, 3), "int32"),
    }


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.9999Z", -1),
        ("2026-07-01t12:00:00.123456+02:00", 1_782_900_000_123),
    ],
)
def test_texts_of_moments(text: str, milliseconds: int) -> None:
    assert encode(FIELDS[2], [text]).tolist() == [milliseconds]
