"""The eye on a running fit: non-finite losses, requests to stop, progress."""

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import keras

from trainer.errors import SettingsError, TrainingAborted
from trainer.hints import did_you_mean
from trainer.variables import first_non_finite

OnEpoch = Callable[[int, Mapping[str, float]], None]
ShouldStop = Callable[[], bool]


class Diverged(Exception):  # noqa: N818 - ends the fit, never leaves the room
    """A value is not finite any more; the text says which and where."""


class Watch(keras.callbacks.Callback):  # type: ignore[misc]
    """Looks after each group of batches and each epoch, and ends the fit by raising.

    Attributes:
        history: The logs of the finished epochs.
        raised: What the caller's own function raised, to be told apart from Keras's errors.
    """

    def __init__(
        self,
        steps_per_epoch: int,
        monitor: str,
        monitored: bool,
        on_epoch: OnEpoch,
        should_stop: ShouldStop,
    ) -> None:
        super().__init__()
        self.history: list[dict[str, float]] = []
        self.raised: BaseException | None = None
        self._steps_per_epoch = steps_per_epoch
        self._monitor = monitor
        self._monitored = monitored
        self._on_epoch = on_epoch
        self._should_stop = should_stop

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """Raise Diverged for a non-finite loss, TrainingAborted if asked to stop."""
        loss = float((logs or {}).get("loss", 0.0))
        if not math.isfinite(loss):
            seen = min(batch + 1, self._steps_per_epoch)
            where = f"epoch {len(self.history) + 1}, at batch {seen} of {self._steps_per_epoch}"
            raise Diverged(f"the training loss became {loss} in {where}")
        self._poll()

    def on_test_batch_end(self, *_: object, **__: object) -> None:
        """Raise TrainingAborted if asked to stop."""
        self._poll()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Check the epoch's losses and weights, record the losses, and tell the caller.

        Weights are looked at because a loss can hide them: on some CPUs the relu of NaN is 0.
        """
        values = _numbers(logs or {})
        if self._monitored and self._monitor not in values:
            raise SettingsError(
                "train.monitor",
                expected="a metric that the model reports",
                got=f'"{self._monitor}"',
                mend=did_you_mean(self._monitor, values),
            )
        for name in dict.fromkeys(("loss", "val_loss", self._monitor)):
            if not math.isfinite(values.get(name, 0.0)):
                raise Diverged(f"{name} became {values[name]} in epoch {epoch + 1}")
        broken = first_non_finite(self.model)
        if broken is not None:
            raise Diverged(f"{broken} is not finite after epoch {epoch + 1}")
        self.history.append(values)
        try:
            self._on_epoch(epoch + 1, values)
        except BaseException as error:
            self.raised = error
            raise

    def _poll(self) -> None:
        try:
            stop = self._should_stop()
        except BaseException as error:
            self.raised = error
            raise
        if stop:
            raise TrainingAborted(f"training was stopped in epoch {len(self.history) + 1}")


def _numbers(logs: Mapping[str, Any]) -> dict[str, float]:
    """The logs without what callbacks added that is no number."""
    values = {}
    for name, value in logs.items():
        with suppress(TypeError, ValueError):
            values[name] = float(value)
    return values
