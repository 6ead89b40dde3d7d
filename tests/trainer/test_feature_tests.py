"""Tests of features: what they find, and that they cry wolf no more often than they say."""

import numpy as np
import pytest
from scipy import stats

from trainer.drift.by_feature import ByFeature, chi_square, holm, kolmogorov_smirnov, together
from trainer.drift.mmd import Mmd
from trainer.drift.sample import FeatureSample
from trainer.errors import DriftError, SettingsError

BY_FEATURE = ByFeature(alpha=0.05, least_distance=0.0)
MMD = Mmd(alpha=0.05, permutations=99)


def draw(random: np.random.Generator, rows: int, **change: float) -> FeatureSample:
    """Rows of five features: normal, skewed, two-valued, few categories, many rare ones."""
    few = np.array([0.5, 0.3, 0.2])
    few = few + np.array([-1, 0, 1]) * change.get("few", 0.0)
    mean = np.array([0.0, 0.0])
    normal = random.multivariate_normal(
        mean, [[1, change.get("tied", 0)], [change.get("tied", 0), 1]], rows
    )
    return FeatureSample(
        numbers={
            "normal": normal[:, 0] + change.get("normal", 0.0),
            "skewed": np.exp(normal[:, 1] * (1.0 + change.get("skewed", 0.0))),
            "flag": (random.random(rows) < 0.3 + change.get("flag", 0.0)).astype(np.float64),
        },
        codes={
            "few": random.choice(3, rows, p=few).astype(np.int64),
            "many": random.geometric(0.05, rows).astype(np.int64),
        },
    )


def false_alarms(test, runs: int, rows: int, other: int) -> int:
    random = np.random.default_rng(1)
    alarms = 0
    for _ in range(runs):
        found = test.compare(draw(random, rows), draw(random, other))
        alarms += any(each.shifted for each in found)
    return alarms


@pytest.mark.parametrize(
    ("test", "runs", "rows", "other"),
    [(BY_FEATURE, 150, 400, 150), (BY_FEATURE, 100, 60, 2000), (MMD, 150, 60, 40)],
)
def test_false_alarms_are_as_rare_as_said(test, runs: int, rows: int, other: int) -> None:
    """More than this many of them would have a chance of one in a million, if alpha held."""
    most = int(stats.binom.isf(1e-6, runs, test.alpha))
    alarms = false_alarms(test, runs, rows, other)
    print(f"{type(test).__name__}: {alarms} of {runs} at {rows} and {other} rows; most {most}")
    assert alarms <= most


def test_false_alarms_of_mmd_are_not_rarer_than_said_either() -> None:
    """By permutation it is exact: fewer would have a chance of one in a million as well."""
    test = Mmd(alpha=0.3, permutations=49)
    least = int(stats.binom.ppf(1e-6, 150, 0.3))
    assert false_alarms(test, 150, 30, 30) >= least


@pytest.mark.parametrize("name", ["normal", "skewed", "flag", "few"])
def test_the_feature_that_shifted_is_named(name: str) -> None:
    random = np.random.default_rng(2)
    found = ByFeature().compare(
        draw(random, 1500),
        draw(
            random, 1500, **{name: 0.4 if name == "normal" else 0.6 if name == "skewed" else 0.15}
        ),
    )
    assert [each.name for each in found if each.shifted] == [name]
    assert [each.name for each in found] == sorted(each.name for each in found)


def test_a_shift_that_is_sure_but_small_is_none() -> None:
    random = np.random.default_rng(3)
    one, other = draw(random, 20_000), draw(random, 20_000, normal=0.08)
    (shift,) = (s for s in ByFeature().compare(one, other) if s.name == "normal")
    assert shift.p_value < 1e-6
    assert not shift.shifted
    assert any(s.shifted for s in ByFeature(least_distance=0.0).compare(one, other))


def test_mmd_sees_what_no_feature_shows_alone() -> None:
    """The same two normal features, now with a correlation of 0.8."""
    random = np.random.default_rng(4)
    one, other = draw(random, 400), draw(random, 400, tied=0.8)
    assert not any(each.shifted for each in ByFeature().compare(one, other))
    (found,) = Mmd().compare(one, other)
    assert found.shifted
    assert 0.0 < found.distance < 1.0


def test_the_same_twice_and_any_unit() -> None:
    random = np.random.default_rng(5)
    one, other = draw(random, 200), draw(random, 100, normal=0.3)
    assert Mmd().compare(one, other) == Mmd().compare(one, other)
    scaled = [
        FeatureSample({**part.numbers, "normal": part.numbers["normal"] * 1e6}, part.codes)
        for part in (one, other)
    ]
    assert Mmd().compare(*scaled) == Mmd().compare(one, other)
    assert BY_FEATURE.compare(*scaled) == BY_FEATURE.compare(one, other)


def test_statistics_are_scipys() -> None:
    random = np.random.default_rng(6)
    one, other = random.normal(size=80), random.normal(0.5, size=50)
    expected = stats.ks_2samp(one, other, method="asymp")
    assert kolmogorov_smirnov(one, other) == (expected.statistic, expected.pvalue)
    distance, p_value = chi_square(np.repeat([1, 2], [40, 60]), np.repeat([1, 2], [70, 30]))
    assert distance == pytest.approx(0.3)
    assert p_value == pytest.approx(stats.chi2_contingency([[40, 60], [70, 30]], False).pvalue)
    assert chi_square(np.array([7]), np.array([7, 7])) == (0.0, 1.0)


def test_rare_categories_are_put_together() -> None:
    counts = np.array([[100.0, 1, 2, 3], [100.0, 3, 2, 1]])
    assert together(counts).tolist() == [[100, 6], [100, 6]]
    assert together(counts[:, :2]).tolist() == counts[:, :2].tolist()


def test_holm_by_hand() -> None:
    """0.01 x 4, then 0.02 x 3, then the larger of that and 0.03 x 2, then 0.9 x 1."""
    assert holm(np.array([0.03, 0.01, 0.9, 0.02])) == pytest.approx([0.06, 0.04, 0.9, 0.06])
    assert holm(np.array([0.6, 0.7])).tolist() == [1.0, 1.0]
    assert holm(np.empty(0)).tolist() == []


@pytest.mark.parametrize("test", [BY_FEATURE, MMD])
def test_no_rows_say_nothing(test) -> None:
    random = np.random.default_rng(7)
    assert test.compare(draw(random, 0), draw(random, 5)) == ()


def test_what_does_not_fit_is_refused() -> None:
    one = FeatureSample({"a": np.zeros(2)}, {})
    with pytest.raises(DriftError, match="b in one of them"):
        BY_FEATURE.compare(one, FeatureSample({"a": np.zeros(2), "b": np.zeros(2)}, {}))
    with pytest.raises(DriftError, match=r"feature b: expected int64\[2\], got float64\[2\]"):
        FeatureSample({"a": np.zeros(2)}, {"b": np.zeros(2)})
    with pytest.raises(DriftError, match=r"got float64\[3\]"):
        FeatureSample({"a": np.zeros(2), "b": np.zeros(3)}, {})
    with pytest.raises(SettingsError, match="permutations: expected at least 1 / alpha - 1"):
        Mmd(alpha=0.01, permutations=50)
    with pytest.raises(SettingsError, match="rows: expected from 1 to 2000, got 2001"):
        Mmd(rows=2001)
    with pytest.raises(SettingsError, match="seed: expected at least 0"):
        Mmd(seed=-1)
    with pytest.raises(SettingsError, match="alpha"):
        ByFeature(alpha=1.0)
