"""Two replicas in one process, on logical CPUs: what holds for several GPUs of one machine."""

import os
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import workers
from elastic_worker import find

Found = dict[str, Any]
MODELS = ("normalized", "bitwise")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.environ.get("MILLSTREAM_ALL_WORKERS"), reason="make test-workers"),
]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Found, Found]:
    folder: Path = tmp_path_factory.mktemp("mirrored")
    mirrored = {"STRATEGY": "mirrored", "LOGICAL_CPUS": "2"}
    (double,) = workers.run_workers(1, folder, *MODELS, "conform:x", **mirrored)
    try:
        return find(folder, list(MODELS)), double
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")


def test_replicas_train_what_one_device_trains(found: tuple[Found, Found]) -> None:
    single, double = found
    assert double["conform:x"]["strategy"] == "MirroredStrategy"
    one, two = single["normalized"], double["normalized"]
    np.testing.assert_allclose(two["floats"], one["floats"], rtol=0, atol=1e-12)
    for name, values in one["report"]["history"].items():
        np.testing.assert_allclose(two["report"]["history"][name], values, rtol=1e-9)


def test_replicas_train_the_same_bits(found: tuple[Found, Found]) -> None:
    single, double = found
    assert double["bitwise"]["bits"] == single["bitwise"]["bits"]
    assert double["bitwise"]["digest"] == single["bitwise"]["digest"]
    assert double["bitwise"]["report"] == single["bitwise"]["report"]
