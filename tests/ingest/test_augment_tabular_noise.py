"""Noise has the scale of the feature; fixed seeds, tests of distributions fail for 1 in 10,000."""

import numpy as np
import pytest
from scipy import stats

from ingest import SettingsError
from ingest.augment.checks import check_augmentation
from ingest.augment.tabular.noise import GaussianNoise
from ingest.errors import AugmentError
from tests.ingest.tabular_samples import (
    augmented,
    statistics_of,
    tabular_context,
    tabular_features,
)

FLOATS = ("amount", "price", "curve")


@pytest.mark.parametrize("parameters", [{}, {"features": ["price", "curve"], "scale": 2}])
def test_it_keeps_the_promises_of_an_augmentation(parameters):
    check_augmentation(GaussianNoise(**parameters), tabular_context())


def test_no_scale_is_no_change():
    check_augmentation(GaussianNoise(scale=0), tabular_context(), changes=False)


def test_the_noise_is_normal_and_a_share_of_each_features_deviation():
    context = tabular_context(4_000)
    found = augmented(GaussianNoise(("amount", "curve"), 0.25), context)
    for name in ("amount", "curve"):
        column = context.features[name]
        noise = (found[name] - column) / (0.25 * column.std(0))
        for places in noise.reshape(4_000, -1).T:
            assert stats.kstest(places, "norm").pvalue > 1e-4 / 3
    for name in context.features.keys() - {"amount", "curve"}:
        np.testing.assert_array_equal(found[name], context.features[name])
    assert abs(stats.pearsonr(*(found["curve"] - context.features["curve"]).T).statistic) < 0.06


def test_the_deviation_is_that_of_the_stream_where_there_are_statistics():
    wide = tabular_features()
    wide["amount"] = wide["amount"] * 50
    plain = tabular_context(2_000)
    context = tabular_context(2_000, statistics_of(wide))
    ratios = [
        np.std(augmented(GaussianNoise(("amount",)), c)["amount"] - c.features["amount"])
        for c in (context, plain)
    ]
    assert ratios[0] / ratios[1] == pytest.approx(50, rel=0.1)


def test_values_stay_within_the_bounds_of_their_field():
    context = tabular_context()
    found = augmented(GaussianNoise(("price",), 1), context)["price"]
    assert found.min() == 0
    assert (found > context.features["price"]).mean() > 0.4


def test_a_constant_feature_stays_and_the_largest_numbers_stay_finite():
    context = tabular_context()
    context.features["amount"][:] = 3
    context.features["price"][:] = np.finfo(np.float64).max * np.linspace(0, 1, 400)
    context.features["curve"][:] = np.finfo(np.float32).max * np.linspace(-1, 1, 800).reshape(-1, 2)
    with np.errstate(over="ignore"):
        found = augmented(GaussianNoise(scale=1), context)
    np.testing.assert_array_equal(found["amount"], 3)
    assert all(np.isfinite(found[name]).all() for name in FLOATS)


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"scale": -1}, "augment.gaussian_noise.scale: expected a number from 0 to 10, got -1"),
        ({"scale": True}, "got True"),
        ({"scale": float("nan")}, "got nan"),
        ({"features": "amount"}, "expected a list of names of features, none twice, got 'amount'"),
        ({"features": ["amount", "amount"]}, "none twice"),
        ({"features": [1]}, "a list of names"),
    ],
)
def test_wrong_parameters_are_told(parameters, says):
    with pytest.raises(SettingsError, match=says):
        GaussianNoise(**parameters)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("amoun", 'there is no feature "amoun"; name one of: amount, price, curve'),
        ("city", 'feature "city": expected float32 or float64, got category; name one of: amount'),
    ],
)
def test_features_that_do_not_fit_are_told(name, says):
    with pytest.raises(AugmentError, match=says):
        GaussianNoise((name,)).bind(tabular_context())
