"""Texts as codes, with tokens in the place of each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from ingest.augment.augmentation import Context, TrainingBatch, Transform
from ingest.augment.parameters import expect_number, expect_word
from ingest.augment.random import below, integers, uniform
from ingest.augment.tokens.feature import token_feature

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["TokenSwap"]

Pairs = Literal["neighbours", "any"]


@dataclass(frozen=True)
class TokenSwap:
    """Exchanges tokens of a text pairwise (after the random swap of Wei and Zou 2019).

    All tokens are put into pairs at random, but for the one that is left over; then each pair is
    exchanged with a probability. So each token moves with about that probability, and at most once.

    Attributes:
        feature: codes [b, n]; the zeros at the end are padding, and stay.
        rate: probability of each pair to be exchanged.
        pairs: "neighbours" for tokens side by side, "any" for tokens anywhere in the text.

    Raises:
        SettingsError: a parameter is out of range.
    """

    feature: str
    rate: float = 0.1
    pairs: Pairs = "neighbours"

    def __post_init__(self) -> None:
        expect_number("augment.token_swap.rate", self.rate, 0, 1)
        expect_word("augment.token_swap.pairs", self.pairs, get_args(Pairs))

    def bind(self, context: Context) -> Transform:
        """See `Augmentation`.

        Raises:
            AugmentError: there are no such tokens.
        """
        tokens = token_feature("token_swap", context, self.feature)

        def transform(batch: TrainingBatch) -> TrainingBatch:
            import tensorflow as tf

            codes = tokens.codes(batch)
            lengths = _lengths(codes)
            pick = _neighbours if self.pairs == "neighbours" else _anywhere
            order, pair = pick(batch.seeds, tokens.length, lengths)
            swaps = below(batch.seeds, 0, self.rate, (tokens.length,))
            own = tf.range(tokens.length)[None]
            partner = tf.where(tf.gather(swaps, pair, batch_dims=1), order, own)
            return tokens.changed(batch, tf.gather(codes, partner, batch_dims=1))

        return transform


def _lengths(codes: tf.Tensor) -> tf.Tensor:
    """int32 [b, 1]: tokens before the padding."""
    import tensorflow as tf

    ends = tf.range(1, int(codes.shape[1]) + 1)[None]
    return tf.reduce_max(tf.where(codes != 0, ends, 0), axis=1, keepdims=True)


def _neighbours(seeds: tf.Tensor, length: int, lengths: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The place of each token's partner (its own if it has none) and of its pair, int32 [b, n]."""
    import tensorflow as tf

    own = tf.range(length)[None]
    odd = tf.cast(integers(seeds, 1, 2, (1,)), tf.int32)
    other = tf.bitwise.bitwise_xor(own + odd, 1) - odd
    whole = (other >= 0) & (tf.maximum(own, other) < lengths)
    partner = tf.where(whole, other, own)
    return partner, tf.minimum(own, partner)


def _anywhere(seeds: tf.Tensor, length: int, lengths: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The same for pairs of any two tokens: in a random order, the first two, the next two, ..."""
    import tensorflow as tf

    own = tf.range(length)[None]
    padding = tf.cast(own >= lengths, tf.float32)
    order = tf.argsort(uniform(seeds, 1, (length,)) + 2 * padding, axis=1, stable=True)
    rank = tf.argsort(order, axis=1, stable=True)
    other = tf.bitwise.bitwise_xor(rank, 1)
    whole = tf.maximum(rank, other) < lengths
    place = tf.gather(order, tf.minimum(other, length - 1), batch_dims=1)
    return tf.where(whole, place, own), tf.minimum(rank, other)
