"""The learner of several workers: one model, trained by all of them at once."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any, Literal, get_args

import keras
import numpy as np
import tensorflow as tf

from trainer.checkpoint import digest
from trainer.distribution.communicator import Communicator
from trainer.elastic.agreement import Agreement
from trainer.elastic.conditions import check_devices, check_graph, check_parts, check_scope
from trainer.elastic.faults import built_together, told_apart
from trainer.elastic.fit import Fit, Machine, Work
from trainer.elastic.machine import make_machine
from trainer.elastic.rows import OwnValidation, check_length, own_batches
from trainer.elastic.seams import check_seams
from trainer.errors import SettingsError
from trainer.fit.assignment import Assignment
from trainer.fit.callback_state import callback_state, keep_callback_state
from trainer.fit.callbacks import (
    CallbackMaker,
    RoundCallbacks,
    no_callbacks,
    runs_on,
    wants_each_batch,
)
from trainer.fit.fitting import early_stopping, make_report, named_faults, skipped
from trainer.fit.grouped_steps import GROUP
from trainer.fit.report import TrainReport
from trainer.fit.settings import TrainSettings
from trainer.fit.timing import PartClock
from trainer.fit.watch import Diverged, OnEpoch, ShouldStop, Watch
from trainer.learner import Learner
from trainer.models.model import check_model
from trainer.randomness import compute_exactly, seed_everything, seed_python
from trainer.scoring.scores import Score
from trainer.variables import put, take

__all__ = ["Determinism", "ElasticLearner"]

Determinism = Literal["numeric", "bitwise"]
_DEFAULTS = TrainSettings()


class ElasticLearner:
    """A compiled Keras model that is trained a round at a time by 1 to N workers.

    Every worker makes one of the same model, with a strategy that spans them all, and calls the
    same methods in the same order; `train` is the only one that waits for the others.

    Guarantee: every worker has the same weights, optimizer slots and seeds after a round, the same
    report, and takes the same decisions. Against one worker: "numeric" differs by rounding only
    (and at one worker is `Learner`, bit for bit); "bitwise" does not differ at all.

    Batches are of elements (features, label, weight[b], place): the own rows of each global
    batch, b of them, which may be 0; all workers have equally many batches. `place` has `rows`
    (int32: of the whole batch), `at` (int32[b]: places of the own rows in it) and `share`
    (int32[b]: the number of the row's partition among all of them); a partition is one worker's.
    Weights are the user's: what workers need, they are multiplied by here.
    """

    def __init__(
        self,
        model: keras.Model | Callable[[], keras.Model],
        strategy: tf.distribute.Strategy,
        communicator: Communicator,
        seed: int = 0,
        determinism: Determinism = "numeric",
        callbacks: CallbackMaker = no_callbacks,
    ) -> None:
        """Take over a model, or build it.

        Args:
            model: Compiled; or what builds and compiles it, which is called in the strategy's
                scope. With several replicas a model must have been built there.
            strategy: See `open_strategy`.
            communicator: Between all workers of the strategy.
            seed: Mixed into each round's seed.
            determinism: "numeric" or "bitwise".
            callbacks: Makes the user's callbacks of a round; those that look on run on the chief.

        Raises:
            ModelError: The model cannot be trained like that.
            PeerLost: A worker was lost meanwhile.
            SettingsError: There is no such determinism, or not on these devices.
            TrainingError: This Keras has not what is needed.
        """
        if determinism not in get_args(Determinism):
            expected = " or ".join(get_args(Determinism))
            raise SettingsError(
                "train.determinism", expected=expected, got=repr(determinism), mend="change it"
            )
        if determinism == "bitwise":
            check_devices()
        compute_exactly()
        with strategy.scope(), built_together(communicator):
            built = model if isinstance(model, keras.Model) else model()
            self.model = check_model(built)
            if not self.model.optimizer.built:
                self.model.optimizer.build(self.model.trainable_variables)
        check_parts(self.model)
        check_scope(self.model, strategy)
        check_seams(self.model)
        self._strategy = strategy
        self._line = communicator
        self._seed = seed
        self._bitwise = determinism == "bitwise"
        self._make_callbacks = callbacks
        self._local = Learner(self.model, seed)
        self._agreement = Agreement(communicator)
        self._machine: Machine | None = None
        self._is_checked = False

    def predict(self, features: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return predictions for rows of this worker; see `Learner.predict`."""
        return self._local.predict(features)

    def scores(
        self, features: Mapping[str, np.ndarray], labels: np.ndarray, kind: Score = "loss"
    ) -> np.ndarray:
        """Return how much there is to learn from rows of this worker; see `Learner.scores`."""
        return self._local.scores(features, labels, kind)

    def train(
        self,
        dataset: tf.data.Dataset,
        steps_per_epoch: int,
        validation: OwnValidation | None = None,
        settings: TrainSettings = _DEFAULTS,
        round_seed: int = 0,
        on_epoch: OnEpoch = lambda _epoch, _logs: None,
        should_stop: ShouldStop = lambda: False,
    ) -> TrainReport:
        """Train one round with early stopping, together with all other workers.

        Args:
            dataset: Own rows of each global batch, as the class says, the epochs one after
                another.
            steps_per_epoch: Batches of an epoch; with 0 nothing is done, and the report says so.
            validation: Own rows: (features, labels, weights or None, share int32[n]); each
                partition's in an order that does not depend on the worker. Whether there is
                anything to judge by is a matter of all workers' rows.
            settings: Epochs, early stopping and warm-up, the same on all workers.
            round_seed: Seeds Python and NumPy; and TensorFlow in the first round of a process, so
                that draws from its seeds are found, and if there are callbacks.
            on_epoch: Called with the number of finished epochs and Keras's logs, of all workers.
            should_stop: Asked after at most 16 batches; if one worker says so, all stop.

        Returns:
            What was done, the same on all workers; its times are the chief's.

        Raises:
            ModelError: An input of the model is no feature, or the model cannot be trained by
                several workers; nothing was trained.
            CallbackError: A callback of the user raised on this worker.
            TrainingAborted: `should_stop` said so on some worker.
            TrainingError: As of `Learner`; another worker's functions raised; or workers do not
                have the same to begin with. Model and optimizer are as they were after every
                error but the next ones.
            StepFailed: A step failed on this worker, such as by an index outside of a table; end
                this process, as the others wait for it.
            PeerLost: A worker is gone, hangs, or failed in a step; end this process.
        """
        clock = PartClock()
        told = {"steps_per_epoch": steps_per_epoch, **asdict(settings), "round_seed": round_seed}
        told |= {"bitwise": self._bitwise, "weights": digest(self.model)}
        self._agreement.same("the round to train", told)
        if steps_per_epoch < 1:
            return skipped("there is no row to train on")
        work, monitored = self._work(dataset, steps_per_epoch, validation, settings, clock)
        task = Assignment(work.batches, steps_per_epoch, work.epochs, None, monitored)
        quiet = self._make_callbacks is no_callbacks and self._is_checked
        (seed_python if quiet else seed_everything)(self._seed, round_seed)
        fit = self._traced(work, should_stop)
        watch = Watch(steps_per_epoch, settings.monitor, monitored, on_epoch, lambda: fit.stopped)
        before, state = take(self.model), callback_state(self.model)
        best, diverged = 0, None
        try:
            best = self._run(fit, watch, settings, monitored)
        except Diverged as error:
            put(self.model, before)
            best, diverged = 0, str(error)
        except BaseException:
            put(self.model, before)
            keep_callback_state(self.model, state)
            raise
        report = make_report(watch.history, task, best, diverged, clock)
        return self._of_chief(report)

    def _work(
        self,
        dataset: tf.data.Dataset,
        steps_per_epoch: int,
        validation: OwnValidation | None,
        settings: TrainSettings,
        clock: PartClock,
    ) -> tuple[Work, bool]:
        """What is to be done, and whether early stopping has anything to look at."""
        batches = own_batches(self.model, dataset)
        own = 0 if validation is None else len(validation[1])
        rows = sum(int(part) for part in self._line.gather(str(own).encode()))
        monitored = rows > 0 or not settings.monitors_validation()
        epochs = settings.epochs if monitored else min(settings.epochs, settings.unmonitored_epochs)
        check_length(dataset, epochs, steps_per_epoch)
        with clock.part("compile"):
            machine = self._made(batches.element_spec)
        work = Work(
            batches=batches,
            steps_per_epoch=steps_per_epoch,
            epochs=epochs,
            parts=machine.judge.prepare(validation if own else None),
            rows=rows,
            warm_up=settings.warm_up_steps,
            clock=clock,
        )
        return work, monitored

    def _made(self, spec: Any) -> Machine:
        if self._machine is None:
            self._machine = make_machine(
                self.model, self._strategy, self._line, spec, bitwise=self._bitwise
            )
        return self._machine

    def _traced(self, work: Work, should_stop: ShouldStop) -> Fit:
        fit = Fit(self._made(work.batches.element_spec), work, should_stop)
        with work.clock.part("compile"):
            check_graph(self.model, self._strategy, fit.trace())
        self._is_checked = True
        return fit

    def _run(self, fit: Fit, watch: Watch, settings: TrainSettings, monitored: bool) -> int:
        """Train, and return the epoch whose weights the model has, from 1."""
        made = self._make_callbacks()
        chosen = [one for one in made if self._line.rank == 0 or runs_on(one) == "all"]
        own = RoundCallbacks(chosen, callback_state(self.model))
        stopping = early_stopping(settings)
        group = 1 if wants_each_batch(made) else GROUP
        with named_faults(watch), told_apart(self._line, self._agreement):
            fit.run([own, watch, *([stopping] if monitored else [])], group)
            keep_callback_state(self.model, own.state())
            self._agreement.same("the model after training", {"weights": digest(self.model)})
        return stopping.best_epoch + 1 if monitored else len(watch.history)

    def _of_chief(self, report: TrainReport) -> TrainReport:
        """The report with the chief's times."""
        times = {"seconds": report.seconds, "seconds_by_part": dict(report.seconds_by_part)}
        told = json.loads(self._line.gather(json.dumps(times).encode())[0])
        return replace(report, **told)
