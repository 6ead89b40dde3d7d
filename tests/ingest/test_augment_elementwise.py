"""A number's logarithm is the same bits wherever it stands."""

import numpy as np
import pytest
import tensorflow as tf

from ingest.augment.elementwise import elementwise
from ingest.augment.random import normal

NUMBERS = np.random.default_rng(0).random(1_003, np.float32) + np.float32(1e-3)


@pytest.mark.parametrize(
    "function", [tf.math.log, tf.exp, tf.sin, tf.cos, lambda x: tf.pow(x, 2.7)]
)
def test_the_bits_do_not_depend_on_the_length_of_the_tensor(function):
    whole = elementwise(function, tf.constant(NUMBERS)).numpy()
    np.testing.assert_allclose(whole, function(NUMBERS.astype(np.float64)), rtol=1e-6)
    for length in (1, 3, 17):
        starts = range(0, len(NUMBERS), length)
        parts = [elementwise(function, tf.constant(NUMBERS[i : i + length])) for i in starts]
        assert np.concatenate(parts).tobytes() == whole.tobytes()


def test_any_shape_is_kept_also_in_a_graph_that_does_not_know_all_of_it():
    spec = tf.TensorSpec((None, 3, 2), tf.float32)
    graph = tf.function(lambda x: elementwise(tf.exp, x)).get_concrete_function(spec)
    assert graph.structured_outputs.shape.as_list() == [None, 3, 2]
    assert graph(tf.zeros((5, 3, 2))).shape == (5, 3, 2)
    assert elementwise(tf.exp, tf.zeros((0, 3))).shape == (0, 3)
    assert elementwise(tf.exp, tf.constant(0.0)).numpy() == 1


def test_normal_numbers_are_those_of_the_row_alone():
    seeds = tf.constant(np.arange(101, dtype=np.uint64))
    whole = normal(seeds, 1, (5,)).numpy()
    alone = np.concatenate([normal(seeds[i : i + 1], 1, (5,)) for i in range(101)])
    assert alone.tobytes() == whole.tobytes()
