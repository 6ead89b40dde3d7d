"""The feature that holds tokens, and where its padding is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ingest.augment.augmentation import Context, TrainingBatch
from ingest.augment.chosen import chosen_feature
from ingest.errors import AugmentError
from ingest.field import Field

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["Tokens", "token_feature"]

DTYPES: Sequence[str] = ("category", "int32", "int64")


@dataclass(frozen=True)
class Tokens:
    """One feature with codes of tokens, as `token_feature` found it.

    Attributes:
        field: of the schema.
        length: of a row.
    """

    field: Field
    length: int

    def codes(self, batch: TrainingBatch) -> tf.Tensor:
        """int32 or int64 [b, length]."""
        return batch.features[self.field.name]

    def changed(self, batch: TrainingBatch, codes: tf.Tensor) -> TrainingBatch:
        """The batch with other codes."""
        return replace(batch, features={**batch.features, self.field.name: codes})


def token_feature(kind: str, context: Context, name: str) -> Tokens:
    """The feature of a name, which must hold lists of codes.

    Args:
        kind: of the step, for the texts of errors.
        context: of the round.
        name: of the feature: a list of categories, int32 or int64, [n, length].

    Raises:
        AugmentError: there is no such feature, or it holds no lists.
    """
    place = f"augment.{kind}"
    field = chosen_feature(place, context, name, DTYPES)
    shape = context.features[name].shape[1:]
    if len(shape) != 1:
        got = ", ".join(["rows", *map(str, shape)])
        raise AugmentError(
            f'{place}: feature "{name}": expected tokens [rows, length], got [{got}]; declare it in'
            " the schema with length = its tokens"
        )
    return Tokens(field, shape[0])
