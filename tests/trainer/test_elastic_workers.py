"""One, two and three real processes train the same model; a killed and a hung one are noticed.

Each launch does many cases, in one order that all of its processes have. A chain of rounds goes
from two workers to one to three. `make test-workers` tries more of them, and a worker that hangs.
"""

import os
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import workers
from elastic_worker import find

Found = list[dict[str, Any]]  # by rank, by case

EVERYTHING = bool(os.environ.get("MILLSTREAM_ALL_WORKERS"))
NUMERIC = ("numeric", "normalized", "gathered") if EVERYTHING else ("numeric",)
BITWISE = ("bitwise", "bitwise_gathered") if EVERYTHING else ("bitwise",)
STOPPING = ("stop_early:numeric", "stop_early:bitwise") if EVERYTHING else ("stop_early:bitwise",)
GOING_ON = ("numeric", "bitwise") if EVERYTHING else ("bitwise",)
EVERY = (*NUMERIC, *BITWISE, *STOPPING)

pytestmark = pytest.mark.slow


def going_on(done: int) -> list[str]:
    return [f"go_on:{name}/{done}" for name in GOING_ON]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workers")


@pytest.fixture(scope="module")
def two(folder: Path) -> Found:
    cases = ("conform:x", *EVERY, *going_on(0), "break_off:bitwise", "lose:numeric/SIGKILL")
    return workers.run_workers(2, folder, *cases, falls=True)


@pytest.fixture(scope="module")
def one(folder: Path, two: Found) -> dict[str, Any]:
    through = [f"go_through:{name}" for name in GOING_ON]
    try:
        return find(folder, [*EVERY, *through, *going_on(1)])
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")


@pytest.fixture(scope="module")
def three(folder: Path, one: dict[str, Any]) -> Found:
    """None in the suite: there a chain of services goes on with three workers."""
    if not EVERYTHING:
        return []
    more = ("numeric", "bitwise", "lose:bitwise/SIGSTOP")
    return workers.run_workers(3, folder, "conform:x", *going_on(2), *more, falls=True)


def test_a_line_over_collectives_keeps_what_it_promises(two: Found, three: Found) -> None:
    for found in (two, three) if three else (two,):
        assert [each["conform:x"]["rank"] for each in found] == list(range(len(found)))


@pytest.mark.parametrize("case", NUMERIC)
def test_workers_train_what_one_trains_up_to_rounding(
    one: dict[str, Any], two: Found, three: Found, case: str
) -> None:
    for found in (two, three) if EVERYTHING and case == "numeric" else (two,):
        several = found[0][case]
        np.testing.assert_allclose(several["floats"], one[case]["floats"], rtol=0, atol=1e-12)
        for name, values in one[case]["report"]["history"].items():
            close = pytest.approx(values, rel=1e-9)
            assert several["report"]["history"][name] == close, (len(found), name)


@pytest.mark.parametrize("case", BITWISE)
def test_workers_train_the_same_bits_as_one(
    one: dict[str, Any], two: Found, three: Found, case: str
) -> None:
    for found in (two, three) if EVERYTHING and case == "bitwise" else (two,):
        several = found[0][case]
        assert (several["bits"], several["digest"]) == (one[case]["bits"], one[case]["digest"])
        assert several["report"] == one[case]["report"]


def test_all_workers_have_the_same(two: Found, three: Found) -> None:
    every = [(two, [*EVERY, *going_on(0)]), (three, going_on(2))]
    for found, cases in every if three else every[:1]:
        for case in cases:
            for other in found[1:]:
                assert other[case]["bits"] == found[0][case]["bits"]
                assert other[case].get("report") == found[0][case].get("report")


@pytest.mark.parametrize("case", STOPPING)
def test_early_stopping_stops_all_at_one_epoch_with_the_best_weights(
    one: dict[str, Any], two: Found, case: str
) -> None:
    alone, together = one[case], two[0][case]
    report = together["report"]
    losses = report["history"]["val_loss"]
    assert report["stopped_early"]
    assert report["epochs"] == len(losses) == report["best_epoch"] + 2
    assert report["best_epoch"] > 1
    assert losses[report["best_epoch"] - 1] == min(losses)
    assert together["loss"] == pytest.approx(min(losses), rel=1e-6)
    for name in ("epochs", "best_epoch"):
        assert alone["report"][name] == report[name]
    assert together["scores"] == pytest.approx(alone["scores"], rel=1e-9)
    if "bitwise" in case:
        assert (alone["bits"], alone["report"]) == (together["bits"], report)
        assert alone["scores"] == together["scores"]


@pytest.mark.skipif(not EVERYTHING, reason="make test-workers")
@pytest.mark.parametrize("name", GOING_ON)
def test_a_run_goes_on_with_other_numbers_of_workers(
    one: dict[str, Any], three: Found, name: str
) -> None:
    unbroken, chain = one[f"go_through:{name}"], three[0][f"go_on:{name}/2"]
    np.testing.assert_allclose(chain["floats"], unbroken["floats"], rtol=0, atol=1e-12)
    if name == "bitwise":
        assert (chain["bits"], chain["digest"]) == (unbroken["bits"], unbroken["digest"])


def test_what_one_worker_meets_ends_the_fit_of_all_untouched(two: Found) -> None:
    first, second = (each["break_off:bitwise"] for each in two)
    assert first["stopped"] == "TrainingAborted: training was stopped in epoch 3"
    assert second["stopped"] == first["stopped"]
    assert "StepFailed: model.fit: " in second["failed"]
    assert "got ValueError: on purpose;" in second["failed"]
    assert "TrainingError: worker 1: expected its functions to run" in first["failed"]
    assert "the same round_seed on all workers" in first["another"]
    assert first["diverged"] == second["diverged"]
    assert first["diverged"]["diverged"] == "a gradient was not finite in epoch 1, at batch 6 of 6"
    assert first["diverged"]["best_epoch"] == 0
    for case in ("stopped", "failed", "another", "diverged"):
        assert first[f"{case} unchanged"]
        assert second[f"{case} unchanged"]


def test_a_killed_worker_is_noticed(two: Found) -> None:
    lost = two[0]["lose:numeric/SIGKILL"]
    print("killed, noticed after", f"{lost['noticed_s']:.2f} s")
    assert lost["error"].startswith("worker 0 of 2: expected all workers alive, got Unavailable")
    assert lost["error"].endswith("start again from the last checkpoint")


@pytest.mark.skipif(not EVERYTHING, reason="make test-workers")
def test_a_hung_worker_is_noticed(three: Found) -> None:
    for rank, each in enumerate(three[:2]):
        lost = each["lose:bitwise/SIGSTOP"]
        print("stopped, noticed after", f"{lost['noticed_s']:.2f} s")
        assert lost["error"].startswith(f"worker {rank} of 3: expected all workers alive, got ")
        assert lost["noticed_s"] < 60
