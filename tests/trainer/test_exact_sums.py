import math

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.elastic.fixed_point import (
    RANGE,
    STEP,
    exact,
    magnitude,
    not_finite,
    rounded,
    too_large,
)

numbers = st.floats(-1000, 1000, width=32)


@settings(max_examples=50, deadline=None)
@given(st.lists(numbers, min_size=1, max_size=12), st.randoms())
def test_sums_do_not_depend_on_order_or_grouping(values: list[float], random: object) -> None:
    steps = exact(tf.constant(values, tf.float32))
    shuffled = list(values)
    random.shuffle(shuffled)
    cut = len(values) // 2
    parts = [shuffled[:cut], shuffled[cut:]]
    sums = [tf.reduce_sum(exact(tf.constant(part, tf.float32))) for part in parts]
    assert int(tf.add_n(sums)) == sum(steps.numpy().tolist())
    total = float(rounded(tf.add_n(sums), tf.float64))
    apart = abs(total - math.fsum(np.float64(np.float32(values))))
    assert apart <= STEP * len(values) + np.spacing(abs(total))  # the sum is rounded once


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(width=32), min_size=1, max_size=6))
def test_what_leaves_the_range_is_told(values: list[float]) -> None:
    total = tf.add_n([magnitude([tf.constant([value, 0.0], tf.float32)]) for value in values])
    finite = np.isfinite(values)
    assert bool(not_finite(total)) == (not finite.all())
    largest = np.abs(np.float64(values))[finite].sum()
    if largest >= RANGE:
        assert bool(too_large(total))
    if largest < RANGE - len(values):
        assert not bool(too_large(total))
        steps = tf.reduce_sum(exact(tf.constant(values, tf.float32)))
        kept = float(rounded(steps, tf.float64))
        apart = abs(kept - math.fsum(np.float64(values)[finite]))
        assert apart <= STEP * len(values) + np.spacing(abs(kept))


def test_no_value_is_no_magnitude() -> None:
    assert magnitude([tf.zeros([0])]).numpy().tolist() == [0, 0]
