"""One, two and three real processes train the same model; a killed and a hung one are noticed.

Three launches do it all: each process trains many cases, in one order that all of them have.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import workers

Found = list[dict[str, Any]]  # by rank, by case

NUMERIC = ("numeric", "normalized", "gathered")
BITWISE = ("bitwise", "bitwise_gathered")
STOPPING = ("stop_early:numeric", "stop_early:bitwise")
GOING_ON = ("numeric", "bitwise")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Found]:
    """What was found by number of workers: a chain of rounds goes from two to one to three."""
    folder: Path = tmp_path_factory.mktemp("workers")
    every = (*NUMERIC, *BITWISE, *STOPPING)
    first, second, third = ([f"go_on:{name}/{done}" for name in GOING_ON] for done in range(3))
    two = ("conform:x", *every, *first, "break_off:bitwise", "lose:numeric/SIGSTOP")
    one = (*every, *(f"go_through:{name}" for name in GOING_ON), *second)
    three = ("conform:x", "numeric", "bitwise", *third, "lose:bitwise/SIGKILL")
    return {
        2: workers.run_workers(2, folder, *two, falls=True),
        1: workers.run_workers(1, folder, *one),
        3: workers.run_workers(3, folder, *three, falls=True),
    }


def test_a_line_over_collectives_keeps_what_it_promises(found: dict[int, Found]) -> None:
    for size in (2, 3):
        assert [one["conform:x"]["rank"] for one in found[size]] == list(range(size))


@pytest.mark.parametrize("case", NUMERIC)
def test_workers_train_what_one_trains_up_to_rounding(found: dict[int, Found], case: str) -> None:
    one = found[1][0][case]
    for size in (2, 3):
        two = found[size][0].get(case)
        if two is not None:
            np.testing.assert_allclose(two["floats"], one["floats"], rtol=0, atol=1e-12)
            for name, values in one["report"]["history"].items():
                close = pytest.approx(values, rel=1e-9)
                assert two["report"]["history"][name] == close, (size, name)


@pytest.mark.parametrize("case", BITWISE)
def test_workers_train_the_same_bits_as_one(found: dict[int, Found], case: str) -> None:
    one = found[1][0][case]
    for size in (2, 3):
        two = found[size][0].get(case, one)
        assert (two["bits"], two["digest"]) == (one["bits"], one["digest"])
        assert two["report"] == one["report"]


def test_all_workers_have_the_same(found: dict[int, Found]) -> None:
    for size in (2, 3):
        for case in (*NUMERIC, *BITWISE, *STOPPING):
            first, *others = [one.get(case) for one in found[size]]
            for other in others:
                assert other is None or other["bits"] == first["bits"]
                assert other is None or other["report"] == first["report"]


@pytest.mark.parametrize("case", STOPPING)
def test_early_stopping_stops_all_at_one_epoch_with_the_best_weights(
    found: dict[int, Found], case: str
) -> None:
    one, two = found[1][0][case], found[2][0][case]
    report = two["report"]
    losses = report["history"]["val_loss"]
    assert report["stopped_early"]
    assert report["epochs"] == len(losses) == report["best_epoch"] + 2
    assert report["best_epoch"] > 1
    assert losses[report["best_epoch"] - 1] == min(losses)
    assert two["loss"] == pytest.approx(min(losses), rel=1e-6)
    assert (one["report"]["epochs"], one["report"]["best_epoch"]) == (
        report["epochs"],
        report["best_epoch"],
    )
    if "bitwise" in case:
        assert (one["bits"], one["report"]) == (two["bits"], two["report"])


@pytest.mark.parametrize("name", GOING_ON)
def test_a_run_goes_on_with_other_numbers_of_workers(found: dict[int, Found], name: str) -> None:
    unbroken, chain = found[1][0][f"go_through:{name}"], found[3][0][f"go_on:{name}/2"]
    np.testing.assert_allclose(chain["floats"], unbroken["floats"], rtol=0, atol=1e-12)
    if name == "bitwise":
        assert (chain["bits"], chain["digest"]) == (unbroken["bits"], unbroken["digest"])


def test_what_one_worker_meets_ends_the_fit_of_all_untouched(found: dict[int, Found]) -> None:
    first, second = (one["break_off:bitwise"] for one in found[2])
    assert (
        first["stopped"]
        == second["stopped"]
        == ("TrainingAborted: training was stopped in epoch 3")
    )
    assert second["failed"] == "ValueError: on purpose"
    assert "TrainingError: worker 1: expected its functions to run" in first["failed"]
    assert "the same round_seed on all workers" in first["another"]
    assert first["diverged"] == second["diverged"]
    assert first["diverged"]["diverged"] == "a gradient was not finite in epoch 1, at batch 6 of 6"
    assert first["diverged"]["best_epoch"] == 0
    for case in ("stopped", "failed", "another", "diverged"):
        assert first[f"{case} unchanged"]
        assert second[f"{case} unchanged"]


def test_a_killed_worker_is_noticed(found: dict[int, Found]) -> None:
    lost = [one["lose:bitwise/SIGKILL"] for one in found[3][:2]]
    print("killed, noticed after", [f"{one['noticed_s']:.2f} s" for one in lost])
    for rank, one in enumerate(lost):
        assert one["error"].startswith(f"worker {rank} of 3: expected all workers alive, got Unav")
        assert one["error"].endswith("start again from the last checkpoint")


def test_a_hung_worker_is_noticed(found: dict[int, Found]) -> None:
    lost = found[2][0]["lose:numeric/SIGSTOP"]
    print("stopped, noticed after", f"{lost['noticed_s']:.2f} s")
    assert lost["error"].startswith("worker 0 of 2: expected all workers alive, got ")
    assert lost["noticed_s"] < 60
