"""Validation rows go to Keras as batches that cost less than those that it makes itself."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.fit.held_rows import in_batches


def rows_of(count: int) -> tuple:
    numbers = tf.range(count)
    features = {"x": tf.cast(numbers, tf.float32), "lists": tf.stack([numbers, numbers], 1)}
    return features, numbers % 2 == 0, tf.cast(numbers, tf.float64)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 40), st.integers(1, 20))
def test_every_row_once_in_order_epoch_after_epoch(count: int, size: int) -> None:
    batches = in_batches(rows_of(count), size)
    assert int(batches.cardinality()) == -(-count // size)
    for _ in range(2):
        parts = [part["x"].numpy() for part, _, _ in batches]
        assert [len(part) for part in parts[:-1]] == [size] * (len(parts) - 1)
        np.testing.assert_array_equal(np.concatenate(parts), np.arange(count))


@pytest.mark.parametrize("count", [3, 8, 11])
def test_no_function_is_traced_for_a_number_of_rows(count: int) -> None:
    features, labels, weights = in_batches(rows_of(count), 4).element_spec
    assert features["x"].shape.as_list() == labels.shape.as_list() == [None]
    assert features["lists"].shape.as_list() == [None, 2]
    assert (labels.dtype, weights.dtype) == (tf.bool, tf.float32)


def test_scores_are_those_of_the_arrays() -> None:
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((2,), name="x"), keras.layers.Dense(1, "sigmoid")])
    model.compile(loss="binary_crossentropy", weighted_metrics=["accuracy", "auc"])
    rng = np.random.default_rng(1)
    x, y, weights = rng.normal(size=(11, 2)), rng.integers(0, 2, 11), rng.random(11)
    arrays = model.evaluate(x, y, 4, 0, weights, return_dict=True)
    rows = tuple(tf.constant(array) for array in (x, y, weights))
    assert model.evaluate(in_batches(rows, 4), verbose=0, return_dict=True) == arrays
