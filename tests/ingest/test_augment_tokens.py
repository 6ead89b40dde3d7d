"""Tokens are hidden, replaced and swapped, and padding never is; seeds are fixed."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from ingest import Field, Rows, Schema, SettingsError
from ingest.augment.augmentation import Context, TrainingBatch
from ingest.augment.checks import check_augmentation
from ingest.augment.tokens.dropout import TokenDropout, TokenReplacement
from ingest.augment.tokens.swap import TokenSwap
from ingest.errors import AugmentError
from ingest.statistics import Statistics

LENGTH = 12
WORDS = Field("text", "category", buckets=9, length=LENGTH)
KINDS = (TokenDropout, TokenReplacement, TokenSwap)


def texts(rows=400, dtype=np.int32):
    """Codes 1 to 9, small ones more often; the text of row i has i % 13 of them, then zeros."""
    shares = np.arange(9, 0, -1) / 45
    codes = 1 + np.random.default_rng(0).choice(9, (rows, LENGTH), p=shares)
    return np.where(np.arange(LENGTH) < np.arange(rows)[:, None] % 13, codes, 0).astype(dtype)


def context_of(codes, field=WORDS, statistics=None):
    schema = Schema((field, Field("label", "int32", "label")))
    return Context(schema, {"text": codes}, np.zeros(len(codes), np.int32), statistics)


def augmented(augmentation, context, seed=1):
    count = len(context.label)
    seeds = np.random.default_rng(seed).integers(0, 2**64, count, np.uint64)
    features = {"text": tf.constant(context.features["text"])}
    places = tf.range(count, dtype=tf.int64)
    batch = TrainingBatch(features, tf.constant(context.label), tf.constant(seeds), places)
    return augmentation.bind(context)(batch).features["text"].numpy()


@pytest.mark.parametrize("kind", KINDS)
def test_it_keeps_the_promises_of_an_augmentation(kind):
    check_augmentation(kind("text", 0.5), context_of(texts()))
    numbers = Field("text", "int64", length=LENGTH)
    check_augmentation(kind("text", 0.5), context_of(texts(dtype=np.int64), numbers))


@pytest.mark.parametrize("kind", KINDS)
def test_no_rate_is_no_change(kind):
    check_augmentation(kind("text", rate=0), context_of(texts()), changes=False)


@pytest.mark.parametrize("augmentation", [kind("text", 1) for kind in KINDS[1:]])
def test_padding_stays_where_it_is(augmentation):
    codes = texts()
    np.testing.assert_array_equal(augmented(augmentation, context_of(codes)) == 0, codes == 0)


def test_hidden_tokens_get_the_mask_at_the_rate():
    codes = texts(4_000)
    found = augmented(TokenDropout("text", 0.2, mask=9), context_of(codes))
    changed = found != codes
    assert (found[changed] == 9).all()
    assert not changed[codes == 0].any()
    there = (codes != 0) & (codes != 9)
    count = there.sum()
    assert changed[there].mean() == pytest.approx(0.2, abs=4 * np.sqrt(0.16 / count))
    assert (augmented(TokenDropout("text", 1), context_of(codes)) == 0).all()


def test_replaced_tokens_are_as_frequent_as_all_are():
    codes = texts(4_000)
    found = augmented(TokenReplacement("text", 1), context_of(codes))
    counts, drawn = np.bincount(codes[codes != 0]), np.bincount(found[codes != 0], minlength=10)
    assert drawn[0] == 0
    expected = counts[1:] / counts.sum() * drawn.sum()
    assert stats.chisquare(drawn[1:], expected).pvalue > 1e-4
    some = augmented(TokenReplacement("text", 0.25), context_of(codes)) != codes
    same = (counts / counts.sum()) ** 2
    assert some[codes != 0].mean() == pytest.approx(0.25 * (1 - same.sum()), abs=0.012)


def test_the_distribution_is_that_of_the_stream_where_there_are_statistics():
    context = context_of(texts())
    zeros = np.zeros(2, np.int32)
    columns = {"text": np.where(np.arange(LENGTH) < 6, 4, 0)[None].repeat(2, 0).astype(np.int32)}
    rows = Rows(("a",), zeros, zeros, np.arange(2), np.arange(2), {**columns, "label": zeros})
    seen = Statistics.empty(context.schema).updated(rows)
    found = augmented(TokenReplacement("text", 1), replace(context, statistics=seen))
    assert set(found[texts() != 0]) == {4}


def test_integers_of_any_size_are_drawn():
    codes = np.where(texts(dtype=np.int64) > 4, 2**40, 0) - np.where(texts() == 1, 3, 0)
    context = context_of(codes, Field("text", "int64", length=LENGTH))
    found = augmented(TokenReplacement("text", 1), context)
    assert set(found.ravel()) == {-3, 0, 2**40}


def test_without_any_token_nothing_is_replaced():
    context = context_of(np.zeros((5, LENGTH), np.int32))
    assert not augmented(TokenReplacement("text", 1), context).any()


@pytest.mark.parametrize("pairs", ["neighbours", "any"])
def test_swapping_only_moves_tokens_and_each_at_most_once(pairs):
    codes = np.where(texts() != 0, np.arange(1, LENGTH + 1), 0).astype(np.int32)
    context = context_of(codes, Field("text", "int32", length=LENGTH))
    found = augmented(TokenSwap("text", 1, pairs), context)
    np.testing.assert_array_equal(np.sort(found), np.sort(codes))
    lengths = (codes != 0).sum(1)
    moved = (found != codes).sum(1)
    if pairs == "any":
        np.testing.assert_array_equal(moved, lengths // 2 * 2)
        assert np.abs(found - codes).max() > 6
    else:
        assert set(lengths - moved) == {0, 1, 2}
        assert (moved[lengths > 2] > 0).all()
        assert np.abs(found - codes).max() == 1
    # A swap undoes itself.
    for row, length in zip(found - 1, lengths, strict=True):
        assert (row[row[:length]] == np.arange(length)).all()


@pytest.mark.parametrize("pairs", ["neighbours", "any"])
def test_each_pair_is_swapped_at_the_rate(pairs):
    codes = np.tile(np.arange(1, LENGTH + 1, dtype=np.int32), (4_000, 1))
    context = context_of(codes, Field("text", "int32", length=LENGTH))
    moved = augmented(TokenSwap("text", 0.3, pairs), context) != codes
    paired = np.ones(LENGTH)
    if pairs == "neighbours":
        paired[[0, -1]] = 0.5  # half of the time the pairs begin with the second token
    np.testing.assert_allclose(moved.mean(0), 0.3 * paired, atol=4 * np.sqrt(0.21 / 4_000))


@pytest.mark.parametrize(
    ("kind", "parameters", "says"),
    [
        (TokenDropout, {"rate": 2}, r"augment.token_dropout.rate: expected a number from 0 to 1"),
        (TokenDropout, {"mask": -1}, r"augment.token_dropout.mask: expected a whole number from 0"),
        (TokenReplacement, {"rate": None}, r"augment.token_replacement.rate: .* got None"),
        (TokenSwap, {"pairs": "all"}, "pairs: expected one of neighbours, any, got 'all'"),
    ],
)
def test_wrong_parameters_are_told(kind, parameters, says):
    with pytest.raises(SettingsError, match=says):
        kind("text", **parameters)


def test_features_that_do_not_fit_are_told():
    with pytest.raises(AugmentError, match="expected a code below 10, got 10; add a word for the"):
        TokenDropout("text", mask=10).bind(context_of(texts()))
    single = context_of(np.zeros(5, np.int32), Field("text", "int32"))
    with pytest.raises(AugmentError, match=r"tokens \[rows, length\], got \[rows\]; declare"):
        TokenSwap("text").bind(single)
    with pytest.raises(AugmentError, match='there is no feature "words"; name one of: text'):
        TokenReplacement("words").bind(context_of(texts()))
