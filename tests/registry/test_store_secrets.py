"""The password in a tracking URI is in no error, whatever MLflow or its server say."""

from __future__ import annotations

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
    """The port of a server that ends each connection at once."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run() -> None:
            while True:
                try:
                    server.accept()[0].close()
                except OSError:
                    return

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


def test_an_address_with_a_slash_in_its_password_is_refused_without_it() -> None:
    with pytest.raises(StoreError, match=r"http://me:\*\*\*@h:5000: no address"):
        Store(f"http://me:a/{PASSWORD}@h:5000").client  # noqa: B018 - opens it
