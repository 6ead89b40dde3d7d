"""What all tests share: one real broker for the session, and a fresh topic name for each test."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from millstream.stack.kafka import EmbeddedKafka

if TYPE_CHECKING:
    import keras

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
# The same tests everywhere; `make test-gpu` says otherwise.
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

# Files that take long begin first, the longest before all, so that no process ends long after the
# others; `make test ARGS=--durations=100` tells.
LONGEST = (
    "millstream/test_readme.py",
    "millstream/test_kill.py",
    "registry/test_reexport.py",
    "ingest/test_kafka_matrix.py",
    "ingest/test_republish.py",
    "millstream/test_workers.py",
    "millstream/test_sampling_rounds.py",
    "trainer/test_determinism.py",
    "stack/test_kafka.py",
    "millstream/test_formats_end_to_end.py",
    "registry/test_follow_command.py",
    "millstream/test_dead_letters.py",
    "trainer/test_learner.py",
    "millstream/test_mlflow_down.py",
    "millstream/test_kill_workers.py",
    "millstream/test_augment_rounds.py",
    "trainer/test_checkpoint.py",
    "remote/test_end_to_end.py",
    "ingest/test_augment_pipeline_kinds.py",
    "trainer/test_elastic_workers.py",
    "tests/test_architecture.py",
    "registry/test_mlflow_server.py",
    "millstream/test_odd_records.py",
    "ingest/test_stream_kafka.py",
    "registry/test_publish_crashes.py",
    "millstream/test_feature_statistics.py",
    "trainer/test_fine_tuning.py",
    "registry/test_publishers_at_once.py",
    "remote/test_trouble.py",
    "ingest/test_stream_kill.py",
    "trainer/test_model_options.py",
    "trainer/test_elastic_one.py",
    "trainer/test_sharded_whole.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, the others as they were."""
    rank = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get("/".join(item.path.parts[-2:]), len(LONGEST)))


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """A running embedded broker."""
    with EmbeddedKafka(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture
def topic(request: pytest.FixtureRequest) -> str:
    """A topic name that no other test uses."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", request.node.name)[:60]
    return f"{name}-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def traces(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows with each trace of a Keras model's train step."""
    import keras

    found: list[int] = []
    step = keras.Model.train_step

    def counted(model: keras.Model, batch: Any) -> Any:
        found.append(1)
        return step(model, batch)

    monkeypatch.setattr(keras.Model, "train_step", counted)
    return found


@pytest.fixture
def conversions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the models that are converted for `export_again`."""
    from registry import reexport

    converted: list[str] = []
    convert = reexport.export_float32

    def counted(model: keras.Model) -> bytes:
        converted.append(model.name)
        return convert(model)

    monkeypatch.setattr(reexport, "export_float32", counted)
    return converted
