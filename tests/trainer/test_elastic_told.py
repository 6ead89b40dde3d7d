"""What one worker meets in its own functions is the same error on all, if it is about the round."""

import pytest

from trainer import (
    CallbackError,
    Communicator,
    ModelError,
    RefusedError,
    SettingsError,
    TrainingError,
    run_workers,
)
from trainer.elastic.agreement import Agreement


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
