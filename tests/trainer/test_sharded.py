"""Sharded layers beside whole ones: the same weights at first, the same training up to rounding."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from sharded_models import ROWS, SHARDS, UNITS, make_model, make_rows

from trainer import Learner, ModelError, SettingsError, TrainingError
from trainer.sharded import (
    ShardedDense,
    ShardedEmbedding,
    bytes_by_device,
    unsharded,
    update_in_place,
    virtual_devices,
)
from trainer.sharded.parts import bounds_of
from trainer.sharded.placing import run_on

OPTIMIZERS = {
    "SGD": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    "AdamW, clipped": lambda: keras.optimizers.AdamW(1e-2, global_clipnorm=0.1),
}


@given(size=st.integers(1, 1000), count=st.integers(1, 50))
def test_parts_tile_and_are_of_one_size(size: int, count: int) -> None:
    bounds = bounds_of(size, count)
    assert len(bounds) == count
    assert [start for start, _ in bounds] == [0, *(stop for _, stop in bounds[:-1])]
    assert bounds[-1][1] == size
    sizes = [stop - start for start, stop in bounds]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_sharded_model_trains_as_a_whole_one(
    optimizer: Callable[[], keras.optimizers.Optimizer],
) -> None:
    sharded, whole = make_model(True, optimizer), make_model(False, optimizer)
    for mine, other in zip(unsharded(sharded).get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, other)
    update_in_place(sharded)
    data = make_rows(64)
    first = whole(data.features).numpy()
    np.testing.assert_allclose(sharded(data.features), first, atol=1e-6)
    for model in (sharded, whole):
        step = tf.function(model.train_step, autograph=False)
        for _ in range(4):
            step((data.features, data.labels))
    assert np.abs(whole(data.features) - first).max() > 0.01
    for mine, other in zip(unsharded(sharded).get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, atol=3e-6)


def test_gradients_are_those_of_the_function() -> None:
    """Eagerly and traced, of inputs, a kernel, and a table of which few rows are looked up."""
    random = np.random.default_rng(0)
    given = tf.constant(random.normal(size=(4, 3)))
    kernel = keras.Variable(random.normal(size=(3, 2)), dtype="float64")
    rows = tf.constant([2, 0, 2])
    for run in (lambda f: f(), lambda f: tf.function(f)()):

        def placed() -> tuple:
            with tf.GradientTape() as tape:
                tape.watch(given)
                product = run_on("CPU:0", lambda x, w: tf.tanh(x @ w), [kernel], given)
                looked_up = run_on("CPU:0", lambda i, w: tf.gather(w, i), [kernel], rows)
                total = tf.reduce_sum(product) + tf.reduce_sum(looked_up**2)
            return tape.gradient(total, [given, kernel.value])

        def plain() -> tuple:
            with tf.GradientTape() as tape:
                tape.watch(given)
                looked_up = tf.gather(kernel.value, rows)
                product = tf.tanh(given @ kernel.value)
                total = tf.reduce_sum(product) + tf.reduce_sum(looked_up**2)
            return tape.gradient(total, [given, kernel.value])

        for mine, other in zip(run(placed), run(plain), strict=True):
            np.testing.assert_allclose(tf.convert_to_tensor(mine), tf.convert_to_tensor(other))


def test_a_lookup_has_a_gradient_of_the_rows_it_took() -> None:
    layer = ShardedEmbedding(10, 2, 2)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(np.array([[1, 7]], np.int32)))
    first, _ = tape.gradient(total, [table.value for table in layer.tables])
    assert isinstance(first, tf.IndexedSlices)


@pytest.mark.parametrize("index", [ROWS, -ROWS - 1])
def test_an_index_outside_the_table_is_an_error(index: int) -> None:
    data = make_rows(3)
    data.features["place"][1, 2] = index
    for sharded in (True, False):
        with pytest.raises(TrainingError, match=r"is not in \[0, "):
            Learner(make_model(sharded)).predict(data.features)


def test_indices_may_be_of_any_shape_and_count_from_the_end() -> None:
    keras.utils.set_random_seed(1)
    sharded = ShardedEmbedding(10, 2, 3, mask_zero=True)
    keras.utils.set_random_seed(1)
    whole = keras.layers.Embedding(10, 2, mask_zero=True)
    for indices in (np.array(3), np.arange(-10, 10), np.array([[[9, 0.0]]]), np.array([[4]], "u1")):
        np.testing.assert_array_equal(sharded(indices), whole(indices))
    mask = sharded.compute_mask(np.array([0, 1]))
    np.testing.assert_array_equal(mask, whole.compute_mask(np.array([0, 1])))
    assert sharded.compute_output_shape((None, 4)) == (None, 4, 2)


@pytest.mark.parametrize("use_bias", [True, False])
def test_a_dense_layer_takes_inputs_of_any_rank(use_bias: bool) -> None:
    keras.utils.set_random_seed(1)
    sharded = ShardedDense(5, 2, "softmax", use_bias, bias_initializer="uniform")
    keras.utils.set_random_seed(1)
    whole = keras.layers.Dense(5, "softmax", use_bias, bias_initializer="uniform")
    inputs = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    np.testing.assert_allclose(sharded(inputs), whole(inputs), atol=1e-6)
    assert sharded.compute_output_shape((None, 3, 4)) == (None, 3, 5)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "float64"])
def test_a_dtype_policy_is_kept(policy: str) -> None:
    compute = keras.DTypePolicy(policy).compute_dtype
    for layer, inputs in (
        (ShardedDense(6, 2, dtype=policy), np.ones((2, 3))),
        (ShardedEmbedding(6, 2, 2, dtype=policy), np.ones((2, 3), np.int32)),
    ):
        with tf.GradientTape() as tape:
            found = layer(inputs)
        assert found.dtype == compute
        slopes = tape.gradient(found, [weight.value for weight in layer.trainable_weights])
        assert {slope.dtype.name for slope in slopes} == {layer.variable_dtype}


@pytest.mark.parametrize(
    "make",
    [lambda: ShardedDense(3, 4)(np.ones((1, 2))), lambda: ShardedEmbedding(3, 2, 0)(np.zeros(1))],
)
def test_more_parts_than_rows_are_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ModelError, match=r'Sharded\w+ ".*": expected 1 to 3 shards.*ask for fewer'):
        make()


def test_a_strategy_is_refused() -> None:
    with (
        tf.distribute.OneDeviceStrategy("CPU:0").scope(),
        pytest.raises(ModelError, match=r'got OneDeviceStrategy; set train.strategy = "single"'),
    ):
        make_model(True)


def test_virtual_devices_come_first() -> None:
    running = len(tf.config.list_logical_devices("CPU"))
    virtual_devices(running)
    with pytest.raises(SettingsError, match=rf"runs with {running} already; call it at the top"):
        virtual_devices(running + 1)
    with pytest.raises(SettingsError, match="expected 1 device or more, got 0"):
        virtual_devices(0)


def test_xla_is_off() -> None:
    """It compiles for one device."""
    model = make_model(True)
    assert not any(part.supports_jit for part in model.layers if "Sharded" in type(part).__name__)
    assert model.jit_compile is False
    with pytest.raises(ModelError, match=r'train.xla: expected false .* or leave "table" whole'):
        Learner(model, xla=True)


def test_bytes_count_weights_and_slots() -> None:
    held = bytes_by_device(make_model(True))
    weights = ROWS * 8 + (3 * 8 + 2) * UNITS + UNITS + UNITS + 1
    rest = 4 + 8 + 4 + 4 * 2  # learning rate, iteration, and the seed of the dropout
    assert sum(held.values()) == pytest.approx(3 * 4 * weights + rest, abs=16)
    assert len(held) < SHARDS
