"""A function of the user's own is checked before the first batch."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from ingest import SettingsError
from ingest.augment import random
from ingest.augment.checks import check_augmentation
from ingest.augment.own import Own
from ingest.errors import AugmentError
from tests.ingest.tabular_samples import augmented, tabular_context


def noise(features, seed):
    return {**features, "amount": features["amount"] * (1 + 0.1 * random.normal(seed, 0))}


class Doubler:
    """What can be called is a function too."""

    def __call__(self, features, seed, factor=2):
        return {**features, "count": features["count"] * factor}


def branching(features, seed):
    if tf.size(seed) == 0:
        return features
    curve = features["curve"]
    for _ in tf.range(2):
        curve += random.uniform(seed, 1, (2,))
    return {**features, "curve": curve}


def exponential(features, seed):
    drawn = tf.exp(random.normal(seed, 0, (2,)))
    return {**features, "curve": drawn, "when": tf.cast(drawn[:, 0] * 1e6, tf.int64)}


@pytest.mark.parametrize("function", [noise, branching])
def test_it_keeps_the_promises_of_an_augmentation(function):
    check_augmentation(Own(function), tabular_context(40))


@pytest.mark.parametrize("function", [Doubler(), functools.partial(Doubler(), factor=2)])
def test_anything_that_can_be_called_will_do(function):
    context = tabular_context()
    found = augmented(Own(function), context)
    np.testing.assert_array_equal(found["count"], 2 * context.features["count"])
    np.testing.assert_array_equal(found["curve"], context.features["curve"])


def test_rounding_by_the_place_of_a_row_is_no_reason_to_refuse():
    context = tabular_context()
    found = augmented(Own(exponential), context)["curve"]
    assert found.shape == context.features["curve"].shape
    assert (found > 0).all()


@pytest.mark.parametrize("rows", [0, 1])
def test_a_round_of_no_row_or_one_is_enough(rows):
    context = tabular_context(rows)
    assert augmented(Own(noise), context)["amount"].shape == (rows,)


def loses(features, seed):
    return {"amount": features["amount"]}


def adds(features, seed):
    return {**features, "ratio": features["amount"]}


def casts(features, seed):
    return {**features, "amount": tf.cast(features["amount"], tf.float64)}


def widens(features, seed):
    return {**features, "curve": tf.concat([features["curve"]] * 2, 1)}


def twice_the_rows(features, seed):
    return {name: tf.repeat(column, 2, 0) for name, column in features.items()}


def nothing(features, seed):
    features["amount"] += 1


def fails(features, seed):
    return {**features, "amount": features["amoun"]}


def breaks_later(features, seed):
    tf.debugging.assert_less(features["amount"], -1e9, "amounts are debts")
    return features


def by_chance(features, seed):
    return {**features, "amount": features["amount"] + tf.random.normal(tf.shape(seed))}


def of_numpy(features, seed):
    return {**features, "amount": features["amount"] * float(np.random.default_rng().random())}


def by_the_batch(features, seed):
    return {**features, "amount": features["amount"] - tf.reduce_mean(features["amount"])}


def by_one_seed(features, seed):
    pair = tf.cast(seed[:1], tf.int64)
    drawn = tf.random.stateless_normal(tf.shape(seed), tf.concat([pair, pair], 0))
    return {**features, "amount": drawn}


def by_the_place(features, seed):
    return {**features, "count": features["count"] + tf.range(tf.size(seed))}


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (loses, r"expected the same features as it got; it lost city, count, curve"),
        (adds, r"it made ratio, which the schema has not; return {\*\*features, ...}"),
        (casts, 'feature "amount": expected float32, got float64; tf.cast it to float32'),
        (widens, r'feature "curve": expected the shape \[rows, 2\], got \[rows, 4\]'),
        (twice_the_rows, r'feature "amount": expected 8 rows for 8 rows, \[8\], got \[16\]'),
        (nothing, "expected a dictionary of features, got NoneType"),
        (lambda features, seed: list(features.values()), "dictionary of features, got list"),
        (fails, r"it failed when it was tried at test_augment_own.py:\d+: KeyError: 'amoun'$"),
        (breaks_later, r"at test_augment_own.py:\d+: InvalidArgumentError: .*amounts are debts"),
        (by_chance, 'feature "amount": expected the same from the same seeds'),
        (of_numpy, 'feature "amount": expected the same from the same seeds'),
        (by_the_batch, 'feature "amount": expected each row to be changed by its own features'),
        (by_one_seed, 'feature "amount": expected each row to be changed by its own features'),
        (by_the_place, 'feature "count": expected each row to be changed by its own features'),
    ],
)
def test_what_breaks_a_promise_is_told(function, says):
    with pytest.raises(AugmentError, match=f"^model:augment: .*{says}"):
        Own(function, "model:augment").bind(tabular_context())


def test_chance_is_told_also_where_all_chance_has_a_seed():
    tf.random.set_seed(7)
    try:
        with pytest.raises(AugmentError, match='"amount": expected the same from the same seeds'):
            Own(by_chance, "model:augment").bind(tabular_context())
    finally:
        tf.random.set_seed(None)


@pytest.mark.parametrize("thing", ["augment", lambda features: features, lambda f, s, t: f])
def test_what_is_no_function_of_two_things_is_told(thing):
    with pytest.raises(SettingsError, match=r"model:augment: expected a function of \(features"):
        Own(thing, "model:augment")
