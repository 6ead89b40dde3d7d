"""What one worker meets: the same error on all, if all can hear of it; else whose fault it is."""

import pytest
import tensorflow as tf

from trainer import (
    CallbackError,
    Communicator,
    ModelError,
    RefusedError,
    SettingsError,
    StepFailed,
    TrainingError,
    run_workers,
)
from trainer.elastic.agreement import Agreement
from trainer.elastic.faults import is_own
from trainer.fit.fitting import misfit


@pytest.mark.parametrize("kind", [CallbackError, ModelError, SettingsError, TrainingError])
def test_all_raise_what_one_has_met(kind: type[RefusedError]) -> None:
    def fail() -> None:
        raise kind("own.py:3", expected="this", got="that\nand more", mend="change it")

    def work(line: Communicator) -> tuple[type, str, bool]:
        agreement = Agreement(line)
        if line.rank == 1:
            agreement.guard(fail)
        try:
            agreement.gather(False, {}, 0)
        except RefusedError as error:
            return type(error), str(error), error is agreement.raised
        raise AssertionError("nothing was raised")

    told = "own.py:3: expected this, got that and more; change it"
    assert run_workers(3, work) == [(kind, told, rank == 1) for rank in range(3)]


def test_a_failed_step_is_told_from_a_lost_peer() -> None:
    errors = tf.errors
    of_python = "KeyError: 'x'\nTraceback (most recent call last):\n  File own.py, line 3"
    for own in (
        errors.InvalidArgumentError(None, None, "indices[3] = 99 is not in [0, 3)"),
        errors.ResourceExhaustedError(None, None, "out of memory"),
        errors.UnknownError(None, None, of_python),
        KeyError("x"),
    ):
        assert is_own(own)
    for unclear in (
        errors.UnknownError(None, None, "Stream removed"),
        errors.InternalError(None, None, "RST_STREAM"),
        errors.UnavailableError(None, None, "Connection reset by peer"),
    ):
        assert not is_own(unclear)


def test_what_a_step_could_not_do_is_told_without_the_places_in_its_graph() -> None:
    message = (
        "Graph execution error:\n\nDetected at node m/embedding/GatherV2 defined at (most recent"
        ' call last):\n  File "model.py", line 6, in <module>\n\n  File "layer.py", line 1, in call'
        "\n\nindices[0,0] = 99 is not in [0, 3)\n\t [[{{node m/embedding/GatherV2}}]] [Op:step]"
    )
    told = misfit(tf.errors.InvalidArgumentError(None, None, message), StepFailed)
    assert isinstance(told, StepFailed)
    assert told.got == "InvalidArgumentError: indices[0,0] = 99 is not in [0, 3)"
    assert misfit(ValueError(message)).got.startswith("ValueError: Graph execution error")
