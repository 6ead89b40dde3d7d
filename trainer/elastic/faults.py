"""What ended a step: a worker that is lost, or what this worker alone could not do."""

from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

from trainer.distribution.collective_communicator import LOST, peer_lost
from trainer.distribution.communicator import Communicator
from trainer.elastic.agreement import Agreement
from trainer.errors import ModelError, PeerLost, StepFailed, TrainerError, one_line
from trainer.fit.fitting import misfit
from trainer.fit.watch import Diverged

__all__ = ["built_together", "is_own", "told_apart"]

_OF_ROWS = (
    tf.errors.InvalidArgumentError,
    tf.errors.OutOfRangeError,
    tf.errors.ResourceExhaustedError,
)
_OF_PYTHON = "Traceback (most recent call last)"  # in the message of what a py_function raised


@contextmanager
def told_apart(line: Communicator, agreement: Agreement) -> Iterator[None]:
    """Tell of lost peers, and of a step that failed on this worker while the others wait for it.

    What all workers have heard of stays as it is, and so does all that a single worker meets.

    Args:
        line: To the other workers.
        agreement: Of the fit.

    Raises:
        StepFailed: It is surely a matter of this worker's rows.
        PeerLost: A worker is lost; or it may be that, as TensorFlow does not tell.
    """
    try:
        yield
    except (TrainerError, Diverged):
        raise
    except Exception as error:
        if line.size == 1 or error is agreement.raised:
            raise
        if isinstance(error, LOST):
            raise peer_lost(line.rank, line.size, error) from error
        if is_own(error):
            raise misfit(error, StepFailed) from error
        raise PeerLost(
            f"worker {line.rank} of {line.size}",
            expected="a step that all workers finish",
            got=f"{type(error).__name__} on this one: {one_line(error, 160)}",
            mend="end this process, as the others wait for it; see what the model cannot take",
        ) from error


@contextmanager
def built_together(line: Communicator) -> Iterator[None]:
    """Tell of peers that are lost while a model is built: all take its first weights from one.

    The user's function is what meets them, and is not at fault.

    Raises:
        PeerLost: A worker is lost.
    """
    try:
        yield
    except (ModelError, *LOST) as error:
        lost = _lost_in(error)
        if line.size == 1 or lost is None:
            raise
        raise peer_lost(line.rank, line.size, lost) from error


def _lost_in(error: BaseException | None) -> tf.errors.OpError | None:
    """Return what tells of a lost peer among an error and those that it came from."""
    while error is not None and not isinstance(error, LOST):
        error = error.__cause__ or error.__context__
    return error


def is_own(error: Exception) -> bool:
    """Return whether an error is surely a matter of this worker's rows, not of a lost peer."""
    if isinstance(error, tf.errors.OpError):
        return isinstance(error, _OF_ROWS) or _OF_PYTHON in error.message
    return True
