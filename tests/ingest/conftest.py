"""What tests of the source share."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ingest.kafka import seam
from tests.ingest.broker import VALUES, produce


@pytest.fixture
def no_thread_is_left() -> Iterator[None]:
    """Fail if a thread outlives the test."""
    before = {thread.ident for thread in threading.enumerate()}
    yield
    left = [t for t in threading.enumerate() if t.ident not in before and t.is_alive()]
    for thread in left:
        thread.join(5)
    assert not [t.name for t in left if t.is_alive()]


@pytest.fixture(params=["columns", "records"])
def reading(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to read: with the seam, and as if this kafka-python did not fit it."""
    if request.param == "records":
        monkeypatch.setattr(seam, "misfit", lambda consumer: "the test says so")
    return request.param


@pytest.fixture
def servers(kafka: Any) -> str:
    """The broker of the session."""
    return kafka.bootstrap_servers


@pytest.fixture
def two(kafka: Any, topic: str) -> str:
    """A topic with 100 records in each of two partitions."""
    kafka.create_topic(topic, 2)
    for partition in range(2):
        produce(kafka.bootstrap_servers, topic, VALUES, partition)
    return topic
