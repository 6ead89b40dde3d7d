"""What models cost is measured in a process of its own, and never costs the caller a version."""

from __future__ import annotations

import numpy as np
import pytest
from keras_models import Sample

from registry import Artifact, LadderSettings, Quantizer, Subject, ladder
from registry.measure import measure_costs


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
