"""What MLflow's failures are called, and that a silent server costs seconds, not minutes."""

from __future__ import annotations

import http.server
import os
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from sqlalchemy.exc import OperationalError, ProgrammingError

from registry import ModelRegistry, StoreError, StoreRefused, StoreUnavailable
from registry.store import DEFAULTS, RETRIES, Store, asked_once
from registry.store_silence import MOST_SECONDS


class Fixed(http.server.BaseHTTPRequestHandler):
    """Answers everything with the status of its server, and counts what it was asked."""

    server: Answering

    def do_GET(self) -> None:
        self.server.asked.append(self.path.partition("?")[0])
        health = self.path == "/health"
        self.send_response(self.server.health if health else self.server.status)
        self.end_headers()

    do_POST = do_GET  # noqa: N815

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


class Answering(http.server.ThreadingHTTPServer):
    """A server whose answers a test decides."""

    health, status = 200, 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Fixed)
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answering]:
    monkeypatch.setenv(RETRIES, "0")
    with Answering() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, StoreRefused),
        (403, StoreRefused),
        (400, StoreError),
        (404, StoreError),
        (429, StoreUnavailable),
        (500, StoreUnavailable),
        (502, StoreUnavailable),
        (503, StoreUnavailable),
    ],
)
def test_a_status_says_whether_to_come_back(
    server: Answering, status: int, kind: type[StoreError]
) -> None:
    server.status = status
    with pytest.raises(StoreError) as caught:
        ModelRegistry("flights", server.url).champion()
    assert type(caught.value) is kind
    assert ("MLFLOW_TRACKING_TOKEN" in str(caught.value)) is (kind is StoreRefused)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OperationalError("select", {}, Exception("gone")), StoreUnavailable),
        (ProgrammingError("select", {}, Exception("no table")), StoreError),
        (ConnectionResetError(), StoreUnavailable),
        (TimeoutError(), StoreUnavailable),
        (FileNotFoundError(2, "no such file"), StoreError),
        (ImportError("no driver"), StoreError),
    ],
)
def test_a_failure_says_whether_to_come_back(error: Exception, kind: type[StoreError]) -> None:
    store = Store("sqlite://")
    with pytest.raises(StoreError) as caught, store.translated("read"):
        raise error
    assert type(caught.value) is kind


def test_a_gateway_without_a_server_behind_it_is_asked_no_more(server: Answering) -> None:
    server.health = 503
    with pytest.raises(StoreUnavailable, match="it says 503 Service Unavailable; start it"):
        ModelRegistry("flights", server.url).champion()
    assert server.asked == ["/health"]


def test_it_is_asked_for_its_health_only_at_first_and_after_a_failure(server: Answering) -> None:
    server.status = 500
    store = Store(server.url)

    def fail() -> None:
        with pytest.raises(StoreUnavailable), store.translated("list"):
            store.client.search_registered_models()

    fail()
    fail()
    server.status = 404
    with pytest.raises(StoreError), store.translated("list"):
        store.client.search_registered_models()
    assert server.asked.count("/health") == 3
    store = Store(server.url)
    assert [store.client is store.client for _ in range(2)] == [True, True]
    assert server.asked.count("/health") == 4


def test_a_server_that_takes_connections_and_says_nothing_costs_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun = time.monotonic()
        with pytest.raises(StoreUnavailable, match="it says nothing within 5 s"):
            ModelRegistry("flights", f"http://127.0.0.1:{silent.getsockname()[1]}").champion()
        assert time.monotonic() - begun > MOST_SECONDS - 1


def test_patience_is_ours_unless_somebody_says_otherwise(
    server: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in DEFAULTS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "7")
    assert Store(server.url).client
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "7"
    assert os.environ[RETRIES] == DEFAULTS[RETRIES]
    with asked_once():
        assert os.environ[RETRIES] == "0"
    assert os.environ[RETRIES] == DEFAULTS[RETRIES]
    monkeypatch.delenv(RETRIES)
    with asked_once():
        assert os.environ[RETRIES] == "0"
    assert RETRIES not in os.environ
