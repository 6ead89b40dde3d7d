"""What all tests share: one real broker for the session, and a fresh topic name for each test."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator

import pytest

from millstream.stack.kafka import EmbeddedKafka

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

# Files that take minutes begin first, so that no worker ends long after the other.
LONGEST = (
    "millstream/test_kill.py",
    "millstream/test_workers.py",
    "examples/test_examples.py",
    "millstream/test_readme.py",
    "millstream/test_kill_workers.py",
    "millstream/test_formats_end_to_end.py",
    "ingest/test_kafka_matrix.py",
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
