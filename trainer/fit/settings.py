"""How a round is trained."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from trainer.errors import SettingsError

Mode = Literal["auto", "min", "max"]


@dataclass(frozen=True)
class TrainSettings:
    """Epochs and early stopping of one round.

    Attributes:
        epochs: The most epochs of a round.
        patience: Epochs without an improvement after which training stops; the best epoch's
            weights are restored (Keras EarlyStopping; the optimizer's slots stay the last ones).
        min_delta: What counts as an improvement, in the monitored metric's unit.
        monitor: A name from Keras's logs, such as "val_loss", "val_auc" or "loss".
        mode: Whether less ("min") or more ("max") is better; "auto" asks Keras.
        unmonitored_epochs: Epochs of a round that has nothing to judge by: `monitor` begins with
            "val_" and there is no validation row. Then nothing can stop early, so little is done.
        warm_up_steps: Batches over which the learning rate grows to its own value, from
            1 / warm_up_steps of it on; 0 for none. It is no part of the optimizer's state.
    """

    epochs: int = 20
    patience: int = 2
    min_delta: float = 0.0
    monitor: str = "val_loss"
    mode: Mode = "auto"
    unmonitored_epochs: int = 1
    warm_up_steps: int = 0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            SettingsError: A value is out of range.
        """
        _check("epochs", self.epochs >= 1, "at least 1", self.epochs)
        _check("patience", self.patience >= 0, "at least 0", self.patience)
        fine = math.isfinite(self.min_delta) and self.min_delta >= 0
        _check("min_delta", fine, "a number of at least 0", self.min_delta)
        _check("monitor", bool(self.monitor), "the name of a metric", self.monitor)
        _check("mode", self.mode in get_args(Mode), "auto, min or max", self.mode)
        few = self.unmonitored_epochs
        _check("unmonitored_epochs", few >= 1, "at least 1", few)
        _check("warm_up_steps", self.warm_up_steps >= 0, "at least 0", self.warm_up_steps)

    def monitors_validation(self) -> bool:
        """Return whether the monitored metric needs validation rows."""
        return self.monitor.startswith("val_")


def _check(name: str, fine: bool, expected: str, got: object) -> None:
    if not fine:
        raise SettingsError(f"train.{name}", expected=expected, got=repr(got), mend="change it")
