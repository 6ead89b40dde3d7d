"""What flips, shifts, crops, rotations and zooms do to images whose outcome is known."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.augment.image.crop import Crop
from ingest.augment.image.fill import FILLS, moved
from ingest.augment.image.flip import Flip
from ingest.augment.image.geometry import INTERPOLATIONS, WARP_FILLS, rotation, shear, warped
from ingest.augment.image.rotate import Rotate
from ingest.augment.image.shift import PadCrop, Shift
from ingest.augment.image.stretch import part, stretched
from ingest.augment.image.zoom import Zoom
from tests.ingest.image_rows import augmented, images

PADS = {"reflect": "symmetric", "nearest": "edge", "wrap": "wrap", "constant": "constant"}


def shifts(given, found, most, fill) -> set[tuple[int, int]]:
    """How far each image was moved; asserts that each was moved by some whole pixels."""
    height, width = given.shape[1:3]
    edges = ((most, most), (most, most), (0, 0))
    known = set()
    for before, after in zip(given, found, strict=True):
        padded = np.pad(before, edges, PADS[fill])
        cuts = {
            (most - y, most - x): padded[y : y + height, x : x + width]
            for y in range(2 * most + 1)
            for x in range(2 * most + 1)
        }
        fits = [by for by, cut in cuts.items() if np.array_equal(cut, after)]
        assert len(fits) == 1
        known.add(fits[0])
    return known


def test_flips_mirror_every_image():
    given = images(300)
    np.testing.assert_array_equal(augmented(Flip("image"), given), given[:, :, ::-1])
    np.testing.assert_array_equal(augmented(Flip("image", "vertical"), given), given[:, ::-1])


def test_a_flip_both_ways_is_one_of_three_as_often():
    given = images(300)
    found = augmented(Flip("image", "both"), given)
    ways = [given[:, :, ::-1], given[:, ::-1], given[:, ::-1, ::-1]]
    counts = [int((found == way).all((1, 2, 3)).sum()) for way in ways]
    assert sum(counts) == 300
    assert all(70 < count < 130 for count in counts)


@pytest.mark.parametrize("fill", FILLS)
def test_a_shift_is_by_whole_pixels_and_fills_what_is_free(fill):
    given = images(200)
    found = augmented(Shift("image", height=0.2, width=0.1, fill=fill), given)
    known = shifts(given, found, 2, fill)
    assert known == {(down, right) for down in range(-2, 3) for right in range(-1, 2)}


def test_a_cut_of_a_margin_is_anywhere():
    given = images(900)
    found = augmented(PadCrop("image", pixels=4), given)
    assert len(shifts(given, found, 4, "constant")) == 81


def test_a_positive_shift_is_down_and_to_the_right():
    import tensorflow as tf

    dot = np.zeros((1, 5, 5, 1), np.uint8)
    dot[0, 1, 2] = 9
    found = moved(tf.constant(dot), tf.constant([2]), tf.constant([1]), "constant", 7).numpy()
    assert found[0, 3, 3, 0] == 9
    assert (found[0, :2] == 7).all()
    assert (found[0, :, :1] == 7).all()
    assert (found == 0).sum() == 11


def test_a_quarter_turn_is_counter_clockwise():
    import tensorflow as tf

    given = images(4, (7, 7, 2))
    quarter = rotation(tf.fill((4,), np.float32(np.pi / 2)))
    found = warped(tf.constant(given), quarter, "bilinear", "reflect", 0.0)
    np.testing.assert_allclose(found, np.rot90(given, 1, (1, 2)), atol=1e-5)


def test_maps_are_composed_in_their_order():
    import tensorflow as tf

    dot = np.zeros((1, 9, 9, 1), np.float32)
    dot[0, 4, 4] = 1
    none = tf.zeros(1)
    to_right = shear(none, none, none + 2, none)
    quarter = rotation(none + np.float32(np.pi / 2))
    for maps, place in ((to_right @ quarter, (2, 4)), (quarter @ to_right, (4, 6))):
        found = warped(tf.constant(dot), maps, "bilinear", "constant", 0.0).numpy()[0, ..., 0]
        assert found[place] == pytest.approx(1, abs=1e-4)
        assert found.sum() == pytest.approx(1, abs=1e-4)


def test_a_shear_moves_lines_by_their_distance_from_the_middle():
    import tensorflow as tf

    given = images(1, (5, 9, 1))
    none = tf.zeros(1)
    found = warped(tf.constant(given), shear(none + 1, none, none, none), "nearest", "nearest", 0)
    for line in range(5):
        seen = np.clip(np.arange(9) - (line - 2), 0, 8)
        np.testing.assert_array_equal(found[0, line], given[0, line, seen])


def test_angles_are_even_from_the_smallest_to_the_largest():
    line = np.zeros((400, 41, 41, 1), np.float32)
    line[:, 20, 24:] = 1
    found = augmented(Rotate("image", degrees=40, fill="constant"), line)[..., 0]
    y, x = np.mgrid[20:-21:-1, -20:21]
    angles = np.degrees(np.arctan2((found * y).sum((1, 2)), (found * x).sum((1, 2))))
    assert np.abs(angles).max() <= 40.5
    counts, _ = np.histogram(angles, np.linspace(-40, 40, 5))
    assert all(70 < count < 130 for count in counts)


@pytest.mark.parametrize("keep", [True, False])
def test_a_zoom_is_about_the_middle_by_factors_of_its_range(keep):
    square = np.zeros((300, 32, 32, 1), np.float32)
    square[:, 12:20, 12:20] = 1
    step = Zoom("image", scale=(0.5, 1.5), keep_aspect=keep, fill="constant")
    found = augmented(step, square)[..., 0]
    np.testing.assert_allclose(found, found[:, ::-1, ::-1], atol=1e-4)
    tall, wide = (found.max(axis).sum(1) / 8 for axis in (2, 1))
    assert 0.4 < tall.min() < 0.6
    assert 1.4 < tall.max() < 1.7
    assert np.allclose(tall, wide, atol=0.05) == keep


@pytest.mark.parametrize("fill", WARP_FILLS)
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_stretching_is_what_the_general_map_does(fill, interpolation):
    import tensorflow as tf

    given = tf.constant(images(3, (8, 12, 2)))
    tall, wide = tf.constant([0.7, 1.5, 1.1]), tf.constant([1.3, 0.9, 2.0])
    none = 0 * tall
    rows = [wide, none, none + 0.3, none, tall, none - 0.2, none, none, none + 1]
    maps = tf.reshape(tf.stack(rows, 1), (3, 3, 3))
    expected = warped(given, maps, interpolation, fill, 0.5)
    places = (part(4 - 4 * tall - 0.2, tall, 8), part(6 - 6 * wide + 0.3, wide, 12))
    found = stretched(given, places, interpolation, fill, 0.5)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_an_image_that_is_seen_twice_wraps():
    import tensorflow as tf

    given = images(2, (4, 6, 1))
    twice = tf.constant([[0.5, 1.5, 2.5, 3.5]] * 2), tf.constant([[4.0, 5, 6, 7, 8, -1]] * 2)
    found = stretched(tf.constant(given), twice, "bilinear", "wrap", 0.0)
    rows = (given + np.roll(given, -1, 1)) / 2
    np.testing.assert_allclose(found, rows[:, :, [4, 5, 0, 1, 2, 5]], atol=1e-6)


def test_a_crop_is_a_part_of_the_image_of_the_area_that_is_asked_for():
    y, x = np.mgrid[0:33, 0:33] / 33
    ramp = np.repeat(np.stack([y, x], -1)[None].astype(np.float32), 400, 0)
    found = augmented(Crop("image", scale=(0.25, 0.5), ratio=(1, 2)), ramp)
    tall = (found[:, 17, 0, 0] - found[:, 16, 0, 0]) * 33
    wide = (found[:, 0, 17, 1] - found[:, 0, 16, 1]) * 33
    assert 0.25 - 1e-3 < (tall * wide).min() < (tall * wide).max() < 0.5 + 1e-3
    assert 1 - 1e-3 < (wide / tall).min() < (wide / tall).max() < 2 + 1e-3
    np.testing.assert_allclose(found[..., 1], np.repeat(found[:, :1, :, 1], 33, 1), atol=1e-5)
    places = (found[:, 16, 0, 0] + 0.5 / 33 - tall / 2) / (1 - tall)
    counts, _ = np.histogram(places[tall < 0.9], np.linspace(-0.01, 1.01, 5))
    assert counts.sum() == (tall < 0.9).sum()
    assert counts.min() > 0.17 * counts.sum()


def test_a_crop_never_reads_beyond_the_edge():
    white = np.ones((2000, 5, 7, 1), np.float32)
    found = augmented(Crop("image", scale=(0.9, 1)), white)
    np.testing.assert_allclose(found, 1, atol=1e-6)
