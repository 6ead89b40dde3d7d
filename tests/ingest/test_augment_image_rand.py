"""RandAugment: as many operations as asked for, of the strength asked for, drawn row by row."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.augment.image.rand_augment import OPERATIONS, RandAugment
from ingest.errors import SettingsError
from millstream.testing import check_augmentation
from tests.ingest.image_rows import augmented, context, images


def one(name: str, magnitude: float = 30.0, **more) -> RandAugment:
    return RandAugment("image", 1, magnitude, (name,), **more)


def test_a_row_alone_decides():
    check_augmentation(RandAugment("image"), context(images()))
    found = augmented(RandAugment("image", 3, 20), images(dtype="uint8"))
    assert (found.dtype, found.shape) == (np.uint8, images().shape)


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name != "identity"])
def test_every_operation_changes_images_and_the_more_the_larger_the_magnitude(name):
    y, x = np.mgrid[0:12, 0:12] / 12
    ramp = 0.2 + 0.6 * np.stack([x * y, x, y], -1)
    given = np.repeat(ramp[None].astype(np.float32), 60, 0)
    moved = [np.abs(augmented(one(name, size), given) - given).mean() for size in (10.0, 30.0)]
    assert 0 < moved[0] <= moved[1]
    assert (moved[0] < moved[1]) == (name != "autocontrast")


def test_no_magnitude_is_no_change_but_for_autocontrast():
    names = tuple(name for name in OPERATIONS if name != "autocontrast")
    check_augmentation(RandAugment("image", 4, 0, names), context(images()), changes=False)
    check_augmentation(RandAugment("image", 0), context(images()), changes=False)
    check_augmentation(one("identity"), context(images()), changes=False)


def test_operations_are_drawn_as_often_for_each_row_alone():
    names = ("identity", "solarize", "brightness", "posterize")
    given = np.full((800, 2, 2, 1), 200, np.uint8)
    found = augmented(RandAugment("image", 1, 30, names), given)[:, 0, 0, 0]
    values, counts = np.unique(found, return_counts=True)
    shares = dict(zip(values.tolist(), counts.tolist(), strict=True))
    # Half of what brightness does is darker, and half is white.
    assert sorted(shares) == [20, 55, 192, 200, 255]
    assert all(150 < shares[value] < 250 for value in (200, 55, 192))
    assert all(70 < shares[value] < 130 for value in (20, 255))


def test_operations_follow_one_another():
    given = np.full((400, 2, 2, 1), 200, np.uint8)
    found = augmented(RandAugment("image", 2, 30, ("identity", "solarize")), given)
    twice = (found[:, 0, 0, 0] == 200).mean()
    assert 0.42 < twice < 0.58
    assert set(np.unique(found)) == {55, 200}


def test_values_of_operations_on_colours():
    levels = np.arange(0, 256, 15, dtype=np.uint8)
    given = np.tile(levels[None, None, :, None], (20, 2, 1, 1))
    np.testing.assert_array_equal(augmented(one("solarize"), given), 255 - given)
    half = np.where(given > 127, 255 - given, given)
    np.testing.assert_array_equal(augmented(one("solarize", 15), given), half)
    np.testing.assert_array_equal(augmented(one("posterize"), given), given // 16 * 16)
    narrow = given // 3 + 50
    wide = augmented(one("autocontrast"), narrow)
    expected = (narrow - narrow.min()) / (narrow.max() - narrow.min()) * 255.0
    np.testing.assert_allclose(wide, expected, atol=0.5)
    flat = np.full_like(given, 7)
    np.testing.assert_array_equal(augmented(one("autocontrast"), flat), flat)


def test_translations_are_of_the_share_of_a_side():
    dot = np.zeros((60, 21, 21, 1), np.float32)
    dot[:, 10, 10] = 1
    found = augmented(one("translate_x", 20, fill="constant"), dot)[:, 10, :, 0]
    places = found @ np.arange(21) - 10
    np.testing.assert_allclose(np.abs(places), 0.45 * 21 * 2 / 3, atol=1e-3)
    assert 15 < (places > 0).sum() < 45


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"operations": 11}, "operations: expected a whole number from 0 to 10"),
        ({"magnitude": 31}, "magnitude: expected a number from 0 to 30"),
        ({"among": ["sharpen"]}, "among: expected some of identity, autocontrast"),
        ({"fill": "black"}, "fill: expected one of"),
    ],
)
def test_a_wrong_parameter_is_refused_by_its_name(parameters, says):
    with pytest.raises(SettingsError, match=f"augment.rand_augment.{says}"):
        RandAugment("image", **parameters)
