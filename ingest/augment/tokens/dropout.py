"""Texts as codes, with some of their tokens hidden or other ones.

0 is the code of padding, and of an unknown token: it is never put in another place, and nothing is
put in its.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ingest.augment.augmentation import Context, TrainingBatch, Transform
from ingest.augment.drawn import drawn_places, thresholds
from ingest.augment.known import code_counts
from ingest.augment.parameters import expect_number, expect_whole
from ingest.augment.random import below
from ingest.augment.tokens.feature import Tokens, token_feature
from ingest.errors import AugmentError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TokenDropout", "TokenReplacement"]


@dataclass(frozen=True)
class TokenDropout:
    """Hides tokens, each with a probability (word dropout; Iyyer et al. 2015).

    Attributes:
        feature: codes [b, n]; 0 is padding or an unknown token, and stays.
        rate: probability of each token to be hidden.
        mask: code that comes in its place; 0 for an unknown token.

    Raises:
        SettingsError: a parameter is out of range.
    """

    feature: str
    rate: float = 0.1
    mask: int = 0

    def __post_init__(self) -> None:
        expect_number("augment.token_dropout.rate", self.rate, 0, 1)
        expect_whole("augment.token_dropout.mask", self.mask, 0, 2**31 - 1)

    def bind(self, context: Context) -> Transform:
        """See `Augmentation`.

        Raises:
            AugmentError: there are no such tokens, or the mask is none of their codes.
        """
        tokens = token_feature("token_dropout", context, self.feature)
        most = tokens.field.cardinality
        if most is not None and self.mask >= most:
            raise AugmentError(
                f'augment.token_dropout.mask: feature "{self.feature}": expected a code below'
                f" {most}, got {self.mask}; add a word for the mask to its vocabulary"
            )

        def transform(batch: TrainingBatch) -> TrainingBatch:
            import tensorflow as tf

            codes = tokens.codes(batch)
            hidden = below(batch.seeds, 0, self.rate, (tokens.length,)) & (codes != 0)
            mask = tf.constant(self.mask, codes.dtype)
            return tokens.changed(batch, tf.where(hidden, mask, codes))

        return transform


@dataclass(frozen=True)
class TokenReplacement:
    """Puts other tokens in the place of tokens, as frequent as they are (Xie et al. 2017).

    The tokens are drawn from their distribution (unigrams): that of the stream so far for a
    category, that of the rows of the round where there are no statistics yet, and for integers.

    Attributes:
        feature: codes [b, n]; 0 is padding or an unknown token, stays, and is never drawn.
        rate: probability of each token to be drawn anew.

    Raises:
        SettingsError: a parameter is out of range.
    """

    feature: str
    rate: float = 0.1

    def __post_init__(self) -> None:
        expect_number("augment.token_replacement.rate", self.rate, 0, 1)

    def bind(self, context: Context) -> Transform:
        """See `Augmentation`.

        Raises:
            AugmentError: there are no such tokens.
        """
        tokens = token_feature("token_replacement", context, self.feature)
        seen, counts = _unigrams(context, tokens)
        if not len(seen):
            return lambda batch: batch
        shares = thresholds(counts)

        def transform(batch: TrainingBatch) -> TrainingBatch:
            import tensorflow as tf

            codes = tokens.codes(batch)
            places = drawn_places(batch.seeds, 1, shares, (tokens.length,))
            drawn = tf.gather(tf.constant(seen, codes.dtype), places)
            chosen = below(batch.seeds, 0, self.rate, (tokens.length,)) & (codes != 0)
            return tokens.changed(batch, tf.where(chosen, drawn, codes))

        return transform


def _unigrams(context: Context, tokens: Tokens) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The codes that were seen but 0, int64 [m], and how often, float64 [m]."""
    if tokens.field.dtype == "category":
        counts = code_counts(context, tokens.field)
        seen = np.flatnonzero(counts)
        counts = counts[seen]
    else:
        seen, found = np.unique(context.features[tokens.field.name], return_counts=True)
        counts = found.astype(np.float64)
    return seen[seen != 0].astype(np.int64), counts[seen != 0]
