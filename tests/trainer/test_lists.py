"""Features that are lists, moments and numbers of other widths, from check to prediction."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import trainer
from trainer import FeatureSpec, Learner, ModelError, TrainSettings

ROWS, WIDTH = 200, 6
SPECS = {
    "shape": FeatureSpec((WIDTH,), "float32"),
    "ids": FeatureSpec((3,), "int32"),
    "when": FeatureSpec((), "timestamp"),
    "amount": FeatureSpec((), "float64"),
}


def make_model(**shapes: tuple[int, ...]) -> keras.Model:
    shape = keras.Input(shapes.get("shape", (WIDTH,)), name="shape")
    ids = keras.Input((3,), name="ids", dtype="int32")
    when = keras.Input((1,), name="when", dtype="int64")
    amount = keras.Input((1,), name="amount")
    hidden = keras.layers.Concatenate()(
        [
            keras.layers.Flatten()(shape),
            keras.layers.Flatten()(keras.layers.Embedding(5, 2)(ids)),
            keras.ops.cast(when % 86_400_000, "float32") / 86_400_000.0,
            amount,
        ]
    )
    model = keras.Model([shape, ids, when, amount], keras.layers.Dense(1, "sigmoid")(hidden))
    model.compile(optimizer="adam", loss="binary_crossentropy")
    return model


def make_features() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {
        "shape": random.normal(size=(ROWS, WIDTH)).astype(np.float32),
        "ids": random.integers(0, 5, (ROWS, 3)).astype(np.int32),
        "when": random.integers(1_700_000_000_000, 1_800_000_000_000, ROWS),
        "amount": random.normal(size=ROWS),
    }


@pytest.mark.parametrize("shape", [(WIDTH,), (WIDTH, 1)])
def test_lists_are_checked_trained_and_predicted(shape):
    model = make_model(shape=shape)
    trainer.check_inputs(model, SPECS)
    features, labels = make_features(), np.arange(ROWS) % 2
    learner = Learner(model)
    dataset = tf.data.Dataset.from_tensor_slices((features, labels)).batch(50).repeat(2)
    report = learner.train(dataset, 4, (features, labels, None), TrainSettings(epochs=2))
    assert report.diverged is None
    assert report.epochs == 2
    found = learner.predict(features)
    given = {n: features[n] if n in {"shape", "ids"} else features[n][:, None] for n in features}
    assert found.shape == (ROWS,)
    np.testing.assert_allclose(found, model.predict(given, verbose=0)[:, 0], rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "spec", "expected"),
    [
        ("shape", FeatureSpec((5,)), r"expected shape \(5,\): a list of 5 a row.*got shape \(6,\)"),
        ("shape", FeatureSpec(), r"expected shape \(1,\) or \(\): one value a row.*its length"),
        (
            "amount",
            FeatureSpec((2,)),
            r'a list of 2 a row.*write keras.Input\(\(2,\), name="amount"\)',
        ),
        (
            "amount",
            FeatureSpec((), "timestamp"),
            r"holds timestamp.*got float32; .*dtype=\"int64\"",
        ),
        ("ids", FeatureSpec((3,), "float32"), r'holds float32.*got int32; .*dtype="float32"'),
        ("ids", FeatureSpec((3,), "int64"), r"expected a type that holds int64.*got int32"),
        ("when", FeatureSpec((), "float64"), r"holds float64, the feature's: .*got int64"),
    ],
)
def test_an_input_of_another_shape_or_type_is_refused(name, spec, expected):
    with pytest.raises(ModelError, match=f'model input "{name}".*{expected}'):
        trainer.check_inputs(make_model(), SPECS | {name: spec})


def test_rows_of_another_width_are_refused_when_they_are_predicted():
    learner = Learner(make_model())
    with pytest.raises(ModelError, match=r"a list of 5 a row"):
        learner.predict(make_features() | {"shape": np.zeros((ROWS, 5), np.float32)})
    assert learner.predict({n: f[:0] for n, f in make_features().items()}).shape == (0,)
