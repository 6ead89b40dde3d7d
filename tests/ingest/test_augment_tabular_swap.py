"""Swapped categories keep their distribution; fixed seeds, which 1 in 10,000 choices would fail."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ingest import Field, Schema, SettingsError
from ingest.augment.augmentation import Context
from ingest.augment.checks import check_augmentation
from ingest.augment.drawn import drawn_places, thresholds
from ingest.augment.tabular.swap import CategorySwap
from ingest.errors import AugmentError
from tests.ingest.tabular_samples import (
    augmented,
    statistics_of,
    tabular_context,
    tabular_features,
)


@pytest.mark.parametrize("parameters", [{"rate": 0.5}, {"features": ["city"], "rate": 1}])
def test_it_keeps_the_promises_of_an_augmentation(parameters):
    check_augmentation(CategorySwap(**parameters), tabular_context())


def test_no_rate_is_no_change():
    check_augmentation(CategorySwap(rate=0), tabular_context(), changes=False)


def test_codes_are_drawn_as_often_as_they_were_seen():
    context = tabular_context(8_000)
    found = augmented(CategorySwap(rate=1), context)
    for name in ("city", "tags"):
        counts = np.bincount(context.features[name].reshape(-1))
        drawn = np.bincount(found[name].reshape(-1), minlength=len(counts))
        seen = counts > 0
        assert not drawn[~seen].any()
        expected = counts[seen] / counts.sum() * drawn.sum()
        assert stats.chisquare(drawn[seen], expected).pvalue > 1e-4 / 2


def test_the_distribution_is_that_of_the_stream_where_there_are_statistics():
    other = tabular_features()
    other["city"][:] = 2
    context = tabular_context(statistics=statistics_of(other))
    assert (augmented(CategorySwap(("city",), 1), context)["city"] == 2).all()


def test_as_many_are_swapped_as_asked_each_place_of_a_list_alone():
    context = tabular_context(8_000)
    found = augmented(CategorySwap(("tags",), 0.4), context)["tags"]
    changed = found != context.features["tags"]
    # A quarter of the codes that are drawn are those that were there, of four that are as frequent.
    assert changed.mean() == pytest.approx(0.4 * 0.75, abs=4 * np.sqrt(0.21 / 24_000))
    assert changed.all(1).mean() == pytest.approx(0.3**3, abs=0.008)


@given(st.lists(st.floats(0, 1e15), min_size=1, max_size=40).filter(lambda found: max(found) > 0))
def test_shares_rise_to_the_end_and_are_in_proportion(counts):
    shares = thresholds(np.array(counts))
    widths = np.diff(shares, prepend=0)
    assert (widths >= 0).all()
    assert shares[-1] == 2**31
    expected = np.array(counts) / np.sum(counts) * 2**31
    assert np.abs(widths - expected).max() <= 2
    assert not widths[np.array(counts) == 0].any()


def test_a_code_that_is_never_seen_is_never_drawn_even_at_the_ends():
    shares = thresholds(np.array([0.0, 1e-12, 0.0, 1e12, 0.0]))
    seeds = tf.constant(np.arange(20_000, dtype=np.uint64))
    assert set(drawn_places(seeds, 1, shares).numpy()) == {3}
    assert shares.tolist() == [0, 0, 0, 2**31, 2**31]


def test_without_any_count_nothing_is_swapped():
    context = tabular_context()
    empty = Context(context.schema, tabular_features(0), context.label[:0])
    assert augmented(CategorySwap(rate=1), empty)["city"].shape == (0,)


def test_what_does_not_fit_is_told():
    with pytest.raises(SettingsError, match=r"augment.category_swap.rate: .* got 'often'"):
        CategorySwap(rate="often")
    with pytest.raises(AugmentError, match='feature "amount": expected category, got float32'):
        CategorySwap(("amount",)).bind(tabular_context())
    plain = Schema((Field("x", "float32"), Field("y", "int32", "label")))
    context = Context(plain, {"x": np.zeros(3, np.float32)}, np.zeros(3, np.int32))
    with pytest.raises(AugmentError, match="expected a feature of category, and the schema has no"):
        CategorySwap().bind(context)
