"""Augmentations of waves do what they say, to each row alone."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from ingest import Field, Schema
from ingest.augment.audio.gain import Gain
from ingest.augment.audio.noise import WhiteNoise
from ingest.augment.audio.shift import TimeShift
from ingest.augment.audio.speed import Speed
from ingest.augment.checks import check_augmentation
from ingest.augment.row_sums import row_sums
from ingest.errors import AugmentError, SettingsError
from tests.ingest.audio_samples import RATE, augmented, chirp, context, waves


@pytest.mark.parametrize(
    "augmentation",
    [
        TimeShift("sound"),
        TimeShift("sound", 0.02, "seconds", RATE, roll=True),
        Gain("sound"),
        Gain("sound", [-3, 12], clip=0.5),
        WhiteNoise("sound"),
        Speed("sound"),
        Speed("sound", [0.5, 2.0], "linear"),
        Speed("sound", [0.8, 1.3], "sinc"),
    ],
    ids=str,
)
def test_a_row_is_augmented_the_same_bits_in_any_batch(augmentation) -> None:
    check_augmentation(augmentation, context(waves(16, 1001)), rows=16, tolerance=0)


@pytest.mark.parametrize(
    "augmentation",
    [
        TimeShift("sound", 0.0),
        TimeShift("sound", 0.0, roll=True),
        Gain("sound", [0, 0]),
        Speed("sound", [1, 1]),
        Speed("sound", [1, 1], "linear"),
        Speed("sound", [1, 1], "sinc"),
    ],
    ids=str,
)
def test_no_strength_changes_nothing(augmentation) -> None:
    check_augmentation(augmentation, context(waves(4, 301)), rows=4, tolerance=0, changes=False)


def test_a_shift_moves_samples_by_each_number_alike() -> None:
    column = np.tile(np.arange(1, 11, dtype=np.float32), (4000, 1))
    rolled = augmented(TimeShift("sound", 0.3, roll=True), column)
    shifts = (column[0, 0] - rolled[:, 0] + 4).astype(int) % 10 - 4
    assert all(
        np.array_equal(row, np.roll(column[0], s)) for row, s in zip(rolled, shifts, strict=True)
    )
    counts = np.bincount(shifts + 3, minlength=7)
    assert len(counts) == 7
    assert np.square(counts - 4000 / 7).sum() / (4000 / 7) < 22.5  # chi square, 6 df, p = 0.001
    filled = augmented(TimeShift("sound", 0.3), column)
    for row, rolled_row, shift in zip(filled, rolled, shifts, strict=True):
        come_in = np.roll(np.arange(10) < abs(shift), min(shift, 0))
        assert np.array_equal(row, np.where(come_in, 0, rolled_row))


def test_a_shift_in_seconds() -> None:
    column = np.tile(np.arange(RATE, dtype=np.float32), (500, 1))
    step = TimeShift("sound", 0.1, "seconds", RATE, roll=True)
    shifts = (RATE // 2 - augmented(step, column)[:, RATE // 2]).astype(int)
    assert -800 <= shifts.min() < -780 < 780 < shifts.max() <= 800


def test_a_gain_multiplies_by_a_factor_even_in_decibels() -> None:
    column = np.tile(chirp(200, 900, 50), (4000, 1))
    louder = augmented(Gain("sound", [-12, 6]), column)
    gains = 20 * np.log10(louder[:, 1:] / column[:, 1:])
    assert np.ptp(gains, axis=1).max() < 1e-3
    assert gains.min() >= -12 - 1e-3
    assert gains.max() <= 6 + 1e-3
    shares = np.histogram(gains[:, 0], 6, (-12, 6))[0] / 4000
    assert np.abs(shares - 1 / 6).max() < 0.02


def test_a_gain_is_clipped() -> None:
    column = waves(50, 400)
    free, cut = (augmented(Gain("sound", [0, 20], clip), column) for clip in (None, 0.7))
    assert np.abs(free).max() > 1
    assert np.array_equal(cut, np.clip(free, np.float32(-0.7), np.float32(0.7)))


def test_what_leaves_the_bounds_of_the_schema_becomes_the_bound() -> None:
    column = waves(50, 400)
    bounded = Schema((Field("sound", "float32", length=400, minimum=-0.5, maximum=0.4),))
    for step in (Gain("sound", [0, 20]), WhiteNoise("sound", [0, 5])):
        free = augmented(step, column)
        assert np.array_equal(augmented(step, column, bounded), np.clip(free, -0.5, 0.4))


def test_noise_has_the_ratio_that_is_asked_for_and_is_white() -> None:
    column = waves(500, 1000)
    noise = augmented(WhiteNoise("sound", [10, 30]), column) - column
    ratios = 10 * np.log10(np.square(column).mean(1) / np.square(noise).mean(1))
    assert ratios.min() >= 10 - 0.01
    assert ratios.max() <= 30 + 0.01
    assert np.abs(np.histogram(ratios, 4, (10, 30))[0] / 500 - 0.25).max() < 0.06
    plain = noise / np.sqrt(np.square(noise).mean(1, keepdims=True))
    assert abs(plain.mean()) < 0.01
    assert abs((plain**4).mean() - 3) < 0.1  # as a normal distribution
    assert abs((plain[:, 1:] * plain[:, :-1]).mean()) < 0.01  # neighbours do not know of each other
    assert abs((plain[1:] * plain[:-1]).mean()) < 0.01  # neither do rows
    exact = augmented(WhiteNoise("sound", [20, 20]), column) - column
    ratios = 10 * np.log10(np.square(column).mean(1) / np.square(exact).mean(1))
    assert np.abs(ratios - 20).max() < 0.01


def test_silence_stays_silent() -> None:
    column = np.zeros((5, 300), np.float32)
    assert np.array_equal(augmented(WhiteNoise("sound"), column), column)


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.25])
def test_speed_plays_a_tone_at_another_pitch_about_the_middle(factor: float) -> None:
    steps = np.arange(2001) - 1000
    heard = np.abs(steps) <= 1000 / factor - 20
    errors = {}
    for way in ("linear", "cubic", "sinc"):
        for share in (0.05, 0.1, 0.3):  # of the rate
            tone = np.cos(2 * np.pi * share * steps).astype(np.float32)
            sound = augmented(Speed("sound", [factor] * 2, way), tone[None])[0]
            expected = np.cos(2 * np.pi * share * np.float64(np.float32(factor)) * steps)
            errors[way, share] = np.sqrt(np.square(sound - expected)[heard].mean() * 2)
            assert not sound[np.abs(steps) > 1000 / factor + 8].any()
    print(f"\nfactor {factor}:", *[f"{w} {s} {e:.1e}" for (w, s), e in errors.items()], end="")
    assert max(errors["sinc", share] for share in (0.05, 0.1)) < 1e-3
    assert errors["cubic", 0.05] < 1e-3
    assert errors["linear", 0.05] < 1e-2
    if factor != 1:
        assert errors["cubic", 0.1] < errors["linear", 0.1] / 5
        assert errors["sinc", 0.3] < errors["cubic", 0.3] / 10


def test_sinc_leaves_out_what_a_faster_wave_has_no_room_for() -> None:
    steps = np.arange(2001) - 1000
    tone = np.cos(2 * np.pi * 0.45 * steps).astype(np.float32)
    left = {
        way: augmented(Speed("sound", [1.5, 1.5], way), tone[None])[0].std() / tone.std()
        for way in ("cubic", "sinc")
    }
    print(f"\na tone at 0.45 of the rate, at 1.5 times the speed, becomes {left}", end="")
    assert left["sinc"] < 0.03
    assert left["cubic"] > 0.5  # it has become a lower tone that was never there


def test_speed_draws_each_row_its_factor() -> None:
    column = np.tile(np.arange(-500, 501, dtype=np.float32), (2000, 1))
    played = augmented(Speed("sound"), column)
    factors = (played[:, 700] - played[:, 500]) / 200
    assert np.abs(played[:, 600] - 100 * factors).max() < 1e-3  # a ramp stays one
    assert 0.9 <= factors.min() < 0.901 < 1.099 < factors.max() <= 1.1
    assert np.abs(np.histogram(factors, 4, (0.9, 1.1))[0] / 2000 - 0.25).max() < 0.04


def test_speed_of_a_long_wave_is_as_exact() -> None:
    samples = 400_001
    tone = np.cos(2 * np.pi * 440 * (np.arange(samples) - samples // 2) / RATE)
    played = augmented(Speed("sound", [0.97, 0.97]), tone.astype(np.float32)[None])[0]
    steps = np.arange(samples) - samples // 2
    expected = np.cos(2 * np.pi * 440 * np.float64(np.float32(0.97)) * steps / RATE)
    assert np.abs(played - expected).max() < 2e-3  # with float32 places it is 9e-3


def test_the_sum_of_a_row_is_the_same_bits_alone() -> None:
    rows = np.random.default_rng(2).normal(size=(40, 30_001)).astype(np.float32)
    whole = row_sums(tf.constant(rows)).numpy()
    assert np.allclose(whole, rows.sum(1, np.float64), atol=1e-3)
    assert [row_sums(tf.constant(row[None])).numpy()[0] for row in rows] == list(whole)
    assert row_sums(tf.constant(rows[:, :1])).numpy().tolist() == rows[:, 0].tolist()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: TimeShift("sound", -0.1),
            "augment.time_shift.shift: expected a number from 0 to 1, a share",
        ),
        (
            lambda: TimeShift("sound", 3),
            'a share of the wave (or unit = "seconds"), got 3',
        ),
        (lambda: TimeShift("sound", 3, "seconds"), "samples a second, got None"),
        (lambda: TimeShift("sound", 0.1, "share", 8000), "time_shift.rate: expected no rate"),
        (
            lambda: TimeShift("sound", 0.1, "frames"),
            "time_shift.unit: expected one of share, seconds",
        ),
        (
            lambda: Gain("sound", [6, -6]),
            "augment.gain.db: expected [smallest, largest], from -120 to 120, in dB",
        ),
        (lambda: Gain("sound", [6]), "augment.gain.db: expected [smallest, largest]"),
        (lambda: Gain("sound", "66"), "augment.gain.db: expected [smallest, largest]"),
        (lambda: Gain("sound", [0, float("nan")]), "augment.gain.db"),
        (
            lambda: Gain("sound", clip=0),
            "augment.gain.clip: expected a number from 1e-30 to 1e+30, the largest",
        ),
        (lambda: WhiteNoise("sound", [5, float("inf")]), "augment.white_noise.snr: expected"),
        (
            lambda: Speed("sound", [0, 1]),
            "augment.speed.factor: expected [smallest, largest], from",
        ),
        (
            lambda: Speed("sound", interpolation="spline"),
            "speed.interpolation: expected one of cubic, ",
        ),
    ],
)
def test_wrong_parameters_are_refused(make, text: str) -> None:
    with pytest.raises(SettingsError) as error:
        make()
    assert text in str(error.value)


def test_what_is_no_wave_is_refused() -> None:
    column = waves(3, 80)
    for step in (TimeShift("noise"), Gain("noise"), WhiteNoise("noise"), Speed("noise")):
        with pytest.raises(AugmentError, match='there is no feature "noise"; there is: other, sou'):
            step.bind(context(column))
    for wrong in (column.astype(np.float64), column[:, :, None], column[:, 0]):
        with pytest.raises(AugmentError, match=r"expected a wave, float32 \[rows, samples\], got"):
            Gain("sound").bind(context(wrong))
    with pytest.raises(AugmentError, match=r'length of "sound", 0\.01 s, got 0\.02 s'):
        TimeShift("sound", 0.02, "seconds", RATE).bind(context(column))
