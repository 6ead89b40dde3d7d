"""What a round's learner is given: batches of all epochs, and the rows that early stopping sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest import (
    Augmentations,
    Roster,
    Statistics,
    Workers,
    shared_dataset,
    steps_per_epoch,
    training_dataset,
)
from millstream.pipeline import Pipeline
from millstream.shared_rows import shared_rows
from millstream.training_rows import training_rows
from millstream.turn import Turn

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["TrainingData", "training_data"]


@dataclass(frozen=True)
class TrainingData:
    """What `Learner.train` is called with.

    Attributes:
        dataset: the batches of all epochs, one epoch after another; of several workers, this one's
            rows of them.
        steps_per_epoch: batches of an epoch.
        validation: features, labels and weights (or None) of the validation rows; of several
            workers, this one's, and the numbers of their partitions.
    """

    dataset: tf.data.Dataset
    steps_per_epoch: int
    validation: tuple[Any, ...]


def training_data(
    pipeline: Pipeline, turn: Turn, statistics: Statistics, seed: int
) -> TrainingData:
    """What a round trains on: a function of its parent, window and plan alone.

    Args:
        pipeline: the parts; the learner has the parent's weights.
        turn: the round.
        statistics: for augmentations.
        seed: of the orders and the augmentations.
    """
    augment = Augmentations(pipeline.steps, statistics)
    if pipeline.shared is None:
        return alone(pipeline, turn, augment, seed)
    return together(pipeline, turn, augment, seed, pipeline.shared)


def alone(pipeline: Pipeline, turn: Turn, augment: Augmentations, seed: int) -> TrainingData:
    """All rows, for a single worker."""
    settings, schema, validation = pipeline.config.train, pipeline.schema, turn.window.validation
    chosen = training_rows(pipeline, turn.parent, turn.window, turn.plan, turn.vocabularies)
    dataset = training_dataset(
        chosen.rows,
        schema,
        batch_size=settings.batch_size,
        epochs=settings.epochs,
        seed=seed,
        weights=chosen.weights,
        augment=augment,
    )
    return TrainingData(
        dataset,
        steps_per_epoch(len(chosen.rows), settings.batch_size),
        (validation.features(schema), validation.labels(schema), validation.weights(schema)),
    )


def together(
    pipeline: Pipeline, turn: Turn, augment: Augmentations, seed: int, workers: Workers
) -> TrainingData:
    """A worker's own rows; all workers call it."""
    settings, schema, validation = pipeline.config.train, pipeline.schema, turn.window.validation
    rows, roster = shared_rows(pipeline, turn, workers)
    dataset = shared_dataset(
        rows,
        roster,
        schema,
        batch_size=settings.batch_size,
        epochs=settings.epochs,
        seed=seed,
        augment=augment,
    )
    held = Roster.of(validation, np.ones(len(validation)), workers)
    weights = validation.weights(schema)
    return TrainingData(
        dataset,
        steps_per_epoch(len(roster), settings.batch_size),
        (
            validation.features(schema),
            validation.labels(schema),
            np.ones(len(validation), np.float32) if weights is None else weights,
            held.of_own(held.share),
        ),
    )
