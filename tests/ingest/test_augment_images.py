"""What holds for every augmentation of images: promises, shapes, dtypes, errors."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.augment.augmentation import Context
from ingest.augment.image.crop import Crop
from ingest.augment.image.cutmix import CutMix
from ingest.augment.image.cutout import Cutout
from ingest.augment.image.flip import Flip
from ingest.augment.image.light import Brightness, Contrast
from ingest.augment.image.rotate import Rotate
from ingest.augment.image.shift import PadCrop, Shift
from ingest.augment.image.tint import Hue, Saturation
from ingest.augment.image.zoom import Zoom
from ingest.errors import AugmentError, SettingsError
from ingest.field import Field
from ingest.schema import Schema
from millstream.testing import check_augmentation
from tests.ingest.image_rows import SCHEMA, augmented, context, images

EVERY = (
    Flip,
    Shift,
    PadCrop,
    Rotate,
    Zoom,
    Crop,
    Brightness,
    Contrast,
    Saturation,
    Hue,
    Cutout,
    CutMix,
)
NOTHING = (
    Shift("image", height=0, width=0),
    PadCrop("image", pixels=0),
    Rotate("image", degrees=0),
    Zoom("image", scale=(1, 1)),
    Crop("image", scale=(1, 1), ratio=(1, 1)),
    Brightness("image", factor=0),
    Contrast("image", factor=0),
    Saturation("image", factor=0),
    Hue("image", factor=0),
    Cutout("image", size=0),
)


def named(part) -> str:
    return part.__name__ if isinstance(part, type) else type(part).__name__


@pytest.mark.parametrize("kind", EVERY, ids=named)
def test_a_row_alone_decides(kind):
    check_augmentation(kind("image"), context(images()), random=kind is not Flip)


@pytest.mark.parametrize("kind", EVERY, ids=named)
def test_bytes_come_out_as_bytes(kind):
    given = images(dtype="uint8")
    found = augmented(kind("image"), given)
    assert (found.dtype, found.shape) == (np.uint8, given.shape)
    assert not np.array_equal(found, given)
    step = kind("image", **({"range": [0, 255]} if hasattr(kind("image"), "range") else {}))
    exact = augmented(step, given.astype(np.float32))
    np.testing.assert_allclose(found, exact, atol=0.501)


@pytest.mark.parametrize("kind", EVERY, ids=named)
def test_flat_images_are_changed_as_others_are(kind):
    whole = images(shape=(6, 8, 3))
    expected = augmented(kind("image"), whole)
    flat = augmented(kind("image", shape=[6, 8, 3]), whole.reshape(len(whole), -1))
    np.testing.assert_array_equal(flat, expected.reshape(len(whole), -1))


@pytest.mark.parametrize("kind", [kind for kind in EVERY if kind not in (Saturation, Hue)])
def test_images_without_channels_are_grey(kind):
    grey = images(shape=(6, 8, 1))
    expected = augmented(kind("image"), grey)
    np.testing.assert_array_equal(augmented(kind("image"), grey[..., 0]), expected[..., 0])


@pytest.mark.parametrize("step", NOTHING, ids=named)
def test_no_strength_is_no_change(step):
    check_augmentation(step, context(images()), changes=False, rows=8)


@pytest.mark.parametrize("kind", [Brightness, Contrast, Saturation, Hue])
def test_another_range_is_only_another_scale(kind):
    values = images()
    scaled = augmented(kind("image", range=[-1, 3]), values * 4 - 1)
    np.testing.assert_allclose(scaled, augmented(kind("image"), values) * 4 - 1, atol=1e-5)


def test_the_bounds_of_a_field_are_the_range():
    values = images() * 4 - 1
    field = Field("image", "float32", length=4, minimum=-1, maximum=3)
    known = Context(Schema((field, *SCHEMA.fields[1:])), {"image": values}, context(values).label)
    expected = augmented(Brightness("image", range=[-1, 3]), values)
    np.testing.assert_array_equal(augmented(Brightness("image"), values, known), expected)


@pytest.mark.parametrize("kind", [Saturation, Hue])
def test_grey_images_have_no_colours(kind):
    with pytest.raises(AugmentError, match="expected 3 channels"):
        kind("image").bind(context(images(shape=(6, 8, 1))))


@pytest.mark.parametrize(
    ("pixels", "shape", "says"),
    [
        (images(shape=(192,)), None, "say what a row is: shape = "),
        (images(shape=(192,)), [8, 8], r"expected rows of shape \[8, 8\], 64 numbers, got \[192\]"),
        (images(shape=(8, 8, 3)), [8, 24, 1], "expected rows of shape"),
        (images(dtype="float64"), None, "float32 or uint8, got float64"),
    ],
)
def test_what_is_no_image_is_refused(pixels, shape, says):
    with pytest.raises(AugmentError, match=f'augment.rotate: feature "image": .*{says}'):
        Rotate("image", shape=shape).bind(context(pixels))


def test_a_feature_that_is_not_there_is_named_beside_those_that_are():
    with pytest.raises(AugmentError, match='no feature "picture"; there is: image'):
        Flip("picture").bind(context(images()))


def test_values_of_another_range_are_refused_and_a_few_outliers_are_not():
    with pytest.raises(AugmentError, match=r"from 0 to 1, got .*brightness.range = \[black, white"):
        Brightness("image").bind(context(images() * 255))
    values = images()
    values[:, 0, 0] = 7
    assert augmented(Brightness("image"), values).max() == 1


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Flip("image", "diagonal"), "flip.direction: expected one of horizontal"),
        (lambda: Shift("image", height=2), "shift.height: expected a number from 0 to 1"),
        (lambda: Shift("image", fill="mirror"), "shift.fill: expected one of reflect, constant"),
        (lambda: PadCrop("image", pixels=1.5), "pad_crop.pixels: expected a whole number"),
        (lambda: Rotate("image", degrees="a"), "rotate.degrees: expected a number from 0 to 180"),
        (lambda: Rotate("image", interpolation="cubic"), "rotate.interpolation: expected one of"),
        (lambda: Zoom("image", scale=[2, 1]), r"zoom.scale: expected \[smallest, largest\]"),
        (lambda: Zoom("image", keep_aspect=1), "zoom.keep_aspect: expected true or false"),
        (lambda: Crop("image", scale=0.5), r"crop.scale: expected \[smallest, largest\]"),
        (lambda: Crop("image", ratio=(0, 1)), "crop.ratio: expected"),
        (lambda: Brightness("image", factor=-1), "brightness.factor: expected a number"),
        (lambda: Contrast("image", range=[1, 0]), r"contrast.range: expected \[black, white\]"),
        (lambda: Saturation("image", shape=[3]), r"saturation.shape: expected \[height, width\]"),
        (lambda: Hue("image", factor=0.6), "hue.factor: expected a number from 0 to 0.5"),
        (lambda: Cutout("image", holes=0), "cutout.holes: expected a whole number from 1"),
        (lambda: CutMix("image", alpha=0), "cutmix.alpha: expected a number from 0.01"),
    ],
)
def test_a_wrong_parameter_is_refused_by_its_name(make, says):
    with pytest.raises(SettingsError, match=f"augment.{says}"):
        make()
