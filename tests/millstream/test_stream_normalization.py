"""A model that normalises with the stream's statistics: exports take raw values, int8 ones too."""

from __future__ import annotations

import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers

from ingest import Field, Rows, Schema, Statistics
from millstream import StreamNormalization
from millstream.trainable import check_fits
from registry import (
    Artifact,
    LadderSettings,
    LiteModel,
    Subject,
    export_float32,
    ladder,
    op_names,
    weights,
)
from trainer import (
    Evidence,
    Learner,
    ModelError,
    ScoreGate,
    TrainSettings,
    score,
    set_statistics,
)

ROWS = 3000
SIZES = 10.0 ** np.arange(4, -4, -1)
SCHEMA = Schema(
    (
        Field("list", "float32", length=8),
        Field("price", "float32"),
        Field("at", "timestamp"),
        Field("late", "bool", "label"),
    )
)
PLAIN_OPS = {"SUB", "MUL", "DIV", "CAST", "CONCATENATION", "FULLY_CONNECTED", "LOGISTIC"}


def make_rows(seed: int) -> Rows:
    """Features of very different sizes, far from 0; each place of the list counts as much."""
    random = np.random.default_rng(seed)
    normal = random.normal(size=(ROWS, 10))
    zeros = np.zeros(ROWS, np.int32)
    columns = {
        "list": (SIZES * (3 + normal[:, :8])).astype(np.float32),
        "price": (1e5 + 10 * normal[:, 8]).astype(np.float32),
        "at": 1_700_000_000_000 + (60_000 * normal[:, 9]).astype(np.int64),
        "late": normal @ np.tile([1.0, -1.0], 5) > 0,
    }
    offsets = np.arange(ROWS)
    return Rows(("t",), zeros, zeros, offsets, offsets, columns)


def make_model(layer: type[keras.layers.Layer] = StreamNormalization) -> keras.Model:
    keras.utils.set_random_seed(3)
    inputs = {
        "list": keras.Input((8,), name="list"),
        "price": keras.Input((1,), name="price"),
        "at": keras.Input((1,), name="at", dtype="int64"),
    }
    wide = layers.Dense(256, activation="relu")(layer("list")(inputs["list"]))
    rest = [layer(name)(inputs[name]) for name in ("price", "at")]
    hidden = layers.Dense(64, activation="relu")(layers.Concatenate()([wide, *rest]))
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(hidden))
    model.compile(optimizer=keras.optimizers.Adam(1e-2), loss="binary_crossentropy")
    return model


@pytest.fixture(scope="module")
def model() -> keras.Model:
    """Trained for a few epochs on raw values, with the statistics of its rows."""
    import tensorflow as tf

    rows, made = make_rows(0), make_model()
    known = Statistics.empty(SCHEMA).updated(rows)
    set_statistics(made, {name: (known.mean(name), known.variance(name)) for name in known.numeric})
    batches = tf.data.Dataset.from_tensor_slices((rows.features(SCHEMA), rows.labels(SCHEMA)))
    report = Learner(made).train(
        batches.batch(100).repeat(6), 30, None, TrainSettings(epochs=6, monitor="loss")
    )
    assert report.diverged is None
    return made


@pytest.fixture(scope="module")
def float32(model: keras.Model) -> bytes:
    return export_float32(model)


def test_an_export_takes_raw_values_in_plain_arithmetic(model, float32: bytes) -> None:
    rows = make_rows(1)
    features = rows.features(SCHEMA)
    assert set(op_names(float32)) <= PLAIN_OPS
    served = LiteModel(float32).predict(features)
    asked = model.predict({**features, "at": features["at"][:, None]}, verbose=0)[:, 0]
    np.testing.assert_allclose(served, asked, atol=1e-4)
    assert score("binary", rows.labels(SCHEMA), served)["auc"] > 0.97


def test_int8_is_as_good_for_the_gate(float32: bytes) -> None:
    rows = make_rows(1)
    features, labels = rows.features(SCHEMA), rows.labels(SCHEMA)
    found = ladder(Subject(float32), LadderSettings(rungs=("int8",)))
    outputs = {}
    for rung in found:
        assert isinstance(rung, Artifact), rung
        outputs[rung.rung] = LiteModel(rung.tflite).predict(features)
    difference = float(np.abs(outputs["int8"] - outputs["float32"]).max())
    scores = {name: score("binary", labels, output) for name, output in outputs.items()}
    evidence = Evidence(
        candidate=scores["int8"],
        float32=scores["float32"],
        champion=None,
        output_difference=difference,
        rows=ROWS,
    )
    verdict = ScoreGate("auc").decide(evidence)
    assert verdict.promote, verdict.reason


def test_the_sizes_of_features_do_not_get_into_the_weights(model, float32: bytes) -> None:
    largest = max(float(np.abs(w).max()) for w in model.get_weights() if w.ndim == 2)
    exported = max(float(np.abs(w.values).max()) for w in weights(float32))
    assert exported == pytest.approx(largest)


@pytest.mark.parametrize(
    ("feature", "got"),
    [("lsit", 'got "lsit", which is none; did you mean "list"'), ("kind", 'got "kind"')],
)
def test_a_model_that_normalises_what_has_no_mean_is_refused_at_once(feature, got) -> None:
    schema = Schema((*SCHEMA.fields, Field("kind", "category", vocabulary=("a",))))
    entry = keras.Input((8,), name="list")
    model = keras.Model({"list": entry}, layers.Dense(1)(StreamNormalization(feature)(entry)))
    with pytest.raises(ModelError, match=got):
        check_fits(model, schema)


def test_millstream_names_the_layer_without_importing_tensorflow() -> None:
    code = (
        "import millstream, sys\n"
        "assert 'StreamNormalization' in millstream.__all__\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)\n"
        "assert millstream.StreamNormalization('x').feature == 'x'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
