"""Validation: each worker judges its own rows, and the states add up."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trainer.elastic.losses import PartLoss
from trainer.elastic.rows import OwnValidation, validation_parts
from trainer.elastic.states import MetricStates
from trainer.few_lengths import chunks, may_be_cut

__all__ = ["Judge"]

CHUNK = 4096


class Judge:
    """Counts the validation rows of one worker, without a word to the others.

    Numeric: all rows are one part. Bitwise: each partition is a part, whoever has it, and is
    counted in chunks of its own; so its state has the same bits for any number of workers.
    """

    def __init__(
        self, model: keras.Model, states: MetricStates, *, alone: bool, by_share: bool
    ) -> None:
        """`alone` says that there is one part, so that everything is as Keras has it."""
        self._model = model
        self._states = states
        self._loss = PartLoss(model)
        self._alone = alone
        self._by_share = by_share
        self._run = tf.function(self._chunk, reduce_retracing=True, autograph=False)

    def prepare(self, rows: OwnValidation | None) -> Mapping[int, list[Any]]:
        """Return the own rows' chunks as tensors, by the number of their part.

        Raises:
            ModelError: An input of the model is not among the features.
        """
        if rows is None:
            return {}
        parts = validation_parts(self._model, rows, by_share=self._by_share)
        few = may_be_cut(self._model)
        return {number: _chunks(part, few) for number, part in parts.items()}

    def states(self, parts: Mapping[int, list[Any]], rows: int) -> dict[int, np.ndarray]:
        """Return the state float64[size] of each part; `rows` is the number of all workers'."""
        counted = {}
        for number, tensors in parts.items():
            state = tf.zeros([self._states.size], tf.float64)
            for chunk in tensors:
                state = self._run(state, chunk, tf.constant(_rows_of_a_batch(rows)))
            counted[number] = state.numpy()
        return counted

    def _chunk(self, state: tf.Tensor, chunk: Any, batch_rows: tf.Tensor) -> tf.Tensor:
        inputs, labels, weights = chunk
        outputs = self._model(inputs, training=False)
        part = (labels, outputs, weights)
        loss, count = self._loss.seen(part, batch_rows, alone=self._alone)
        losses = [loss, *(keras.ops.sum(one) for one in self._model.losses)]
        loss = keras.ops.sum(losses) if len(losses) > 1 else loss
        return self._states.update(state, (loss, count), part)


def _chunks(part: Any, few: bool) -> list[Any]:
    rows = len(part[1])
    return [
        tf.nest.map_structure(lambda column, at=at: tf.constant(column[at]), part)
        for at in chunks(rows, CHUNK, few=few)
        if rows
    ]


def _rows_of_a_batch(rows: int) -> float:
    """The mean number of rows of a batch over all rows, if they came in batches of CHUNK."""
    full, rest = divmod(rows, CHUNK)
    return (full * CHUNK**2 + rest**2) / rows if rows else 0.0
