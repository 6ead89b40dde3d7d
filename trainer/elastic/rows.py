"""The rows that a worker is given, checked and in the model's form."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trainer.errors import TrainingError
from trainer.models.inputs import check_inputs, input_names, select, shapes_of

__all__ = ["OwnValidation", "check_length", "own_batches", "validation_parts"]

# Own rows: features by name, labels, weights or None, and of each row its partition's number.
OwnValidation = tuple[Mapping[str, np.ndarray], np.ndarray, np.ndarray | None, np.ndarray]

_PLACE = {"rows": 0, "at": 1, "share": 1}


def own_batches(model: keras.Model, dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Return the dataset with its features in the model's form.

    Raises:
        ModelError: An input of the model is not among the features.
        TrainingError: Its elements are not (features, label, weight, place).
    """
    spec = dataset.element_spec
    fine = isinstance(spec, tuple) and len(spec) == 4 and isinstance(spec[0], dict)
    place = spec[3] if fine else None
    fine = isinstance(place, dict) and {k: s.shape.rank for k, s in place.items()} == _PLACE
    if not fine:
        raise TrainingError(
            "training dataset",
            expected="batches of (dict of features, label, weight, {rows, at, share})",
            got=str(spec),
            mend="see ingest.shared_dataset",
        )
    check_inputs(model, shapes_of(spec[0]))

    if any(part.shape[0] is not None for part in tf.nest.flatten(spec) if part.shape.rank):
        raise TrainingError(
            "training dataset",
            expected="an open number of rows in each batch",
            got=str(spec),
            mend="batch it without drop_remainder; see ingest.shared_dataset",
        )

    def chosen(features: Any, label: Any, weight: Any, place: Any) -> Any:
        whole = {name: tf.cast(value, tf.int32) for name, value in place.items()}
        return select(model, features), label, weight, whole

    return dataset.map(chosen, num_parallel_calls=1, deterministic=True)


def check_length(dataset: tf.data.Dataset, epochs: int, steps_per_epoch: int) -> None:
    """Check that a dataset whose length is known has all epochs.

    Raises:
        TrainingError: It is too short.
    """
    known = int(dataset.cardinality())
    if 0 <= known < epochs * steps_per_epoch:
        raise TrainingError(
            "training dataset",
            expected=f"{epochs} epochs of {steps_per_epoch} batches",
            got=f"{known} batches",
            mend="give it all epochs one after another",
        )


def validation_parts(
    model: keras.Model, rows: OwnValidation, *, by_share: bool
) -> dict[int, tuple[Any, np.ndarray, np.ndarray]]:
    """Return (inputs, labels, weights) of each part by its number, in the order of the numbers.

    Args:
        model: Whose inputs they are.
        rows: Own rows; each partition's in an order that does not depend on who has it.
        by_share: Whether each partition is a part of its own; else all rows are part 0.

    Raises:
        ModelError: An input of the model is not among the features.
    """
    features, labels, weights, share = rows
    check_inputs(model, shapes_of(features))
    weights = np.ones(len(labels), np.float32) if weights is None else np.asarray(weights)
    number = np.asarray(share) if by_share else np.zeros(len(labels), np.int32)
    parts = {}
    for each in np.unique(number):
        own = np.flatnonzero(number == each)
        used = {name: np.asarray(features[name])[own] for name in input_names(model)}
        parts[int(each)] = (select(model, used), np.asarray(labels)[own], weights[own])
    return parts
