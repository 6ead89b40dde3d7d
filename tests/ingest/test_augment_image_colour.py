"""What becomes of colours and of covered pixels."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.augment.image.colour import LUMA, hue_maps, mapped, saturation_maps
from ingest.augment.image.cutout import Cutout
from ingest.augment.image.light import Brightness, Contrast
from ingest.augment.image.tint import Hue, Saturation
from tests.ingest.image_rows import augmented, images


def middle(count: int = 400):
    """Images whose values are so far from black and white that little is clipped."""
    return 0.4 + 0.2 * images(count)


def even(values, low, high) -> bool:
    counts, _ = np.histogram(values, np.linspace(low, high, 5))
    return counts.sum() == len(values) and all(abs(n / len(values) - 0.25) < 0.08 for n in counts)


def test_brightness_adds_one_number_to_an_image():
    given = middle()
    added = augmented(Brightness("image", factor=0.3), given) - given
    np.testing.assert_allclose(added, np.broadcast_to(added[:, :1, :1, :1], added.shape), atol=1e-6)
    assert even(added[:, 0, 0, 0], -0.3, 0.3)


def test_brightness_clips():
    found = augmented(Brightness("image", factor=1), images(100))
    assert (found.min(), found.max()) == (0, 1)


def test_contrast_keeps_the_mean_and_scales_what_differs_from_it():
    given = middle()
    found = augmented(Contrast("image", factor=0.5), given)
    average = given.mean((1, 2, 3), keepdims=True)
    np.testing.assert_allclose(found.mean((1, 2, 3)), average[:, 0, 0, 0], atol=1e-5)
    factors = (found - average).std((1, 2, 3)) / (given - average).std((1, 2, 3))
    np.testing.assert_allclose(
        found - average, (given - average) * factors[:, None, None, None], atol=1e-5
    )
    assert even(factors, 0.5, 1.5)


def test_saturation_keeps_brightness_and_scales_what_differs_from_grey():
    given = middle()
    found = augmented(Saturation("image", factor=0.5), given)
    grey = (given @ np.array(LUMA))[..., None]
    np.testing.assert_allclose((found @ np.array(LUMA))[..., None], grey, atol=1e-5)
    factors = ((found - grey) / (given - grey))[:, 0, 0, 0]
    assert even(factors, 0.5, 1.5)


def test_saturation_of_nothing_is_grey():
    import tensorflow as tf

    found = mapped(tf.constant(images(3)), saturation_maps(tf.zeros(3))).numpy()
    grey = (images(3) @ np.array(LUMA, np.float32))[..., None]
    np.testing.assert_allclose(found, np.repeat(grey, 3, 3), 1e-5)


def test_hue_keeps_brightness_greys_and_the_strength_of_colours():
    given = middle()
    found = augmented(Hue("image", factor=0.5), given)
    np.testing.assert_allclose(found @ np.array(LUMA), given @ np.array(LUMA), atol=1e-3)
    grey = np.repeat(images(40, (5, 5, 1)), 3, 3)
    np.testing.assert_allclose(augmented(Hue("image", factor=0.5), grey), grey, atol=1e-3)


def test_a_third_of_the_circle_makes_green_of_red_and_three_thirds_are_no_turn():
    import tensorflow as tf

    red = np.array([[[[1, 0, 0]]]], np.float32)
    third = hue_maps(tf.constant([1 / 3]))
    green = mapped(tf.constant(red), third).numpy()[0, 0, 0]
    assert green.argmax() == 1
    assert green[1] > 2 * max(green[0], green[2])
    back = mapped(tf.constant(images(1)), third @ third @ third)
    np.testing.assert_allclose(back, images(1), atol=5e-3)


def test_turns_of_the_hue_are_of_both_signs_and_no_larger_than_allowed():
    found = augmented(Hue("image", factor=0.1), middle())
    yiq = np.array([[0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
    before, after = (values[:, 0, 0] @ yiq.T for values in (middle(), found))
    turned = np.angle((after @ [1, 1j]) / (before @ [1, 1j])) / (2 * np.pi)
    assert even(turned, -0.1005, 0.1005)


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_a_box_is_covered_and_the_rest_stays(dtype):
    given = np.full((300, 20, 10, 2), 9, dtype)
    found = augmented(Cutout("image", size=0.3, fill_value=5), given)
    assert set(np.unique(found)) == {5, 9}
    covered = (found == 5).all(3)
    np.testing.assert_array_equal(covered, (found == 5).any(3))
    tall, wide = covered.any(2).sum(1), covered.any(1).sum(1)
    np.testing.assert_array_equal(covered.sum((1, 2)), tall * wide)
    assert (tall.max(), wide.max()) == (6, 3)
    assert (tall.min(), wide.min()) == (3, 2)


def test_the_middle_of_a_box_is_anywhere():
    covered = augmented(Cutout("image", size=0.01, fill_value=1), np.zeros((900, 3, 4, 1), "f4"))
    np.testing.assert_array_equal(covered.sum((1, 2, 3)), 1)
    assert all(40 < count < 110 for count in covered.sum(0).ravel())


def test_several_boxes_are_covered_and_may_overlap():
    holes = augmented(
        Cutout("image", size=0.2, holes=3, fill_value=1), np.zeros((200, 10, 10, 1), "f4")
    )
    counts = holes.sum((1, 2, 3))
    assert counts.max() == 12
    assert counts.min() < 12
