import numpy as np
import pytest

from trainer import Alone, Communicator, TrainingAborted, TrainingError, run_workers
from trainer.elastic.agreement import Agreement


def broken() -> None:
    raise ValueError("on purpose")


def test_states_add_up_in_the_order_of_their_numbers() -> None:
    values = np.array([1e16, 1.0, -1e16, 3.0])  # another order gives another sum

    def work(line: Communicator) -> list[float]:
        own = {number: values[[number]] for number in range(4) if number % line.size == line.rank}
        return Agreement(line).gather(False, own, 1).total.tolist()

    expected = [float(((values[0] + values[1]) + values[2]) + values[3])]
    assert all(run_workers(size, work) == [expected] * size for size in (1, 2, 3))


def test_one_that_wants_to_stop_stops_all() -> None:
    said = run_workers(3, lambda line: Agreement(line).gather(line.rank == 1, {}, 0).stop)
    assert said == [True] * 3


def test_what_one_meets_all_hear_and_go_on_after() -> None:
    def work(line: Communicator) -> str:
        agreement = Agreement(line)
        if line.rank == 1:
            assert agreement.guard(broken, otherwise=5) == 5
            assert agreement.guard(lambda: 6, otherwise=5) == 5
        try:
            agreement.gather(False, {}, 0)
        except (TrainingError, ValueError) as error:
            agreement.gather(False, {}, 0)
            return str(error)
        return ""

    first, second, third = run_workers(3, work)
    assert second == "on purpose"
    assert first == third
    assert "worker 1: expected its functions to run, got ValueError: on purpose" in first


def test_what_all_know_is_raised_at_once() -> None:
    def stop() -> None:
        raise TrainingAborted("stopped")

    with pytest.raises(TrainingAborted):
        Agreement(Alone()).guard(stop)


def test_workers_that_differ_are_told_in_what() -> None:
    def work(line: Communicator) -> None:
        Agreement(line).same("the round", {"seed": 3, "epochs": 5 + line.rank // 2})

    run_workers(2, work)
    with pytest.raises(
        TrainingError, match=r"the same epochs .* worker 0 has 5, got 6 on worker 2"
    ):
        run_workers(3, work)
