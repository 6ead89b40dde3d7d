"""Masks of spectrograms lie where SpecAugment puts them, in each row by itself."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.augment.audio.masks import FrequencyMask, TimeMask
from ingest.augment.checks import check_augmentation
from ingest.errors import AugmentError, SettingsError
from tests.ingest.audio_samples import augmented, context

BOTH = pytest.mark.parametrize("step", [TimeMask, FrequencyMask])


def spectrograms(rows: int, frames: int, bins: int) -> np.ndarray:
    drawn = np.random.default_rng(5)
    return drawn.uniform(1, 2, (rows, frames, bins)).astype(np.float32)


@BOTH
@pytest.mark.parametrize("fill", [0.0, "mean"])
def test_a_row_is_masked_the_same_bits_in_any_batch(step, fill) -> None:
    column = spectrograms(16, 31, 23)
    made = step("sound", 9, 3, 1.0, fill)
    whole = check_augmentation(made, context(column), rows=16, tolerance=0)
    flat = step("sound", 9, 3, 1.0, fill, [31, 23])
    again = check_augmentation(flat, context(column.reshape(16, -1)), rows=16, tolerance=0)
    assert np.array_equal(
        whole.features["sound"], np.reshape(again.features["sound"], (16, 31, 23))
    )


@BOTH
def test_a_width_of_one_masks_nothing(step) -> None:
    column = context(spectrograms(8, 20, 20))
    check_augmentation(step("sound", 1, 3), column, rows=8, tolerance=0, changes=False)


@BOTH
@pytest.mark.parametrize("fill", [0.0, -7.5, "mean"])
def test_whole_frames_or_bins_are_filled_and_the_rest_stays(step, fill) -> None:
    column = spectrograms(60, 24, 30)
    masked = augmented(step("sound", 8, 2, 1.0, fill), column)
    if step is FrequencyMask:
        column, masked = np.swapaxes(column, 1, 2), np.swapaxes(masked, 1, 2)
    changed = (masked != column).any(axis=2)
    assert 0.05 < changed.mean() < 0.5
    value = column.mean(axis=(1, 2), keepdims=True) if fill == "mean" else fill
    expected = np.where(changed[:, :, None], value, column)
    assert np.allclose(masked, expected, rtol=1e-6)
    assert len(np.unique(changed, axis=0)) > 50  # each row has masks of its own


@BOTH
def test_widths_and_starts_are_drawn_evenly(step) -> None:
    size, width, rows = 12, 5, 4000
    covered = masks_of(step("sound", width, 1, 1.0), size, rows)
    widths = covered.sum(axis=1)
    counts = np.bincount(widths, minlength=width)
    assert len(counts) == width  # 0 to below `width`
    assert chi_square(counts) < 18.5  # 4 df, p = 0.001
    for w in range(1, width):
        starts = np.bincount(covered[widths == w].argmax(axis=1), minlength=size - w)
        assert len(starts) == size - w  # so that the last frame is never masked
        assert chi_square(starts) < 29.6  # 10 df, p = 0.001
    edges = np.diff(covered, axis=1, prepend=0, append=0)
    assert ((edges == 1).sum(axis=1) <= 1).all()  # one stretch without a hole


@BOTH
def test_several_masks_are_drawn_apart_and_may_overlap(step) -> None:
    one, three = (masks_of(step("sound", 6, masks, 1.0), 40, 4000) for masks in (1, 3))
    stretches = (np.diff(three, axis=1, prepend=0) == 1).sum(axis=1)
    assert set(stretches) == {0, 1, 2, 3}
    free = (1 - one.mean(axis=0)) ** 3  # what three masks leave that know nothing of each other
    assert np.abs(three.mean(axis=0) - (1 - free)).max() < 0.04


@BOTH
def test_a_share_cuts_the_width(step) -> None:
    covered = masks_of(step("sound", 1000, 1, 0.25), 40, 2000)
    assert set(covered.sum(axis=1)) == set(range(10))
    assert set(masks_of(step("sound", 1000, 1, 1.0), 8, 2000).sum(axis=1)) == set(range(8))
    assert set(masks_of(step("sound", masks=1), 80, 2000).sum(axis=1)) >= set(range(15))


def masks_of(step, size: int, rows: int) -> np.ndarray:
    """int [rows, size]: 1 where the axis that is masked is."""
    shape = (rows, size, 3) if isinstance(step, TimeMask) else (rows, 3, size)
    masked = augmented(step, np.ones(shape, np.float32)) == 0
    axis = 2 if isinstance(step, TimeMask) else 1
    assert (masked.all(axis=axis) == masked.any(axis=axis)).all()
    return masked.all(axis=axis).astype(int)


def chi_square(counts: np.ndarray) -> float:
    expected = counts.sum() / len(counts)
    return float((np.square(counts - expected) / expected).sum())


@BOTH
@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"width": 0}, "_mask.width: expected a whole number from 1 to 1e+06, got 0"),
        ({"width": 2.5}, "_mask.width: expected a whole number"),
        ({"masks": True}, "_mask.masks: expected a whole number"),
        ({"share": 0}, "_mask.share: expected a number from 1e-06 to 1, got 0"),
        ({"share": 1.1}, "_mask.share"),
        ({"fill": "median"}, "1e+30, or \"mean\", got 'median'"),
        ({"shape": [3]}, "_mask.shape: expected [frames, bins], both from 1, got [3]"),
        ({"shape": "ab"}, "_mask.shape: expected"),
        ({"shape": [0, 5]}, "_mask.shape: expected"),
    ],
)
def test_wrong_parameters_are_refused(step, parameters, text: str) -> None:
    with pytest.raises(SettingsError) as error:
        step("sound", **parameters)
    assert text in str(error.value)


@BOTH
def test_what_is_no_spectrogram_is_refused(step) -> None:
    column = spectrograms(3, 20, 20)
    wrong = [
        (step("noise"), column, 'there is no feature "noise"'),
        (step("sound"), column.reshape(3, 400), "shape = None"),
        (step("sound", shape=[20, 21]), column.reshape(3, 400), "shape = [20, 21]"),
        (step("sound", shape=[10, 40]), column, "float32 ['rows', 20, 20]"),
        (step("sound"), column.astype(np.float64), "got float64"),
        (step("sound", share=0.05), column, "leaves nothing to mask; expected a share of at least"),
    ]
    for made, rows, text in wrong:
        with pytest.raises(AugmentError) as error:
            made.bind(context(rows))
        assert text in str(error.value)
