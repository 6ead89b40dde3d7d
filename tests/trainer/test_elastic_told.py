"""What one worker meets: the same error on all, if all can hear of it; else whose fault it is."""

from functools import partial
from pathlib import Path

import pytest
import tensorflow as tf

from trainer import (
    Alone,
    CallbackError,
    Communicator,
    ElasticLearner,
    ModelError,
    PeerLost,
    RefusedError,
    SettingsError,
    StepFailed,
    TrainingError,
    build_model,
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


def test_a_peer_that_is_lost_while_the_model_is_built_is_not_the_models_fault(
    tmp_path: Path,
) -> None:
    """The first weights come from one worker, so the user's function can meet its end."""
    (tmp_path / "lonely.py").write_text(
        "import tensorflow as tf\n\n\ndef build():\n"
        "    try:\n        raise tf.errors.UnavailableError(None, None, 'Socket closed')\n"
        "    except tf.errors.OpError as error:\n        raise RuntimeError('a layer') from error\n"
    )
    strategy = tf.distribute.get_strategy()
    build = partial(build_model, "lonely:build", tmp_path)

    def told(line: Communicator) -> tuple[type, str]:
        with pytest.raises(RefusedError) as raised:
            ElasticLearner(build, strategy, line)
        return raised.type, raised.value.got

    # One at a time, as a module is imported and TensorFlow is seeded for the whole process.
    def work(line: Communicator) -> list[tuple[type, str]]:
        own = [told(line)] if line.rank == 0 else []
        line.gather(b"")
        return own or [told(line)]

    lost = [(PeerLost, "UnavailableError: Socket closed")]
    assert run_workers(2, work) == [lost, lost]
    assert told(Alone()) == (ModelError, "RuntimeError: a layer")
