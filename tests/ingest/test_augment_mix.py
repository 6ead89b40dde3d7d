"""MixUp and CutMix: what a row gets of its partner, and what becomes of the label."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta, kstest

from ingest.augment.augmentation import Context
from ingest.augment.image.cutmix import CutMix
from ingest.augment.mixup import MixUp
from ingest.augment.partners import beta_quantiles, drawn_from
from ingest.errors import AugmentError, SettingsError
from millstream.testing import check_augmentation
from tests.ingest.image_rows import SCHEMA, context, images, outcome, seeds

ROWS = 1200


def one_hot_rows(label_dtype: str) -> Context:
    """Row i is i as a feature, so that what a mixture is of can be read from it."""
    number = np.arange(ROWS)
    features = {"x": np.eye(ROWS, dtype=np.float32), "code": number.astype(np.int32)}
    return Context(SCHEMA, features, number.astype(label_dtype))


@pytest.mark.parametrize("alpha", [0.2, 1.0, 8.0])
def test_shares_have_the_distribution_of_beta(alpha):
    import tensorflow as tf

    drawn = drawn_from(tf.constant(seeds(4000)), 1, beta_quantiles(alpha)).numpy()
    assert kstest(drawn, beta(alpha, alpha).cdf).pvalue > 0.01
    assert (drawn >= 0).all()
    assert (drawn <= 1).all()


def test_rows_alone_decide():
    rng = np.random.default_rng(0)
    more = {
        "price": rng.normal(size=40).astype(np.float32),
        "big": rng.normal(size=(40, 3)),
        "city": rng.integers(0, 9, 40, np.int32),
        "member": rng.random(40) < 0.5,
        "photo": images(40, (4, 4, 1), "uint8"),
    }
    check_augmentation(MixUp(alpha=1.0), context(images(), **more))
    check_augmentation(CutMix("image"), context(images(), **more), rows=16)


def test_a_mixture_is_of_two_rows_and_most_of_it_is_the_row():
    found = outcome(MixUp(["x"], alpha=1.0), one_hot_rows("float32"), ROWS)
    x = found.features["x"].numpy()
    np.testing.assert_allclose(x.sum(1), 1, atol=1e-6)
    assert ((x > 0).sum(1) <= 2).all()
    own = x[np.arange(ROWS), np.arange(ROWS)]
    assert kstest(own[own < 1], "uniform", (0.5, 0.5)).pvalue > 0.01
    np.testing.assert_array_equal(found.features["code"], np.arange(ROWS))
    np.testing.assert_allclose(found.label, x @ np.arange(ROWS), rtol=1e-5)
    others = (x * (1 - np.eye(ROWS))).argmax(1)
    assert len(np.unique(others)) > ROWS * (1 - np.exp(-1)) - 60


def test_a_label_without_halves_becomes_the_partners_as_often_as_its_share():
    found = outcome(MixUp(alpha=1.0), one_hot_rows("int32"), ROWS)
    assert found.label.dtype == np.int32
    x, label = found.features["x"].numpy(), found.label.numpy()
    assert (x[np.arange(ROWS), label] > 0).all()
    moved = label != np.arange(ROWS)
    shares = 1 - x[np.arange(ROWS), np.arange(ROWS)]
    assert abs(moved.mean() - shares.mean()) < 0.03
    assert moved[shares > 0.4].mean() > 2 * moved[shares < 0.2].mean()
    code = found.features["code"].numpy()
    assert (x[np.arange(ROWS), code] > 0).all()
    assert abs((code != np.arange(ROWS)).mean() - shares.mean()) < 0.03
    assert (code != label).any()


def test_bytes_are_interpolated_and_rounded():
    known = context(np.repeat(np.array([[0], [200]], np.uint8), 400, 1).reshape(-1, 1, 1, 1))
    found = outcome(MixUp(alpha=8.0), known, 800).features["image"].numpy()
    assert found.dtype == np.uint8
    assert len(np.unique(found)) > 50


def test_a_box_of_the_partner_is_pasted_and_its_area_is_the_share_of_the_label():
    number = np.arange(ROWS, dtype=np.float32)
    pixels = np.broadcast_to(number[:, None, None, None], (ROWS, 12, 10, 3)).copy()
    known = Context(SCHEMA, {"image": pixels}, number)
    found = outcome(CutMix("image"), known, ROWS)
    image = found.features["image"].numpy()
    np.testing.assert_array_equal(image[..., 0], image[..., 2])
    pasted = image[..., 0] != number[:, None, None]
    tall, wide = pasted.any(2).sum(1), pasted.any(1).sum(1)
    np.testing.assert_array_equal(pasted.sum((1, 2)), tall * wide)
    np.testing.assert_allclose(found.label, image.mean((1, 2, 3)), rtol=1e-4)
    for row in np.flatnonzero(tall)[:50]:
        assert len(np.unique(image[row])) == 2
    area = pasted.mean((1, 2))
    # Areas would be even, were no box cut at an edge.
    assert 0.25 < area.mean() < 0.45
    assert area.max() == 1 or area.max() > 0.9


def test_the_class_of_a_pasted_box_comes_as_often_as_its_area():
    number = np.arange(ROWS, dtype=np.float32)
    pixels = np.broadcast_to(number[:, None, None, None], (ROWS, 12, 10, 1)).copy()
    found = outcome(CutMix("image"), Context(SCHEMA, {"image": pixels}, number.astype("i4")), ROWS)
    area = (found.features["image"].numpy() != number[:, None, None, None]).mean((1, 2, 3))
    moved = found.label.numpy() != number
    assert found.label.dtype == np.int32
    assert abs(moved.mean() - area.mean()) < 0.03
    assert not moved[area == 0].any()


def test_a_mixture_of_a_row_with_itself_is_the_row():
    known = context(np.repeat(images(1), 40, 0))
    same = Context(SCHEMA, known.features, np.full(40, 3, np.int32))
    check_augmentation(CutMix("image"), same, changes=False, rows=8)


@pytest.mark.parametrize("label", ["float32", "int32"])
def test_a_round_without_rows_is_refused(label):
    empty = Context(SCHEMA, {"image": images(1)[:0]}, np.empty(0, label))
    for step in (MixUp(), CutMix("image")):
        with pytest.raises(AugmentError, match="expected rows to mix with"):
            step.bind(empty)


def test_wrong_parameters_are_refused_by_their_names():
    with pytest.raises(SettingsError, match=r"augment.mixup.alpha: expected a number from 0.01"):
        MixUp(alpha=0)
    with pytest.raises(SettingsError, match=r"augment.mixup.features: expected a list of names"):
        MixUp("image")
    with pytest.raises(AugmentError, match=r'no feature "sound" to mix; there is: image'):
        MixUp(["sound"]).bind(context(images()))
