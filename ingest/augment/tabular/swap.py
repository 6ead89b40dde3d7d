"""Categories in the place of others, as frequent as they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ingest.augment.augmentation import Context, TrainingBatch, Transform
from ingest.augment.chosen import chosen_features
from ingest.augment.drawn import drawn_places, thresholds
from ingest.augment.known import code_counts
from ingest.augment.parameters import expect_names, expect_number
from ingest.augment.random import below

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["CategorySwap"]


@dataclass(frozen=True)
class CategorySwap:
    """Puts another code in the place of a category's, drawn from the category's distribution.

    The distribution is that of the stream so far, or of the rows of the round where there are no
    statistics yet, so that each feature alone stays distributed as it is; what goes is only what it
    has to do with the others. The code that is drawn may be the one that was there.

    Attributes:
        features: names of categories; none for all of them. Each place of a list is one of its own.
        rate: probability of each code to be drawn anew.

    Raises:
        SettingsError: a parameter is out of range.
    """

    features: Sequence[str] = ()
    rate: float = 0.1

    def __post_init__(self) -> None:
        names = expect_names("augment.category_swap.features", self.features)
        object.__setattr__(self, "features", names)
        expect_number("augment.category_swap.rate", self.rate, 0, 1)

    def bind(self, context: Context) -> Transform:
        """See `Augmentation`.

        Raises:
            AugmentError: there are no such features, or they are no categories.
        """
        fields = chosen_features("augment.category_swap", context, self.features, ("category",))
        counts = {field.name: code_counts(context, field) for field in fields}
        shares = {name: thresholds(found) for name, found in counts.items() if found.any()}
        sizes = [math.prod(field.shape) for field in fields]

        def transform(batch: TrainingBatch) -> TrainingBatch:
            import tensorflow as tf

            swapped = tf.split(below(batch.seeds, 0, self.rate, (sum(sizes),)), sizes, 1)
            changed: dict[str, tf.Tensor] = {}
            for salt, (field, swap) in enumerate(zip(fields, swapped, strict=True), 1):
                if field.name in shares:
                    drawn = drawn_places(batch.seeds, salt, shares[field.name], field.shape)
                    rows = tf.reshape(swap, (-1, *field.shape))
                    changed[field.name] = tf.where(rows, drawn, batch.features[field.name])
            return replace(batch, features={**batch.features, **changed})

        return transform
