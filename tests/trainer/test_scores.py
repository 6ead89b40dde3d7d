"""Scores of rows are what a tape says of each row alone."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import Data, make_data, make_dataset, make_model

import trainer
from trainer.scoring.forward import CHUNK
from trainer.scoring.scores import check_score

KINDS = ("loss", "gradient_norm")


def one_input(
    outputs: int,
    activation: Any = None,
    loss: Any = "mse",
    after: Any = None,
    **options: Any,
) -> keras.Model:
    keras.utils.set_random_seed(3)
    given = keras.Input((4,), name="x")
    hidden = keras.layers.Dense(5, activation="relu", kernel_regularizer="l2")(given)
    found = keras.layers.Dense(outputs, activation=activation, name="last", **options)(hidden)
    model = keras.Model(given, found if after is None else after(found))
    model.compile("adam", loss)
    return model


def rows(count: int, classes: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(count, 4)).astype(np.float32)
    labels = rng.integers(0, classes, count) if classes else rng.normal(size=count)
    return {"x": x}, labels.astype(np.int32 if classes else np.float32)


def row_by_row(
    model: keras.Model,
    features: Mapping[str, np.ndarray],
    labels: np.ndarray,
    loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
) -> dict[str, np.ndarray]:
    """The loss of each row, and the norm of its gradient by the last Dense layer, one at a time."""
    last = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)][-1]
    found: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for row in range(len(labels)):
        inputs = {name: tf.constant(array[row : row + 1]) for name, array in features.items()}
        with tf.GradientTape() as tape:
            output = model(inputs if len(inputs) > 1 else next(iter(inputs.values())))
            value = tf.reduce_sum(loss(tf.constant(labels[row : row + 1]), output))
        gradients = tape.gradient(value, [w.value for w in last.trainable_weights])
        found["loss"].append(float(value))
        found["gradient_norm"].append(float(tf.linalg.global_norm(gradients)))
    return {kind: np.array(values) for kind, values in found.items()}


def binary(labels: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
    y = tf.cast(labels, tf.float32)
    p = tf.reshape(output, [-1])
    return -(y * tf.math.log(p) + (1 - y) * tf.math.log(1 - p))


def sparse(labels: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
    return -tf.math.log(tf.gather(output, tf.cast(labels, tf.int32), batch_dims=1))


def squared(labels: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
    return tf.square(tf.cast(labels, tf.float32) - tf.reshape(output, [-1]))


def test_binary_of_several_inputs(model: keras.Model) -> None:
    data = make_data(40)
    expected = row_by_row(model, data.features, data.labels, binary)
    learner = trainer.Learner(model)
    for kind in KINDS:
        got = learner.scores(data.features, data.labels, kind)
        assert got.dtype == np.float64
        np.testing.assert_allclose(got, expected[kind], rtol=1e-4)


def own_loss(y_true: Any, y_pred: Any) -> Any:
    return tf.square(y_true - y_pred)[:, 0]


CASES: dict[str, tuple[Callable[[], keras.Model], int, Any]] = {
    "softmax": (lambda: one_input(3, "softmax", "sparse_categorical_crossentropy"), 3, sparse),
    "softmax as a layer": (
        lambda: one_input(
            3, None, keras.losses.SparseCategoricalCrossentropy(), keras.layers.Softmax()
        ),
        3,
        sparse,
    ),
    "regression": (lambda: one_input(1), 0, squared),
    "without a bias": (lambda: one_input(1, "tanh", use_bias=False), 0, squared),
    "flat output": (lambda: one_input(1, after=keras.layers.Reshape(())), 0, squared),
    "own function": (lambda: one_input(1, loss=own_loss), 0, squared),
    "summed": (lambda: one_input(1, loss=keras.losses.MeanSquaredError("sum")), 0, squared),
}


@pytest.mark.parametrize("case", CASES)
def test_scores_are_those_of_each_row_alone(case: str) -> None:
    build, classes, loss = CASES[case]
    model = build()
    features, labels = rows(30, classes)
    expected = row_by_row(model, features, labels, loss)
    for kind in KINDS:
        got = trainer.Learner(model).scores(features, labels, kind)
        np.testing.assert_allclose(got, expected[kind], rtol=1e-4, atol=1e-6)


def test_a_loss_of_several_outputs_counts_with_their_mean_or_sum() -> None:
    features, _ = rows(6)
    labels = np.zeros((6, 2), np.float32)
    for reduction, expected in (("sum_over_batch_size", 1.5), ("sum", 3.0)):

        class Fixed(keras.losses.Loss):
            def call(self, y_true: Any, y_pred: Any) -> Any:
                return 0 * y_pred + [1.0, 2.0]

        model = one_input(2, loss=Fixed(reduction=reduction))
        got = trainer.Learner(model).scores(features, labels)
        assert got.tolist() == [expected] * 6
        assert keras.losses.get(model.loss).reduction == reduction


def test_a_sequential_model_is_scored_too() -> None:
    layers = [keras.Input((4,), name="x"), keras.layers.Dense(3), keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    model.compile("adam", "mse")
    features, labels = rows(10)
    expected = row_by_row(model, features, labels, squared)
    for kind in KINDS:
        got = trainer.Learner(model).scores(features, labels, kind)
        np.testing.assert_allclose(got, expected[kind], rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_neighbours_and_chunks_change_nothing_but_rounding(model: keras.Model, kind: str) -> None:
    data = make_data(CHUNK + 700)
    learner = trainer.Learner(model)
    got = learner.scores(data.features, data.labels, kind)
    again = learner.scores(data.features, data.labels, kind)
    assert got.tobytes() == again.tobytes()
    for some in (slice(0, 1), slice(CHUNK - 3, CHUNK + 9), slice(CHUNK, None)):
        features = {name: array[some] for name, array in data.features.items()}
        alone = learner.scores(features, data.labels[some], kind)
        np.testing.assert_allclose(alone, got[some], rtol=1e-4, atol=1e-7)
    assert learner.scores({n: a[:0] for n, a in data.features.items()}, data.labels[:0]).size == 0


@pytest.mark.parametrize("kind", KINDS)
def test_training_changes_scores_and_scores_change_no_training(data: Data, kind: str) -> None:
    weights = []
    for scored in (False, True):
        keras.utils.set_random_seed(7)
        learner = trainer.Learner(make_model())
        if scored:
            before = learner.scores(data.features, data.labels, kind)
        learner.train(*make_dataset(data, 3), settings=trainer.TrainSettings(epochs=3))
        weights.append([v.numpy().tobytes() for v in learner.model.variables])
    assert weights[0] == weights[1]
    assert learner.scores(data.features, data.labels, kind).mean() < before.mean()


def test_huge_features_are_named() -> None:
    features, labels = rows(5)
    features["x"][2] = 3e38
    learner = trainer.Learner(one_input(1))
    learner.model.layers[1].kernel.assign(np.ones((4, 5)))
    for kind in KINDS:
        with pytest.raises(trainer.TrainingError, match=r"for row 2, and 1 such of 5 rows"):
            learner.scores(features, labels, kind)


def test_a_negative_loss_cannot_be_a_score() -> None:
    features, labels = rows(5)
    learner = trainer.Learner(one_input(1, loss=lambda y, p: p - 100.0))
    with pytest.raises(trainer.TrainingError, match='use score = "gradient_norm"'):
        learner.scores(features, labels)
    assert (learner.scores(features, labels, "gradient_norm") > 0).all()


def test_what_cannot_be_scored_is_refused() -> None:
    features, labels = rows(5)
    normal = one_input(1, after=keras.layers.BatchNormalization())
    doubled = one_input(1, after=lambda found: keras.layers.Add()([found, found]))
    for model in (normal, doubled):
        with pytest.raises(trainer.ModelError, match='use score = "loss"'):
            check_score(model, "gradient_norm")
        check_score(model, "loss")
    given = keras.Input((4,), name="x")
    steps = keras.layers.Dense(1)(keras.layers.Reshape((2, 2))(given))
    model = keras.Model(given, keras.layers.Flatten()(steps))
    model.compile("adam", "mse")
    with pytest.raises(trainer.ModelError, match=r"got Dense dense.* of input \(None, 2, 2\)"):
        check_score(model, "gradient_norm")
    with pytest.raises(trainer.ModelError, match="one number for all of them"):
        trainer.Learner(one_input(1, loss=lambda y, p: tf.reduce_mean(p))).scores(features, labels)
    with pytest.raises(trainer.SettingsError, match='did you mean "gradient_norm"'):
        check_score(normal, "gradient")  # type: ignore[arg-type]
    with pytest.raises(trainer.ModelError, match='model input "x"'):
        trainer.Learner(one_input(1)).scores({"y": features["x"]}, labels)
