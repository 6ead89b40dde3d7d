"""Recurrent layers: what Keras predicts, the bytes predict, in one loop of any length."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from registry import LiteModel, export_float32, op_names

STEPS = 7
WORDS = 10


def two_of_a_stack(x: Any) -> Any:
    return layers.GRU(3)(layers.GRU(4, return_sequences=True)(x))


def both_ways(x: Any) -> Any:
    return layers.GRU(3)(layers.Bidirectional(layers.LSTM(4, return_sequences=True))(x))


def cells(x: Any) -> Any:
    return layers.RNN([layers.LSTMCell(4), layers.GRUCell(3)])(x)


def backwards(x: Any) -> Any:
    return layers.SimpleRNN(4, go_backwards=True)(x)


def with_zeros(x: Any) -> Any:
    every = layers.RNN(layers.GRUCell(3), return_sequences=True, zero_output_for_mask=True)(x)
    return keras.ops.sum(every, axis=1)


def tokens() -> np.ndarray:
    """Rows of every length, by zeros at their end; one is all zeros."""
    random = np.random.default_rng(3)
    found = random.integers(1, WORDS, (16, STEPS)).astype(np.int32)
    for row in range(8):
        found[row, row:] = 0
    return found


@pytest.mark.parametrize(
    ("branches", "mask", "steps"),
    [
        ((two_of_a_stack, both_ways, backwards, with_zeros), True, STEPS),
        ((two_of_a_stack, cells), False, None),
    ],
)
def test_a_loop_predicts_what_keras_predicts(
    branches: tuple[Callable[[Any], Any], ...], mask: bool, steps: int | None
) -> None:
    keras.utils.set_random_seed(2)
    entry = keras.Input((steps,), name="tokens", dtype="int32")
    x = layers.Embedding(WORDS, 6, mask_zero=mask)(entry)
    model = keras.Model(entry, layers.Concatenate()([branch(x) for branch in branches]))
    expected = np.asarray(model(tokens(), training=False))
    tflite = export_float32(model)
    got = LiteModel(tflite).predict({"tokens": tokens()})
    np.testing.assert_allclose(got, expected, atol=1e-5)
    assert "WHILE" in op_names(tflite)
    np.testing.assert_array_equal(np.asarray(model(tokens(), training=False)), expected)


def test_more_steps_are_no_more_bytes() -> None:
    sizes = []
    for steps in (3, 30):
        entry = keras.Input((steps, 2), name="x")
        sizes.append(len(export_float32(keras.Model(entry, layers.LSTM(4)(entry)))))
    assert abs(sizes[1] - sizes[0]) < 200
