"""The learner: the weights that keep learning, round after round."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf

from trainer.errors import TrainingError, one_line
from trainer.fit.assignment import Assignment, Validation, assign
from trainer.fit.callback_state import callback_state, keep_callback_state
from trainer.fit.callbacks import CallbackMaker, RoundCallbacks, no_callbacks, wants_each_batch
from trainer.fit.fitting import early_stopping, make_report, named_faults, skipped
from trainer.fit.functions import Functions, Loan
from trainer.fit.report import TrainReport
from trainer.fit.settings import TrainSettings
from trainer.fit.timing import PartClock, ValidationTimer
from trainer.fit.watch import Diverged, OnEpoch, ShouldStop, Watch
from trainer.models.model import check_model
from trainer.randomness import compute_exactly, seed_everything, seed_python
from trainer.scoring.forward import Forward
from trainer.scoring.scores import Score, Scores
from trainer.sharded.finding import check_xla
from trainer.sharded.updates import update_in_place
from trainer.variables import put, take

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

    def __init__(
        self,
        model: keras.Model,
        seed: int = 0,
        callbacks: CallbackMaker = no_callbacks,
        xla: bool | None = None,
    ) -> None:
        """Take over `model`; its optimizer is built.

        Args:
            model: The compiled model.
            seed: Mixed into each round's seed.
            callbacks: Makes the user's callbacks of a round; see `trainer.load_callbacks`.
            xla: Whether train steps are compiled by XLA; None for as the model was compiled.

        Raises:
            ModelError: The model cannot be trained.
        """
        compute_exactly()
        self.model = check_model(model)
        check_xla(model, xla)
        update_in_place(model)
        self._seed = seed
        self._make_callbacks = callbacks
        self._functions = Functions(model, seed, xla)
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
        """Return how much the model has to learn from each row; see `trainer.scoring.scores`.

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
            settings: Epochs, early stopping and warm-up.
            round_seed: Seeds Python and NumPy; and TensorFlow in the first fit or rehearsal, and
                if there are callbacks, which may draw, or the model makes draws that are not from
                its own variables.
            on_epoch: Called with the number of finished epochs and Keras's logs.
            should_stop: Asked after at most 16 batches.

        Returns:
            What was done. If a loss, the monitored metric or a weight is not finite, `diverged`
            says where, and model, optimizer and callbacks' state are as they were.

        Raises:
            ModelError: An input of the model is no feature, or the model has hidden state.
            CallbackError: A callback of the user raised.
            TrainingAborted: `should_stop` said so.
            SettingsError: The model has no metric of the name `monitor`.
            TrainingError: The dataset is too short, or Keras failed.
                After every error, also one of the caller's functions, model and optimizer are as
                they were.
        """
        if steps_per_epoch < 1:
            return skipped("there is no row to train on")
        clock = PartClock()
        task = assign(self.model, dataset, steps_per_epoch, validation, settings)
        watch = Watch(steps_per_epoch, settings.monitor, task.monitored, on_epoch, should_stop)
        before = take(self.model)
        best, diverged = 0, None
        try:
            best = self._fit(task, settings, round_seed, watch, clock, self._make_callbacks)
        except Diverged as error:
            put(self.model, before)
            best, diverged = 0, str(error)
        except BaseException:
            put(self.model, before)
            raise
        return make_report(watch.history, task, best, diverged, clock)

    def rehearse(
        self,
        dataset: tf.data.Dataset,
        steps_per_epoch: int,
        validation: Validation | None,
        settings: TrainSettings = _DEFAULTS,
        round_seed: int = 0,
        should_stop: ShouldStop = _never,
    ) -> None:
        """Trace what `train` runs by running it, so that the first round need not wait for that.

        Model, optimizer and callbacks' state are as they were afterwards, and no callback of the
        user is called; Python, NumPy and TensorFlow are seeded. It only looks at a model that is
        traced or compiled in each round anyway.

        Args:
            dataset: As of `train`; of the values of its rows nothing matters.
            steps_per_epoch: As of `train`.
            validation: As of `train`.
            settings: Those of the rounds.
            round_seed: Of the first round.
            should_stop: As of `train`.

        Raises:
            TrainingAborted: `should_stop` said so.
            ModelError: As of `train`.
            TrainingError: The model does not take these rows; the next round is none the worse.
        """
        if steps_per_epoch < 1 or not self._functions.are_kept:
            return
        settings = replace(settings, epochs=1, unmonitored_epochs=1)
        task = assign(self.model, dataset, steps_per_epoch, validation, settings)
        seed_everything(self._seed, round_seed)
        self._functions.look(task.batches.element_spec, settings.warm_up_steps > 0)
        if not self._functions.are_kept:
            return
        watch = Watch(steps_per_epoch, settings.monitor, task.monitored, _quiet, should_stop)
        before, state = take(self.model), callback_state(self.model)
        try:
            with suppress(Diverged):
                self._fit(task, settings, round_seed, watch, PartClock(), no_callbacks)
        finally:
            put(self.model, before)
            keep_callback_state(self.model, state)

    def _fit(
        self,
        task: Assignment,
        settings: TrainSettings,
        round_seed: int,
        watch: Watch,
        clock: PartClock,
        make_callbacks: CallbackMaker,
    ) -> int:
        quiet = make_callbacks is no_callbacks and self._functions.are_looked_at
        (seed_python if quiet else seed_everything)(self._seed, round_seed)  # callbacks may draw
        stopping = early_stopping(settings)
        own = RoundCallbacks(make_callbacks(), callback_state(self.model))
        loan = Loan(
            element_spec=task.batches.element_spec,
            steps_per_epoch=task.steps_per_epoch,
            round_seed=round_seed,
            warm_up=settings.warm_up_steps,
            each_batch=wants_each_batch(own.callbacks),
            clock=clock,
        )
        with named_faults(watch), self._functions.lent(loan):
            timer = ValidationTimer(clock, self._functions.tests_cold)
            self.model.fit(
                self._functions.meter.measured(task.batches),
                epochs=task.epochs,
                steps_per_epoch=task.steps_per_epoch,
                validation_data=task.validation,
                callbacks=[timer, own, watch, *([stopping] if task.monitored else [])],
                shuffle=False,
                verbose=0,
            )
        keep_callback_state(self.model, own.state())
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
