"""The learner: the weights that keep learning, round after round."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import keras
import numpy as np
import tensorflow as tf

from trainer.assignment import Assignment, Validation, assign
from trainer.errors import TrainerError, TrainingAborted, TrainingError, one_line
from trainer.forward import Forward
from trainer.functions import Functions
from trainer.model import check_model
from trainer.randomness import enable_op_determinism
from trainer.report import TrainReport
from trainer.scores import Score, Scores
from trainer.settings import TrainSettings
from trainer.variables import put, take
from trainer.watch import Diverged, OnEpoch, ShouldStop, Watch

VALIDATION_BATCH = 4096
_DEFAULTS = TrainSettings()


def _quiet(_epoch: int, _logs: Mapping[str, float]) -> None:
    return


def _never() -> bool:
    return False


class Learner:
    """A compiled Keras model that is trained a round at a time.

    Guarantee: from the same checkpoint, the same dataset, validation rows, settings and seeds give
    bit-identical weights, optimizer slots and seeds, in this process or a fresh one (see
    `trainer.randomness` for what that rests on). Op determinism is switched on in the process.
    Not for use by several threads at once.
    """

    def __init__(self, model: keras.Model, seed: int = 0) -> None:
        """Take over `model`; its optimizer is built. `seed` is mixed into each round's seed.

        Raises:
            ModelError: The model cannot be trained.
        """
        enable_op_determinism()
        self.model = check_model(model)
        self._functions = Functions(model, seed)
        self._forward = Forward(model)
        self._scores = Scores(model)

    def predict(self, features: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the model's predictions, with Dropout and its like off.

        Args:
            features: Arrays [n] or [n, k] by name; those that the model does not use are ignored.

        Returns:
            float32 [n] for an output of one value, else [n, c].

        Raises:
            ModelError: An input of the model is not among the features.
            TrainingError: The model cannot take a value, such as an index outside its table.
        """
        with _named_values():
            return self._forward(features)

    def scores(
        self, features: Mapping[str, np.ndarray], labels: np.ndarray, kind: Score = "loss"
    ) -> np.ndarray:
        """Return how much the model has to learn from each row; see `trainer.scores`.

        The model is in inference mode. Weights of rows are not looked at.

        Args:
            features: Arrays [n] or [n, k] by name; those that the model does not use are ignored.
            labels: [n], or [n, k] if the loss takes that.
            kind: "loss" or "gradient_norm".

        Returns:
            float64 [n], finite and 0 or more. The same rows in one call give the same bits.

        Raises:
            ModelError: An input of the model is not among the features, or its rows cannot be
                scored that way.
            TrainingError: A score is not finite or is negative, or the model cannot take a value.
        """
        with _named_values():
            return self._scores(features, labels, kind)

    def train(
        self,
        dataset: tf.data.Dataset,
        steps_per_epoch: int,
        validation: Validation | None = None,
        settings: TrainSettings = _DEFAULTS,
        round_seed: int = 0,
        on_epoch: OnEpoch = _quiet,
        should_stop: ShouldStop = _never,
    ) -> TrainReport:
        """Train one round with early stopping.

        Args:
            dataset: Batches (dict of features [b] or [b, k], label [b][, weight [b]]), the epochs
                one after another; at least `steps_per_epoch` times as many as there are epochs.
            steps_per_epoch: Batches of an epoch; with 0 nothing is done, and the report says so.
            validation: (features, labels, weights or None), arrays [n]. With no row and a monitor
                that needs one, `settings.unmonitored_epochs` are trained instead and nothing
                stops early. Few rows are used as they are: their noise costs epochs only.
            settings: Epochs and early stopping.
            round_seed: Seeds the draws that the model does not make from its own variables.
            on_epoch: Called with the number of finished epochs and Keras's logs.
            should_stop: Asked after at most 16 batches.

        Returns:
            What was done. If a loss, the monitored metric or a weight is not finite, `diverged`
            says where, and model and optimizer are as they were.

        Raises:
            ModelError: An input of the model is no feature, or the model has hidden state.
            TrainingAborted: `should_stop` said so.
            TrainingError: The dataset is too short, `monitor` is unknown, or Keras failed.
                After every error, also one of the caller's functions, model and optimizer are as
                they were.
        """
        if steps_per_epoch < 1:
            return _skipped("there is no row to train on")
        started = time.perf_counter()
        task = assign(self.model, dataset, steps_per_epoch, validation, settings)
        watch = Watch(steps_per_epoch, settings.monitor, task.monitored, on_epoch, should_stop)
        before = take(self.model)
        best, diverged = 0, None
        try:
            best = self._fit(task, settings, round_seed, watch)
        except Diverged as error:
            put(self.model, before)
            best, diverged = 0, str(error)
        except BaseException:
            put(self.model, before)
            raise
        return _report(watch, task, best, diverged, time.perf_counter() - started)

    def _fit(self, task: Assignment, settings: TrainSettings, round_seed: int, watch: Watch) -> int:
        stopping = keras.callbacks.EarlyStopping(
            monitor=settings.monitor,
            min_delta=settings.min_delta,
            patience=settings.patience,
            mode=settings.mode,
            restore_best_weights=True,
        )
        spec = task.batches.element_spec
        try:
            with self._functions.lent(spec, task.steps_per_epoch, round_seed):
                self.model.fit(
                    task.batches,
                    epochs=task.epochs,
                    steps_per_epoch=task.steps_per_epoch,
                    validation_data=task.validation,
                    validation_batch_size=VALIDATION_BATCH,
                    callbacks=[watch, stopping] if task.monitored else [watch],
                    shuffle=False,
                    verbose=0,
                )
        except (TrainerError, TrainingAborted, Diverged):
            raise
        except Exception as error:
            if error is watch.raised:
                raise
            raise TrainingError(
                "model.fit",
                expected="a model that fits the data",
                got=f"{type(error).__name__}: {error}",
                mend="compare its output, loss and inputs with the schema",
            ) from error
        return stopping.best_epoch + 1 if task.monitored else len(watch.history)


@contextmanager
def _named_values() -> Iterator[None]:
    """Tell people which values a model cannot take, such as an index outside its table."""
    try:
        yield
    except tf.errors.OpError as error:
        raise TrainingError(
            "model",
            expected="features that it can take",
            got=one_line(error.message),
            mend="give the feature its range (min, max) in the schema, so that such records"
            " are dead-lettered",
        ) from error


def _report(
    watch: Watch, task: Assignment, best: int, diverged: str | None, seconds: float
) -> TrainReport:
    finished = len(watch.history)
    names = watch.history[0] if watch.history else ()
    return TrainReport(
        epochs=finished,
        best_epoch=best,
        stopped_early=diverged is None and finished < task.epochs,
        monitored=task.monitored,
        history={name: tuple(logs[name] for logs in watch.history) for name in names},
        diverged=diverged,
        skipped=None,
        seconds=seconds,
    )


def _skipped(reason: str) -> TrainReport:
    return TrainReport(0, 0, False, False, {}, None, reason, 0.0)
