"""Where this process trains: TensorFlow's strategy, and its line to the other workers."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from millstream.config.config import Config
from millstream.errors import ConfigError, UsageError
from millstream.workers.gpus import MEND, shares_gpu, told_gpus

if TYPE_CHECKING:
    import tensorflow as tf

    import trainer

__all__ = ["Place", "beat_of", "open_place"]

log = logging.getLogger("millstream")

PARTNERED = ("mixup", "cutmix", "smote")


@dataclass(frozen=True)
class Place:
    """A worker's place in a run.

    Attributes:
        strategy: a model is built in its scope.
        workers: all of them; `trainer.Alone` is a single one.
        is_shared: whether a round is made of what workers have told each other. A single worker
            does it the same way if any number of them is to give the same bits.
    """

    strategy: tf.distribute.Strategy
    workers: trainer.Communicator
    is_shared: bool


def open_place(config: Config) -> Place:
    """Join the workers that TF_CONFIG names; a process without it works alone.

    Returns when all of them have come.

    Raises:
        ConfigError: something in the configuration cannot be shared among workers.
        trainer.SettingsError: TF_CONFIG or the strategy cannot be used.
        trainer.PeerLost: not all workers came in time.
    """
    import trainer

    tell_gpus(trainer.gpu_names())
    topology = trainer.read_tf_config(os.environ.get("TF_CONFIG"))
    strategy = trainer.open_strategy(config.train.strategy, topology, shares_gpu=shares_gpu())
    is_shared = (
        topology.size > 1
        or strategy.num_replicas_in_sync > 1
        or config.train.determinism == "bitwise"
    )
    if is_shared:
        check_shareable(config)
    if topology.size == 1:
        return Place(strategy, trainer.Alone(), is_shared)
    workers = trainer.CollectiveCommunicator(strategy, topology.rank, topology.size)
    keep_handler(signal.SIGTERM)
    return Place(strategy, workers, is_shared)


def tell_gpus(names: Sequence[str]) -> None:
    """Say which GPUs a service trains on, and that it does not where it might."""
    try:
        told = told_gpus(names)
    except UsageError as error:
        log.warning("training on the processor: %s; %s", error, MEND)
    else:
        if names:
            log.info("training on %s", told)


def keep_handler(number: signal.Signals) -> None:
    """Handle a signal as before: TensorFlow's notifier of preemptions has taken SIGTERM away."""
    handler = signal.getsignal(number)
    if handler is not None and threading.current_thread() is threading.main_thread():
        signal.signal(number, handler)


def beat_of(config: Config, rank: int) -> Path:
    """The file that says that a worker lives; see `millstream.workers.beat`."""
    return config.state_dir / "workers" / f"{rank}.beat"


def check_shareable(config: Config) -> None:
    """Refuse what would make a model depend on the number of workers.

    Raises:
        ConfigError: names the setting.
    """
    for number, step in enumerate(config.augment.steps):
        if step.kind in PARTNERED:
            raise ConfigError(
                f"augment.steps.{number}: {step.kind} mixes a row with others, which may lie with"
                " other workers; leave it out, or train with one worker and determinism ="
                ' "numeric"'
            )
    if config.train.determinism == "bitwise" and config.sample.importance is not None:
        raise ConfigError(
            "sample.importance: scores of rows are not equal to the bit; leave it out, or set"
            ' train.determinism = "numeric"'
        )
