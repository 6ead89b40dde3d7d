"""Series with noise, scaled, cut and warped; 1 choice of seeds in 10,000 fails a distribution."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from ingest import SettingsError
from ingest.augment.checks import check_augmentation
from ingest.augment.series.crop import WindowCrop
from ingest.augment.series.layout import read_between
from ingest.augment.series.noise import Jitter, Scaling
from ingest.augment.series.warp import MagnitudeWarp, TimeWarp
from ingest.errors import AugmentError
from tests.ingest.series_samples import augmented_series, series_context, waves

KINDS = (Jitter, Scaling, WindowCrop, TimeWarp, MagnitudeWarp)
ROWS = 2_000


@pytest.mark.parametrize("kind", KINDS)
def test_it_keeps_the_promises_of_an_augmentation(kind):
    check_augmentation(kind("series"), series_context(waves(40, 33)))
    check_augmentation(kind("series", shape=[11, 3]), series_context(waves(40, 33, dtype=float)))


@pytest.mark.parametrize("kind", KINDS)
def test_no_strength_is_no_change(kind):
    none = kind("series", size=1) if kind is WindowCrop else kind("series", scale=0)
    check_augmentation(none, series_context(waves(40, 33)), changes=False)


@pytest.mark.parametrize("kind", KINDS)
def test_a_series_of_one_step_is_a_series(kind):
    found = augmented_series(kind("series"), series_context(waves(7, 1)))
    assert found.shape == (7, 1)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_flat_feature_is_as_one_with_channels(kind):
    values = waves(20, 15, 4)
    shaped = augmented_series(kind("series"), series_context(values))
    flat = series_context(values.reshape(20, 60))
    found = augmented_series(kind("series", shape=[15, 4]), flat)
    assert shaped.shape == (20, 15, 4)
    np.testing.assert_array_equal(found.reshape(20, 15, 4), shaped)


def test_jitter_is_a_share_of_each_channels_own_deviation():
    values = waves(200, 50, 2) * np.float32([1, 100]) + np.float32([0, 1_000])
    noise = augmented_series(Jitter("series", 0.1), series_context(values)) - values
    normal = noise / (0.1 * values.std(1, keepdims=True))
    assert stats.kstest(normal[:, :, 0].ravel(), "norm").pvalue > 1e-4
    assert normal[:, :, 1].std() == pytest.approx(1, abs=0.03)
    constant = series_context(np.full((5, 9), 3, np.float32))
    np.testing.assert_array_equal(augmented_series(Jitter("series", 1), constant), 3)


def test_scaling_multiplies_each_channel_by_one_normal_factor():
    values = np.abs(waves(ROWS, 9, 2)) + 1
    factors = augmented_series(Scaling("series", 0.2), series_context(values)) / values
    np.testing.assert_allclose(factors, np.tile(factors[:, :1], (1, 9, 1)), rtol=1e-5)
    for channel in factors[:, 0].T:
        assert stats.kstest((channel - 1) / 0.2, "norm").pvalue > 1e-4 / 2
    assert abs(stats.pearsonr(*factors[:, 0].T).statistic) < 4 / np.sqrt(ROWS)
    assert augmented_series(Scaling("series", 1), series_context(values)).min() == 0


def test_a_window_of_a_ramp_is_a_flatter_ramp_that_begins_anywhere():
    ramp = np.tile(np.arange(51, dtype=np.float32), (ROWS, 1))
    found = augmented_series(WindowCrop("series", 0.6), series_context(ramp))
    np.testing.assert_allclose(np.diff(found), 0.6, atol=1e-4)
    assert stats.kstest(found[:, 0] / 20, "uniform").pvalue > 1e-4
    assert found.max() <= 50


def test_warped_time_keeps_its_ends_never_goes_back_and_is_smooth():
    ramp = np.tile(np.arange(101, dtype=np.float32), (ROWS, 1))
    found = augmented_series(TimeWarp("series", 0.5, knots=3), series_context(ramp))
    np.testing.assert_allclose(found[:, [0, -1]], ramp[:, [0, -1]], atol=1e-4)
    speeds = np.diff(found)
    assert speeds.min() > 0
    # Speeds are from 0.5 to 1.5 before the ends are put back to where they were.
    ratios = speeds.max(1) / speeds.min(1)
    assert ratios.max() < 3.001
    assert ratios.max() > 2.5
    assert np.abs(np.diff(speeds)).max() < 0.15
    assert np.abs(found - ramp).max() > 5
    assert np.abs((found - ramp).mean()) < 0.3


def test_channels_are_warped_together():
    values = waves(30, 40)[:, :, None] * np.float32([1, -2])
    found = augmented_series(TimeWarp("series"), series_context(values))
    np.testing.assert_allclose(found[:, :, 1], -2 * found[:, :, 0], rtol=1e-5, atol=1e-5)


def test_what_is_read_between_two_steps_is_on_the_line():
    square = np.float32([[0, 0, 1, 1, 0, 0, 1, 1]])
    ramp = np.arange(8, dtype=np.float32)[None]
    crop = WindowCrop("series", 0.5)
    places = augmented_series(crop, series_context(ramp))[0]
    found = augmented_series(crop, series_context(square))[0]
    assert np.abs(places - np.rint(places)).max() > 0.1
    np.testing.assert_allclose(found, np.interp(places, ramp[0], square[0]), atol=1e-5)


@given(arrays(np.float32, (1, 6), elements=st.floats(-9, 9, width=32)), st.data())
@settings(max_examples=50, deadline=None)
def test_reading_between_steps_is_as_numpy_has_it(values, data):
    places = data.draw(arrays(np.float32, (1, 4), elements=st.floats(0, 5, width=32)))
    found = read_between(tf.constant(values[:, :, None]), tf.constant(places))[0, :, 0]
    np.testing.assert_allclose(found, np.interp(places[0], np.arange(6), values[0]), atol=1e-5)


def test_a_magnitude_curve_is_normal_at_its_knots_and_between_them_elsewhere():
    ones = np.ones((ROWS, 61, 2), np.float32)
    found = augmented_series(MagnitudeWarp("series", 0.2, knots=4), series_context(ones))
    at_knots = found[:, ::12]
    for knot in at_knots[:, :, 1].T:
        assert stats.kstest((knot - 1) / 0.2, "norm").pvalue > 1e-4 / 6
    for part in range(5):
        inner = found[:, 12 * part : 12 * part + 13]
        ends = at_knots[:, part : part + 2]
        assert (inner >= ends.min(1, keepdims=True) - 1e-6).all()
        assert (inner <= ends.max(1, keepdims=True) + 1e-6).all()
    assert abs(stats.pearsonr(*at_knots[:, 2].T).statistic) < 4 / np.sqrt(ROWS)


@pytest.mark.parametrize("kind", [Jitter, Scaling, MagnitudeWarp])
def test_values_stay_within_the_bounds_of_their_field(kind):
    context = series_context(np.abs(waves(50, 20)), minimum=0.5)
    assert augmented_series(kind("series", scale=1), context).min() == 0.5


@pytest.mark.parametrize(
    ("kind", "parameters", "says"),
    [
        (Jitter, {"scale": -0.1}, r"augment.jitter.scale: expected a number from 0 to 10"),
        (Scaling, {"scale": 1.1}, r"augment.scaling.scale: expected a number from 0 to 1, got 1.1"),
        (WindowCrop, {"size": 0}, r"augment.window_crop.size: expected a number from 0.01 to 1"),
        (TimeWarp, {"scale": 1}, r"augment.time_warp.scale: expected a number from 0 to 0.9"),
        (TimeWarp, {"knots": 0}, "knots: expected a whole number from 1 to 32, got 0"),
        (MagnitudeWarp, {"knots": 2.0}, "knots: expected a whole number from 1 to 32, got 2.0"),
        (MagnitudeWarp, {"shape": [2, 3, 4]}, r"shape: expected \[steps\] or \[steps, channels\]"),
        (Jitter, {"shape": "12"}, r"augment.jitter.shape: expected .* got '12'"),
    ],
)
def test_wrong_parameters_are_told(kind, parameters, says):
    with pytest.raises(SettingsError, match=says):
        kind("series", **parameters)


def test_features_that_do_not_fit_are_told():
    context = series_context(waves(5, 12))
    with pytest.raises(AugmentError, match='there is no feature "wave"; name one of: series'):
        Jitter("wave").bind(context)
    with pytest.raises(AugmentError, match=r"rows of 15 numbers by the shape \[5, 3\], got 12"):
        TimeWarp("series", shape=[5, 3]).bind(context)
    whole = series_context(waves(5, 12).astype(np.int32))
    with pytest.raises(AugmentError, match="expected float32 or float64, got int32; the schema"):
        Scaling("series").bind(whole)
