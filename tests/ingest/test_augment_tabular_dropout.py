"""Dropped features are replaced by what says nothing, as often as asked."""

import numpy as np
import pytest

from ingest import SettingsError
from ingest.augment.checks import check_augmentation
from ingest.augment.tabular.dropout import FeatureDropout
from ingest.errors import AugmentError
from tests.ingest.tabular_samples import (
    augmented,
    statistics_of,
    tabular_context,
    tabular_features,
)


@pytest.mark.parametrize("fill", ["mean", "zero", "default"])
def test_it_keeps_the_promises_of_an_augmentation(fill):
    check_augmentation(FeatureDropout(rate=0.5, fill=fill), tabular_context())


def test_no_rate_is_no_change():
    check_augmentation(FeatureDropout(rate=0), tabular_context(), changes=False)


def test_all_is_dropped_at_the_rate_of_1():
    context = tabular_context()
    zero = augmented(FeatureDropout(rate=1, fill="zero"), context)
    assert all(not column.any() for column in zero.values())
    mean = augmented(FeatureDropout(rate=1), context)
    assert mean["amount"] == pytest.approx(context.features["amount"].mean(), rel=1e-5)
    assert set(mean["count"]) == {round(context.features["count"].mean())}
    assert set(mean["when"]) == {round(context.features["when"].mean())}
    assert mean["member"].all()
    assert not mean["city"].any()
    assert not mean["tags"].any()
    means = context.features["curve"].mean(0)
    np.testing.assert_allclose(mean["curve"], np.tile(means, (400, 1)), rtol=1e-3)
    default = augmented(FeatureDropout(rate=1, fill="default"), context)
    assert set(default["count"]) == {7}
    assert set(default["city"]) == {3}
    assert not default["amount"].any()


def test_the_mean_is_that_of_the_stream_where_there_are_statistics():
    other = tabular_features()
    other["amount"] = other["amount"] + 1_000
    other["member"] = ~other["member"]
    context = tabular_context(statistics=statistics_of(other))
    found = augmented(FeatureDropout(rate=1), context)
    assert found["amount"] == pytest.approx(other["amount"].mean(), rel=1e-5)
    assert not found["member"].any()


def test_each_feature_is_dropped_alone_and_lists_as_a_whole():
    context = tabular_context(4_000)
    found = augmented(FeatureDropout(("amount", "tags", "curve"), 0.3, "zero"), context)
    dropped = np.stack([found["amount"] == 0, (found["tags"] == 0).all(1)], 1)
    np.testing.assert_array_equal((found["tags"] == 0).any(1), dropped[:, 1])
    np.testing.assert_array_equal((found["curve"] == 0).any(1), (found["curve"] == 0).all(1))
    # Four deviations of a share of 4,000.
    assert np.abs(dropped.mean(0) - 0.3).max() < 4 * np.sqrt(0.21 / 4_000)
    assert abs(dropped.all(1).mean() - 0.09) < 4 * np.sqrt(0.09 * 0.91 / 4_000)
    np.testing.assert_array_equal(found["price"], context.features["price"])


def test_the_largest_integers_have_a_mean():
    context = tabular_context()
    context.features["when"][:] = 2**63 - 1
    found = augmented(FeatureDropout(("when",), 1), context)["when"]
    assert (found > 2**62).all()


def test_wrong_parameters_are_told():
    with pytest.raises(SettingsError, match=r"feature_dropout.rate: expected a number from 0 to 1"):
        FeatureDropout(rate=1.5)
    with pytest.raises(SettingsError, match="fill: expected one of mean, zero, default, got 'nan'"):
        FeatureDropout(fill="nan")
    with pytest.raises(AugmentError, match='there is no feature "late"'):
        FeatureDropout(("late",)).bind(tabular_context())
