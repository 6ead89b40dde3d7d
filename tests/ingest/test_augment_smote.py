"""Rare rows move towards their neighbours; fixed seeds, which 1 in 10,000 choices would fail."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from ingest import Field, Schema, SettingsError
from ingest.augment.augmentation import Context, TrainingBatch
from ingest.augment.checks import check_augmentation
from ingest.augment.tabular.smote import Smote
from ingest.errors import AugmentError
from tests.ingest.tabular_samples import augmented, statistics_of, tabular_context

PLANE = Schema(
    (
        Field("x", "float32"),
        Field("y", "float64"),
        Field("kind", "int32"),
        Field("label", "int32", "label"),
    )
)


def plane(points, label):
    """A round of points in the plane; `kind` tells who a row is."""
    x, y = np.array(points, float).T
    kind = np.arange(len(points), dtype=np.int32)
    return Context(PLANE, {"x": x.astype(np.float32), "y": y, "kind": kind}, np.array(label))


def copies_of_the_first(augmentation, context, count):
    """What becomes of the first row, with as many seeds."""
    seeds = np.random.default_rng(3).integers(0, 2**64, count, np.uint64)
    features = {n: tf.constant(np.repeat(c[:1], count)) for n, c in context.features.items()}
    label, places = tf.repeat(context.label[:1], count), tf.zeros(count, tf.int64)
    batch = TrainingBatch(features, label, tf.constant(seeds), places)
    found = augmentation.bind(context)(batch).features
    return {name: value.numpy() for name, value in found.items()}


def test_it_keeps_the_promises_of_an_augmentation():
    check_augmentation(Smote(), tabular_context())
    check_augmentation(Smote(2, ["no", "yes"]), tabular_context())


def test_rows_of_common_classes_stay():
    context = tabular_context()
    found = augmented(Smote(), context)
    common = context.label == 0
    for name, column in context.features.items():
        np.testing.assert_array_equal(found[name][common], column[common])
        assert not np.array_equal(found[name][~common], column[~common])
    swapped = augmented(Smote(classes=["no"]), context)
    np.testing.assert_array_equal(swapped["amount"][~common], context.features["amount"][~common])
    assert (swapped["amount"] != context.features["amount"])[common].mean() > 0.99


def test_a_row_ends_on_the_line_to_one_of_its_nearest():
    # Rows 0 to 3 are rare: three near each other and one far away; row 4 is common, and nearest.
    points = [(0, 0), (1, 0), (0, 1), (50, 50), (0, 0.1), *[(9, 9)] * 9]
    context = plane(points, [1] * 4 + [0] * 10)
    found = copies_of_the_first(Smote(2), context, 500)
    right = found["y"] == 0
    assert 0.3 < right.mean() < 0.7
    assert (found["x"][~right] == 0).all()
    assert (found["x"] + found["y"] < 1).all()
    assert set(found["kind"][right]) == {0, 1}
    assert set(found["kind"][~right]) == {0, 2}
    far = augmented(Smote(2), context)
    assert 0 < far["x"][3] < 50


def test_the_share_is_even_and_decides_what_integers_become():
    context = plane([(0, 0), (1, 1), *[(5, 5)] * 9], [1, 1] + [0] * 9)
    found = copies_of_the_first(Smote(1), context, 4_000)
    shares, kinds = found["y"], found["kind"]
    assert stats.kstest(shares, "uniform").pvalue > 1e-4
    np.testing.assert_allclose(found["x"], shares, rtol=1e-6)
    taken = [kinds[(shares >= low) & (shares < low + 0.25)].mean() for low in (0, 0.25, 0.5, 0.75)]
    np.testing.assert_allclose(taken, [0.125, 0.375, 0.625, 0.875], atol=0.06)


def test_each_of_the_neighbours_is_as_likely():
    around = [(np.cos(a), np.sin(a)) for a in 2 * np.pi * np.arange(5) / 5]
    points = [(0, 0), *around, (40, 0), (0, 40), *[(9, 9)] * 20]
    context = plane(points, [1] * 8 + [0] * 20)
    found = copies_of_the_first(Smote(), context, 5_000)
    moved = np.hypot(found["x"], found["y"]) > 1e-3
    angle = np.rint(np.arctan2(found["y"], found["x"]) / (2 * np.pi / 5)).astype(int) % 5
    assert moved.mean() > 0.99
    assert stats.chisquare(np.bincount(angle[moved], minlength=5)).pvalue > 1e-4
    assert set(found["kind"]) == {0, 1, 2, 3, 4, 5}


def test_near_is_meant_in_units_of_the_streams_deviation():
    context = tabular_context(16)
    context.label[:] = [1, 1, 1, 0, 0, 0, 0, 0] + [0] * 8
    for name in ("amount", "price", "curve"):
        context.features[name][:3] = 0
    context.features["amount"][:3] = [0, 10, 0]
    context.features["price"][:3] = [0, 0, 11]
    wide = {name: column.copy() for name, column in tabular_context().features.items()}
    wide["amount"] *= 1_000
    found = augmented(Smote(1), replace(context, statistics=statistics_of(wide)))
    assert 0 < found["amount"][0] < 10
    assert found["price"][0] == 0
    wide["amount"] /= 1_000_000
    found = augmented(Smote(1), replace(context, statistics=statistics_of(wide)))
    assert found["amount"][0] == 0
    assert 0 < found["price"][0] < 11


@pytest.mark.parametrize(
    ("label", "moves"),
    [
        ([0, 0, 0, 0, 0, 0], False),
        ([0, 0, 0, 0, 0, 1], False),
        ([0, 0, 0, 0, 1, 1], False),
        ([0, 0, 0, 0, 0, 1, 1], True),
        ([], False),
    ],
)
def test_a_class_is_rare_below_half_of_the_largest_and_needs_two_rows(label, moves):
    context = plane([(i, i) for i in range(len(label))] or np.zeros((0, 2)), label)
    found = augmented(Smote(), context)
    assert (not np.array_equal(found["x"], context.features["x"])) == moves


@pytest.mark.parametrize("dtype", [np.float32, np.bool_])
def test_labels_may_be_floats_or_booleans(dtype):
    context = plane([(i, i) for i in range(7)], [0, 0, 0, 0, 0, 1, 1])
    name = np.dtype(dtype).name
    fields = (*PLANE.features, Field("label", name, "label"))
    context = replace(context, schema=Schema(fields), label=context.label.astype(dtype))
    for smote in (Smote(), Smote(classes=[True])):
        found = augmented(smote, context)["x"]
        assert (found != context.features["x"]).tolist() == [False] * 5 + [True] * 2


def test_a_class_that_is_not_in_the_round_is_no_matter():
    context = tabular_context()
    context.label[:] = 0
    check_augmentation(Smote(classes=["yes"]), context, changes=False)


def test_what_does_not_fit_is_told():
    with pytest.raises(SettingsError, match=r"augment.smote.neighbours: expected a whole number"):
        Smote(0)
    with pytest.raises(SettingsError, match="classes: expected a list of labels, got 'yes'"):
        Smote(classes="yes")
    with pytest.raises(AugmentError, match="label \"late\": expected some of no, yes, got 'maybe'"):
        Smote(classes=["maybe"]).bind(tabular_context())
    with pytest.raises(AugmentError, match="expected some of numbers, got 'yes'"):
        Smote(classes=["yes"]).bind(plane([(0, 0)], [1]))
    regression = replace(tabular_context(), label=np.linspace(0, 1, 400, dtype=np.float32))
    with pytest.raises(AugmentError, match="leave this step out of a regression"):
        Smote().bind(regression)
