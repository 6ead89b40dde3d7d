"""The conformance check finds what breaks each promise of an augmentation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from ingest.augment.augmentation import Context, TrainingBatch, Transform
from ingest.augment.random import normal, uniform
from ingest.field import Field
from ingest.schema import Schema
from millstream.testing import check_augmentation

SCHEMA = Schema((Field("x", "float32", length=4), Field("y", "int32", "label")))


def context() -> Context:
    rng = np.random.default_rng(0)
    features = {"x": rng.normal(size=(40, 4)).astype(np.float32)}
    return Context(SCHEMA, features, rng.integers(0, 3, 40, np.int32))


@dataclass(frozen=True)
class Made:
    """An augmentation from a function of x [b, 4], a batch and the context."""

    change: Callable[[Any, TrainingBatch, Context], Any]

    def bind(self, context: Context) -> Transform:
        def transform(batch: TrainingBatch) -> TrainingBatch:
            changed = self.change(batch.features["x"], batch, context)
            return replace(batch, features={**batch.features, "x": changed})

        return transform


def noise(x, batch, context):
    return x + normal(batch.seeds, 1, (4,))


def of_the_batch(x, batch, context):
    import tensorflow as tf

    return x - tf.reduce_mean(x, 0) * uniform(batch.seeds, 1)[:, None]


def of_its_packet(x, batch, context):
    import tensorflow as tf

    return x + tf.exp(normal(batch.seeds, 1, (4,)))


def of_the_place(x, batch, context):
    import tensorflow as tf

    return x * (1 + tf.range(tf.shape(x)[0], dtype=tf.float32))[:, None]


def by_chance(x, batch, context):
    import tensorflow as tf

    return x + tf.random.uniform(tf.shape(x))


def no_chance(x, batch, context):
    return x * 2


def wider(x, batch, context):
    import tensorflow as tf

    return tf.concat([x, x], 1)


def doubled(x, batch, context):
    import tensorflow as tf

    return tf.cast(x, tf.float64)


def endless(x, batch, context):
    return x / uniform(batch.seeds, 1, low=0, high=1e-45)[:, None]


def in_place(x, batch, context):
    batch.features["more"] = x
    return noise(x, batch, context)


def writes(x, batch, context):
    context.features["x"][-1] += 1
    return noise(x, batch, context)


def of_unknown_shape(x, batch, context):
    import tensorflow as tf

    return tf.reshape(noise(x, batch, context), tf.shape(x))


def by_numpy(x, batch, context):
    return noise(x, batch, context) + x.numpy()


def test_a_good_augmentation_passes_and_its_outcome_comes_back():
    found = check_augmentation(Made(noise), context())
    assert found.features["x"].shape == (32, 4)
    assert not np.array_equal(found.features["x"], context().features["x"][:32])
    np.testing.assert_array_equal(found.label, context().label[:32])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (of_the_batch, "the same outcome in a batch of 1"),
        (of_the_place, "the same outcome in a batch of 1"),
        (of_its_packet, "the same outcome in a batch of 1"),
        (by_chance, "the same bits when bound and run again"),
        (no_chance, "another outcome from other seeds"),
        (lambda x, batch, context: x, "some row to change"),
        (wider, r'\(32, 4\) for "features x" in eager mode, got \(32, 8\)'),
        (doubled, 'float32 for "features x" in eager mode, got float64'),
        (endless, 'finite values of "features x"'),
        (in_place, "a new dictionary of features"),
        (writes, 'the context to stay as it is: "features x"'),
    ],
)
def test_what_breaks_a_promise_is_named(change, says):
    with pytest.raises(AssertionError, match=f"expected {says}"):
        check_augmentation(Made(change), context())


def test_code_that_runs_only_in_eager_mode_fails():
    with pytest.raises(AttributeError):
        check_augmentation(Made(by_numpy), context())


def test_rounding_may_be_tolerated():
    check_augmentation(Made(of_its_packet), context(), tolerance=1e-6)


def test_identity_is_proven_to_the_bit():
    check_augmentation(Made(lambda x, batch, context: x), context(), changes=False)
    with pytest.raises(AssertionError, match="every row to stay as it is"):
        check_augmentation(Made(noise), context(), changes=False)


def test_a_label_may_change_but_seeds_may_not():
    def swap(batch: TrainingBatch) -> TrainingBatch:
        return replace(batch, label=batch.label + 1, seeds=batch.seeds + 1)

    @dataclass(frozen=True)
    class Swap:
        def bind(self, context: Context) -> Transform:
            return swap

    with pytest.raises(AssertionError, match="seeds to stay as they are"):
        check_augmentation(Swap(), context())


def test_one_row_proves_nothing():
    whole = context()
    alone = Context(SCHEMA, {"x": whole.features["x"][:1]}, whole.label[:1])
    with pytest.raises(AssertionError, match="at least two rows"):
        check_augmentation(Made(noise), alone)
