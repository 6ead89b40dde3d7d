"""What one fit is given: its batches and validation rows, checked and in the model's form."""

from collections.abc import Mapping
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from trainer.errors import TrainingError
from trainer.few_lengths import may_be_cut
from trainer.fit.held_rows import in_batches
from trainer.fit.settings import TrainSettings
from trainer.models.inputs import check_inputs, input_names, input_structure, select, shapes_of

Validation = tuple[Mapping[str, np.ndarray], np.ndarray, np.ndarray | None]


@dataclass(frozen=True)
class Assignment:
    """One fit, ready to run.

    Attributes:
        batches: Dataset of (inputs, label [b][, weight [b]]), the inputs in the model's form.
        steps_per_epoch: Batches of an epoch.
        epochs: The most epochs to train.
        validation: Dataset of (inputs, labels[, weights]), held in memory, or None for no rows.
        monitored: Whether early stopping has anything to look at.
    """

    batches: tf.data.Dataset
    steps_per_epoch: int
    epochs: int
    validation: tf.data.Dataset | None
    monitored: bool


def assign(
    model: keras.Model,
    dataset: tf.data.Dataset,
    steps_per_epoch: int,
    validation: Validation | None,
    settings: TrainSettings,
) -> Assignment:
    """Check what a fit is given and bring it into the model's form.

    Raises:
        ModelError: An input of the model is not among the dataset's features.
        TrainingError: The dataset is too short for the epochs, or not of dicts.
    """
    rows = _validation(model, validation)
    monitored = rows is not None or not settings.monitors_validation()
    epochs = settings.epochs
    if not monitored:
        epochs = min(epochs, settings.unmonitored_epochs)
    _check_length(dataset, epochs, steps_per_epoch)
    batches = _endless(_batches(model, dataset))
    return Assignment(batches, steps_per_epoch, epochs, rows, monitored)


def _validation(model: keras.Model, validation: Validation | None) -> tf.data.Dataset | None:
    if validation is None or len(validation[1]) == 0:
        return None
    features, labels, weights = validation
    check_inputs(model, shapes_of(features))
    used = {name: tf.constant(features[name]) for name in input_names(model)}
    rows = (select(model, used), tf.constant(labels))
    weighed = rows if weights is None else (*rows, tf.constant(weights))
    return in_batches(weighed, few=may_be_cut(model))


def _check_length(dataset: tf.data.Dataset, epochs: int, steps_per_epoch: int) -> None:
    known = int(dataset.cardinality())
    if 0 <= known < epochs * steps_per_epoch:
        raise TrainingError(
            "training dataset",
            expected=f"{epochs} epochs of {steps_per_epoch} batches",
            got=f"{known} batches",
            mend="give it all epochs one after another",
        )


def _endless(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Hide the length: Keras counts groups of steps as full ones and would start over early."""
    endless = tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)
    return batches.apply(endless)


def _batches(model: keras.Model, dataset: tf.data.Dataset) -> tf.data.Dataset:
    spec = dataset.element_spec
    if not isinstance(spec, tuple) or len(spec) not in {2, 3} or not isinstance(spec[0], dict):
        raise TrainingError(
            "training dataset",
            expected="batches of (dict of features, label[, weight])",
            got=str(spec),
            mend="see ingest.training_dataset",
        )
    check_inputs(model, shapes_of(spec[0]))
    as_it_is = isinstance(input_structure(model), dict)
    if as_it_is and set(spec[0]) == set(input_names(model)):
        return dataset
    return dataset.map(lambda features, *rest: (select(model, features), *rest))
