"""Two replicas in one process, on logical CPUs: what holds for several GPUs of one machine."""

from pathlib import Path
from typing import Any

import elastic_refusals as refusals
import numpy as np
import pytest
import workers

Found = dict[str, Any]
MODELS = ("normalized", "bitwise")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Found, Found]:
    folder: Path = tmp_path_factory.mktemp("mirrored")
    mirrored = {"STRATEGY": "mirrored", "LOGICAL_CPUS": "2"}
    (single,) = workers.run_workers(1, folder, *MODELS)
    (double,) = workers.run_workers(1, folder, *MODELS, "conform:x", "refuse:x", **mirrored)
    return single, double


@pytest.mark.slow
def test_replicas_train_what_one_device_trains(found: tuple[Found, Found]) -> None:
    single, double = found
    assert double["conform:x"]["strategy"] == "MirroredStrategy"
    one, two = single["normalized"], double["normalized"]
    np.testing.assert_allclose(two["floats"], one["floats"], rtol=0, atol=1e-12)
    for name, values in one["report"]["history"].items():
        np.testing.assert_allclose(two["report"]["history"][name], values, rtol=1e-9)


@pytest.mark.slow
def test_replicas_train_the_same_bits(found: tuple[Found, Found]) -> None:
    single, double = found
    assert double["bitwise"]["bits"] == single["bitwise"]["bits"]
    assert double["bitwise"]["digest"] == single["bitwise"]["digest"]
    assert double["bitwise"]["report"] == single["bitwise"]["report"]


@pytest.mark.slow
@pytest.mark.parametrize("name", refusals.MODELS)
def test_what_replicas_cannot_train_is_refused_untouched(
    found: tuple[Found, Found], name: str
) -> None:
    refused = found[1]["refuse:x"]
    assert refusals.TOLD[name] in refused[name]
    assert refused[f"{name} unchanged"]
