"""What an augmentation is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ingest.schema import Schema

if TYPE_CHECKING:
    import tensorflow as tf
    from numpy.typing import NDArray

    from ingest.statistics import Statistics

__all__ = ["Augmentation", "Context", "TrainingBatch", "Transform"]


@dataclass(frozen=True)
class TrainingBatch:
    """Rows of one batch, as tensors.

    Attributes:
        features: [b, ...] each, by name, in the dtypes of the schema.
        label: [b].
        seeds: uint64 [b], one per row, a function of (seed, identity, epoch) and of the place of
            the augmentation among the others. `ingest.augment.random` makes numbers of it.
        places: int64 [b], where each row stands among those of the context.
    """

    features: dict[str, tf.Tensor]
    label: tf.Tensor
    seeds: tf.Tensor
    places: tf.Tensor


Transform = Callable[[TrainingBatch], TrainingBatch]
"""Pure TensorFlow ops; gives as many rows, in the same order, dtypes and shapes."""


@dataclass(frozen=True, eq=False)
class Context:
    """What is known before the first batch of a round.

    Attributes:
        schema: of the rows.
        features: all training rows of the round, array[n, ...] by name; partners come from here.
        label: array[n].
        statistics: of the features over the stream, or None where there are none yet.
    """

    schema: Schema
    features: Mapping[str, NDArray[Any]]
    label: NDArray[Any]
    statistics: Statistics | None = None


class Augmentation(Protocol):
    """Changes training rows at random, in a way that leaves what they mean.

    Guarantee: what becomes of a row is a function of its values, its seed and the context alone:
    not of the other rows of its batch, nor of the worker. Labels keep their dtype.
    `ingest.augment.checks.check_augmentation` proves it for an implementation.
    """

    def bind(self, context: Context) -> Transform:
        """What to do to each batch of a round.

        Raises:
            AugmentError: the rows have no such feature, or it is of another kind.
        """
