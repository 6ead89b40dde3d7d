"""What models cost is measured in a process of its own, and never costs the caller a version."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from keras_models import Sample

from registry import (
    Artifact,
    Examples,
    LadderSettings,
    Quantizer,
    Subject,
    export_float32,
    ladder,
)
from registry.measure import measure_costs
from registry.measure.process import Measurer, MeasurerFailed


@pytest.fixture(scope="module")
def artifacts(samples: dict[str, Sample], quantizer: Quantizer) -> list[Artifact]:
    found = ladder(Subject(samples["cnn"].tflite), LadderSettings(("int8",)), quantizer)
    return [one for one in found if isinstance(one, Artifact)]


def test_sizes_times_and_memory_of_each_rung(
    artifacts: list[Artifact], samples: dict[str, Sample]
) -> None:
    costs = measure_costs(artifacts, samples["cnn"].features, calls=5)
    assert list(costs) == ["float32", "int8"]
    for artifact in artifacts:
        cost = costs[artifact.rung]
        assert (cost.bytes, cost.gzip_bytes) == (len(artifact.tflite), artifact.gzip_bytes)
        assert set(cost.latency_ms) == {1, 32}
        assert all(ms > 0 for ms in cost.latency_ms.values())
        assert cost.memory_bytes is not None
        assert cost.memory_bytes > 0


def test_rows_of_many_shapes(samples: dict[str, Sample]) -> None:
    for name in ("mlp", "image", "regression"):
        sample = samples[name]
        costs = measure_costs([Artifact("float32", sample.tflite)], sample.features, calls=1)
        assert set(costs["float32"].latency_ms) == {1, 32}, name


def test_a_model_that_does_not_run_has_sizes_alone(
    artifacts: list[Artifact], samples: dict[str, Sample]
) -> None:
    broken = Artifact("broken", b"\x1c\0\0\0TFL3 but nothing else")
    costs = measure_costs([artifacts[0], broken], samples["cnn"].features, calls=2)
    assert costs["broken"].latency_ms == {}
    assert costs["broken"].memory_bytes is None
    assert costs["broken"].bytes == len(broken.tflite)


def test_without_calls_or_rows_nothing_is_started(artifacts: list[Artifact]) -> None:
    for calls, features in ((0, {"p00": np.zeros(3, np.float32)}), (5, {})):
        costs = measure_costs(artifacts, features, calls=calls)
        assert all(cost.latency_ms == {} and cost.bytes > 0 for cost in costs.values())


def test_a_measurement_that_takes_too_long_is_given_up(
    artifacts: list[Artifact], samples: dict[str, Sample], caplog: pytest.LogCaptureFixture
) -> None:
    costs = measure_costs(artifacts, samples["cnn"].features, calls=5, timeout_s=0.01)
    assert all(cost.latency_ms == {} for cost in costs.values())
    assert "not measured within 0.01 s" in caplog.text


def test_an_input_of_any_length_and_of_any_name_is_calibrated_and_timed(
    quantizer: Quantizer,
) -> None:
    entry = keras.Input((None, 8), name="file")
    hidden = layers.GlobalAveragePooling1D()(layers.Conv1D(64, 3, padding="same")(entry))
    model = keras.Model(entry, layers.Dense(1)(layers.Dense(64, activation="relu")(hidden)))
    rows = {"file": np.random.default_rng(2).normal(size=(40, 6, 8)).astype(np.float32)}
    subject = Subject(export_float32(model), examples=Examples(rows, np.zeros(40)))
    found = ladder(subject, LadderSettings(("static_int8",)), quantizer)
    assert all(isinstance(one, Artifact) for one in found), found
    costs = measure_costs([one for one in found if isinstance(one, Artifact)], rows, calls=2)
    assert all(set(cost.latency_ms) == {1, 32} for cost in costs.values())
    assert all(cost.memory_bytes is not None for cost in costs.values())


def test_what_a_measurement_forked_ends_with_it(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    code = (
        "import os, pathlib, time\n"
        "if not os.fork():\n"
        f"    pathlib.Path({str(told)!r}).write_text(str(os.getpid()))\n"
        "time.sleep(600)\n"
    )
    with pytest.raises(TimeoutError):
        Measurer([sys.executable, "-c", code]).ask({}, 5.0)
    state = Path(f"/proc/{told.read_text()}/stat")
    until = time.monotonic() + 30
    while state.exists() and state.read_text().rsplit(")", 1)[1].split()[0] != "Z":
        assert time.monotonic() < until
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    """Whether a process is there, and not only its exit code."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


HANGS = """
import os, pathlib, sys, time
import registry.measure.child as child

def hang(told):
    pathlib.Path(told + ".part").write_text(f"{os.getppid()} {os.getpid()}")
    os.rename(told + ".part", told)
    time.sleep(600)

child.measured = hang
child.main()
"""


def test_a_measurement_that_hangs_ends_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    told = tmp_path / "pids"
    command = [sys.executable, "-c", HANGS]
    code = (
        "from registry.measure.process import Measurer\n"
        f"Measurer({command!r}).ask({{'told': {str(told)!r}}}, 600.0)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as parent:
        until = time.monotonic() + 60
        while not told.exists():
            assert time.monotonic() < until
            time.sleep(0.02)
        parent.kill()
    while any(is_running(int(pid)) for pid in told.read_text().split()):
        assert time.monotonic() < until
        time.sleep(0.02)


def test_an_answer_that_nobody_waited_for_is_not_the_next_one() -> None:
    echoes = (
        "import sys, time\nfor line in sys.stdin: time.sleep(1); print(line, end='', flush=True)"
    )
    measurer = Measurer([sys.executable, "-c", echoes])

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        with pytest.raises(KeyboardInterrupt):
            measurer.ask({"number": 1}, 60.0)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert measurer.ask({"number": 2}, 60.0) == {"number": 2}
    measurer.close()


def test_one_process_answers_all_and_another_takes_its_place(
    artifacts: list[Artifact], samples: dict[str, Sample], tmp_path: Path
) -> None:
    measurer = Measurer()
    (tmp_path / "0.tflite").write_bytes(artifacts[0].tflite)
    columns = {f"column {name}": values for name, values in samples["cnn"].features.items()}
    np.savez(tmp_path / "rows.npz", **columns)
    request = {"folder": str(tmp_path), "calls": 2, "batches": [1]}
    pids = set()
    for _ in range(2):
        (told,) = measurer.ask(request, 60.0)
        assert told["latency_ms"]["1"] > 0
        pids.add(measurer._child.pid)
    assert len(pids) == 1
    with pytest.raises(MeasurerFailed, match="rows"):
        measurer.ask({**request, "folder": str(tmp_path / "none")}, 60.0)
    (told,) = measurer.ask(request, 60.0)
    os.killpg(measurer._child.pid, signal.SIGKILL)
    measurer._child.wait()
    (told,) = measurer.ask(request, 60.0)
    assert told["memory_bytes"] > 0
    measurer.close()
    assert measurer._child is None
