"""The password in a tracking URI is in no error, whatever MLflow or its server say."""

from __future__ import annotations

import base64
import socket
import traceback
from collections.abc import Iterator
from threading import Thread

import pytest

from registry import StoreError
from registry.store import Store

PASSWORD = "hunter2"


@pytest.fixture
def closing(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The port of a server that is healthy, and ends each connection that asks for more."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run() -> None:
            while True:
                try:
                    asked = server.accept()[0]
                except OSError:
                    return
                with asked:
                    if asked.recv(1000).startswith(b"GET /health"):
                        asked.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")

        Thread(target=run, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def test_a_server_that_fails_in_the_middle_is_told_without(closing: int) -> None:
    store = Store(f"http://me:{PASSWORD}@127.0.0.1:{closing}")
    told = rf"http://me:\*\*\*@127.0.0.1:{closing}/api"
    with pytest.raises(StoreError, match=told) as caught, store.translated("list versions"):
        store.client.search_registered_models()
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("uri", ["bogus://me:{}@host", "postgresql://me:{}@127.0.0.1:1/x"])
def test_a_store_that_cannot_be_opened_is_told_without(uri: str) -> None:
    with pytest.raises(StoreError, match=r"//me:\*\*\*@") as caught:
        Store(uri.format(PASSWORD)).client  # noqa: B018 - opens it
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        (
            "postgresql://127.0.0.1:1/x?user=me&password={}",
            "postgresql://127.0.0.1:1/x?user=me&password=***",
        ),
        (
            "postgresql://127.0.0.1:1/x?sslpassword={}&a=b",
            "postgresql://127.0.0.1:1/x?sslpassword=***&a=b",
        ),
        ("http://{}@127.0.0.1:1", "http://***@127.0.0.1:1"),
    ],
)
def test_what_is_secret_elsewhere_in_an_address(uri: str, told: str) -> None:
    store = Store(uri.format(PASSWORD))
    assert store.place == told
    with pytest.raises(StoreError) as caught:
        store.client  # noqa: B018 - opens it
    assert told in str(caught.value)
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))


def test_an_address_with_a_slash_in_its_password_is_refused_without_it() -> None:
    with pytest.raises(StoreError, match=r"http://me:\*\*\*@h:5000: no address"):
        Store(f"http://me:a/{PASSWORD}@h:5000").client  # noqa: B018 - opens it


def test_what_mlflow_is_asked_with_is_in_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0ken")
    travelling = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
    told = f"bad header 'Basic {travelling}' of {PASSWORD}, or 'Bearer t0ken'"
    with pytest.raises(StoreError) as caught, Store("http://h").translated("read"):
        raise OSError(told)
    whole = "".join(traceback.format_exception(caught.value))
    assert not [part for part in (travelling, PASSWORD, "t0ken") if part in whole]
    assert "bad header 'Basic ***' of ***, or 'Bearer ***'" in whole
