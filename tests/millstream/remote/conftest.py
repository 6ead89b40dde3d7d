"""A real S3-compatible server, and a proxy before it that can misbehave."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from millstream.remote.objects import ObjectStore

from .server import ObjectServer, Proxy


@pytest.fixture(scope="session")
def object_server() -> Iterator[ObjectServer]:
    """The server, in a process of its own."""
    moto = ("moto.server", "-H", "127.0.0.1", "-p", "{port}")
    with ObjectServer(("PUT", f"/{ObjectServer.bucket}"), *moto) as server:
        yield server


@pytest.fixture
def proxy(object_server: ObjectServer) -> Iterator[Proxy]:
    """What stands before the server, and is what a test's client speaks to."""
    with Proxy(object_server.port) as proxy:
        yield proxy


@pytest.fixture
def address(object_server: ObjectServer, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> str:
    """An address below which there is nothing yet."""
    for name, value in proxy.environment.items():
        monkeypatch.setenv(name, value)
    return f"s3://{object_server.bucket}/{uuid.uuid4().hex[:12]}/state"


@pytest.fixture
def objects(address: str) -> ObjectStore:
    """The objects below it."""
    return ObjectStore(address)
