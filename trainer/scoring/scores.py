"""Importance of rows: how much a model has to learn from each of them.

`loss` is the compiled loss. `gradient_norm` is the norm of the loss's gradient with respect to
kernel and bias of the last Dense layer, which bounds that of the whole gradient, up to a factor
that all rows share [Katharopoulos & Fleuret, "Not all samples are created equal", 2018]. As the
gradient of a kernel is an outer product, it is |dL/dz| sqrt(|h|^2 + 1) for the layer's input h and
its pre-activation z, and nothing before the last layer is differentiated.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

import keras
import numpy as np
import tensorflow as tf

from trainer.errors import ModelError, SettingsError, TrainingError
from trainer.few_lengths import chunks
from trainer.hints import did_you_mean
from trainer.models.inputs import as_inputs, check_inputs, input_names, row_shape, select, shapes_of
from trainer.scoring.forward import CHUNK
from trainer.scoring.last_layer import LastLayer
from trainer.scoring.row_loss import RowLoss

__all__ = ["Score", "Scores", "check_score", "gradient_norm", "score_loss"]

Score = Literal["loss", "gradient_norm"]
Tensors = Mapping[str, tf.Tensor]
ROUNDING = 1e-5  # so far below 0 a loss may come out that is none by its formula


def score_loss(model: keras.Model) -> Callable[[Tensors, tf.Tensor], tf.Tensor]:
    """Return a function from inputs by name and labels [b, ...] to each row's loss, float32[b].

    The model is in inference mode, so that the same rows have the same scores.

    Raises:
        ModelError: The model has no loss.
    """
    row_loss = RowLoss(model)

    def scored(features: Tensors, labels: tf.Tensor) -> tf.Tensor:
        return row_loss(labels, model(select(model, features), training=False))

    return scored


def gradient_norm(model: keras.Model) -> Callable[[Tensors, tf.Tensor], tf.Tensor]:
    """Return a function from inputs by name and labels [b, ...] to gradients' norms, float64[b].

    Raises:
        ModelError: The model has no loss, or does not end in a Dense layer.
    """
    row_loss, last = RowLoss(model), LastLayer.of(model)
    names = input_names(model)

    def scored(features: Tensors, labels: tf.Tensor) -> tf.Tensor:
        hidden = last.hidden([features[name] for name in names])
        z = last.pre_activation(hidden)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(z)
            losses = row_loss(labels, last.output(z))
        slope = tape.gradient(losses, z)
        if slope is None:
            raise ModelError(
                "model",
                expected="a loss that has a gradient",
                got="one that has none",
                mend='use score = "loss"',
            )
        reach = _square(hidden) + (0.0 if last.dense.bias is None else 1.0)
        return tf.sqrt(_square(slope) * reach)

    return scored


def _square(rows: tf.Tensor) -> tf.Tensor:
    """float64[b]: the square of each row's norm."""
    return tf.reduce_sum(tf.square(tf.cast(rows, tf.float64)), 1)


MAKE: dict[str, Callable[[keras.Model], Callable[[Tensors, tf.Tensor], tf.Tensor]]] = {
    "loss": score_loss,
    "gradient_norm": gradient_norm,
}


def check_score(model: keras.Model, kind: Score) -> None:
    """Check that rows can be scored that way, before there are any.

    Raises:
        ModelError: The model has no loss, or, for "gradient_norm", does not end in a Dense layer.
        SettingsError: There is no such score.
    """
    _maker(kind)(model)


class Scores:
    """Scores of any number of rows, in one traced function for each kind of score.

    The same rows in one call give the same bits; a row beside others may differ in the last ones.
    It sees the model's weights as they are at each call.
    """

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self._traced: dict[tuple[str, str, tuple[int, ...]], Any] = {}

    def __call__(
        self, features: Mapping[str, np.ndarray], labels: np.ndarray, kind: Score
    ) -> np.ndarray:
        """Return float64[n], all finite and of 0 or more; see `Learner.scores`."""
        check_inputs(self._model, shapes_of(features))
        inputs = as_inputs(self._model, features)
        known = np.asarray(labels)
        run = self._function(kind, known)
        parts = [
            run({name: array[at] for name, array in inputs.items()}, known[at]).numpy()
            for at in chunks(len(known), CHUNK)
            if len(known)
        ]
        return _checked(np.concatenate([np.empty(0), *parts]).astype(np.float64), kind)

    def _function(self, kind: Score, labels: np.ndarray) -> Any:
        key = (kind, labels.dtype.name, labels.shape[1:])
        if key not in self._traced:
            spec = {
                tensor.name: tf.TensorSpec((None, *row_shape(tensor)), tensor.dtype)
                for tensor in self._model.inputs
            }
            self._traced[key] = tf.function(
                _maker(kind)(self._model),
                input_signature=[spec, tf.TensorSpec((None, *labels.shape[1:]), labels.dtype)],
                autograph=False,
            )
        return self._traced[key]


def _maker(kind: str) -> Callable[[keras.Model], Callable[[Tensors, tf.Tensor], tf.Tensor]]:
    if kind not in MAKE:
        raise SettingsError(
            "score",
            expected=f"one of {', '.join(get_args(Score))}",
            got=repr(kind),
            mend=did_you_mean(str(kind), get_args(Score)),
        )
    return MAKE[kind]


def _checked(scores: np.ndarray, kind: Score) -> np.ndarray:
    bad = np.flatnonzero(~np.isfinite(scores))
    if bad.size:
        raise TrainingError(
            f'score "{kind}"',
            expected="a finite number for each row",
            got=f"{scores[bad[0]]} for row {bad[0]}, and {bad.size} such of {len(scores)} rows",
            mend="look for huge features in these rows, or lower the learning rate",
        )
    if (scores < -ROUNDING).any():
        worst = int(scores.argmin())
        raise TrainingError(
            f'score "{kind}"',
            expected="numbers of 0 or more, as rows are drawn in proportion to them",
            got=f"{scores[worst]} for row {worst}",
            mend='use score = "gradient_norm", or a loss that is never negative',
        )
    found: np.ndarray = np.maximum(scores, 0.0)
    return found
