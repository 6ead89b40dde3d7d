"""Exports of one model again and again: the bytes of a conversion, mostly without one."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import registry.reexport
from registry import ExportError, LiteModel, export_again, export_float32, rehearse_export

DRAW = np.random.default_rng(3)


def made(*inner: Any, shape: tuple[int, ...] = (4,)) -> keras.Model:
    """A small model with some layers inside."""
    value = entry = keras.Input(shape, name="x")
    for layer in inner:
        value = layer(value)
    return keras.Model(entry, layers.Dense(1, activation="sigmoid")(value))


def learn(model: keras.Model, *, but: tuple[str, ...] = ()) -> None:
    """New weights, as after a round."""
    for variable in model.trainable_variables:
        if variable.path not in but:
            variable.assign(DRAW.normal(size=variable.shape))


def test_the_third_export_is_no_conversion_and_has_its_bytes(conversions: list[str]) -> None:
    numbers = keras.Input((3,), name="numbers")
    word = keras.Input((1,), name="word", dtype="int32")
    image = keras.Input((6, 6, 2), name="image")
    parts = [
        layers.Dense(5, activation="relu")(numbers),
        layers.Flatten()(layers.Embedding(7, 3)(word)),
        layers.GlobalAveragePooling2D()(layers.Conv2D(3, (3, 2), activation="relu")(image)),
    ]
    hidden = layers.Dropout(0.2)(layers.Concatenate()(parts))
    model = keras.Model([numbers, word, image], layers.Dense(2)(hidden))
    for _ in range(4):
        learn(model)
        assert export_again(model) == export_float32(model)
    assert len(conversions) == 2


def test_a_weight_that_never_changed_is_not_put_where_it_might_be(conversions: list[str]) -> None:
    frozen = layers.Dense(3, "relu", name="frozen")
    model = made(frozen)
    for _ in range(3):
        learn(model, but=("frozen/kernel", "frozen/bias"))
        export_again(model)
    assert len(conversions) == 2
    learn(model)  # all of them
    assert export_again(model) == export_float32(model)
    assert len(conversions) == 3
    learn(model)
    assert export_again(model) == export_float32(model)
    assert len(conversions) == 4  # its bias had been zeros
    learn(model)
    assert export_again(model) == export_float32(model)
    assert len(conversions) == 4


@pytest.mark.parametrize("value", [0.0, 1.0, 0.5])
def test_weights_that_converters_fold_are_converted(conversions: list[str], value: float) -> None:
    model = made(layers.Dense(4, "relu", name="inner"))
    for _ in range(3):
        learn(model)
        export_again(model)
    model.get_layer("inner").bias.assign(np.full(4, value))
    assert export_again(model) == export_float32(model)
    assert len(conversions) == 3


def test_weights_that_are_folded_into_others_are_always_converted(conversions: list[str]) -> None:
    normalized = made(layers.Dense(4), layers.BatchNormalization(), layers.Activation("relu"))
    for _ in range(4):
        learn(normalized)
        assert export_again(normalized) == export_float32(normalized)
    assert len(conversions) == 4


class Positive(layers.Layer):  # type: ignore[misc]
    """A layer with a function of its weights, which does nothing while all are positive."""

    def build(self, shape: Any) -> None:
        """One kernel."""
        self.kernel = self.add_weight(shape=(shape[-1], 3), name="kernel")

    def call(self, x: Any) -> Any:
        """Rows times absolute values."""
        return keras.ops.matmul(x, keras.ops.abs(self.kernel))


def test_weights_of_which_something_is_made_are_always_converted(conversions: list[str]) -> None:
    positive = Positive()
    model = made(positive)
    for least in (0.1, 0.1, -0.0002):  # the last is less than a comparison of predictions would see
        learn(model)
        positive.kernel.assign(np.linspace(least, DRAW.uniform(1, 2), 12).reshape(4, 3))
        assert export_again(model) == export_float32(model)
    assert len(conversions) == 3


def test_a_place_that_is_in_doubt_is_none() -> None:
    square = DRAW.normal(size=(3, 3)).astype(np.float32)
    symmetric = square + square.T
    assert registry.reexport.find_place(square.T.tobytes(), [0], square) is not None
    assert registry.reexport.find_place(symmetric.tobytes(), [0], symmetric) is None
    column = square[:, :1]
    assert registry.reexport.find_place(column.tobytes(), [0], column) is not None
    assert registry.reexport.find_place(column.tobytes() * 2, [0, column.nbytes], column) is None


class Scaled(layers.Layer):  # type: ignore[misc]
    """A function with a number in it that no variable holds."""

    by = 2.5

    def call(self, x: Any) -> Any:
        """A wave."""
        return keras.ops.sin(x * self.by)


def test_a_number_in_the_function_is_seen(conversions: list[str]) -> None:
    scaled = Scaled()
    model = made(layers.Dense(4, "relu"), scaled)
    for _ in range(3):
        learn(model)
        export_again(model)
    assert len(conversions) == 2
    scaled.by = 2.5001  # less than a comparison of predictions would see
    learn(model)
    assert export_again(model) == export_float32(model)
    assert len(conversions) == 3


def test_new_bytes_are_checked_against_the_model() -> None:
    model = made(layers.Dense(4, "relu"))
    for _ in range(3):
        learn(model)
        tflite = export_again(model)
    rows = {"x": DRAW.normal(size=(5, 4)).astype(np.float32)}
    expected = np.asarray(model(rows["x"]))[:, 0]
    np.testing.assert_allclose(LiteModel(tflite).predict(rows), expected, rtol=1e-5)


def test_a_rehearsed_model_is_not_converted_any_more_and_is_what_it_was(
    conversions: list[str],
) -> None:
    model = made(layers.Dense(4, "relu"), layers.Dropout(0.2, seed=3))  # its bias is zeros
    before = [variable.numpy() for variable in model.variables]
    rehearse_export(model, lambda: False)
    for variable, value in zip(model.variables, before, strict=True):
        assert np.array_equal(variable.numpy(), value)
    assert len(conversions) == 2
    for _ in range(2):
        learn(model)
        assert export_again(model) == export_float32(model)
    assert len(conversions) == 2


def test_a_rehearsed_model_is_converted_where_its_own_weights_are_of_a_special_kind(
    conversions: list[str],
) -> None:
    model = made(layers.Dense(4, "relu"))
    rehearse_export(model, lambda: False)
    assert export_again(model) == export_float32(model)  # with zeros for a bias
    assert len(conversions) == 3


def test_frozen_weights_of_a_special_kind_do_not_matter(conversions: list[str]) -> None:
    model = made(layers.Dense(4, "relu", name="frozen", trainable=False))
    rehearse_export(model, lambda: False)
    learn(model)
    assert export_again(model) == export_float32(model)
    assert len(conversions) == 2


@pytest.mark.parametrize(
    "layer", [layers.BatchNormalization(), Positive()], ids=lambda one: one.name
)
def test_a_model_that_must_always_be_converted_is_not_rehearsed(
    layer: Any, conversions: list[str]
) -> None:
    rehearse_export(made(layers.Dense(4), layer), lambda: False)
    assert not conversions


def test_a_large_model_is_not_rehearsed(
    conversions: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry.reexport, "MOST_REHEARSED", 4)
    rehearse_export(made(), lambda: False)
    assert not conversions


def test_a_rehearsal_stops_between_two_conversions(conversions: list[str]) -> None:
    answers = iter((False, True))
    rehearse_export(made(), lambda: next(answers))
    assert len(conversions) == 1


def test_a_rehearsal_that_fails_leaves_the_weights_as_they_were(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(_: keras.Model) -> bytes:
        raise ExportError("no such operation")

    model = made(layers.Dense(4, "relu"))
    before = model.get_weights()
    monkeypatch.setattr(registry.reexport, "export_float32", refused)
    with pytest.raises(ExportError):
        rehearse_export(model, lambda: False)
    for value, was in zip(model.get_weights(), before, strict=True):
        assert np.array_equal(value, was)
