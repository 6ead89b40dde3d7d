"""The same state in Google's store, as an emulator of it has it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from millstream.errors import BusyError, MillstreamError, ObjectStoreError
from millstream.remote.objects import ObjectStore

from .rounds import add_round, files_of, mirrored
from .server import Asked, ObjectServer, Proxy

ADDRESS = f"gs://{ObjectServer.bucket}/state"
EMULATOR = ("gcp_storage_emulator", "start", "--port", "{port}", "-H", "127.0.0.1", "-q", "-M")


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A proxy before the emulator, which knows no conditions by itself."""
    begin = ("GET", f"/storage/v1/b/{ObjectServer.bucket}")
    command = (*EMULATOR, "--default-bucket", ObjectServer.bucket)
    with ObjectServer(begin, *command) as server, Proxy(server.port) as proxy:
        for name, value in proxy.environment.items():
            monkeypatch.setenv(name, value)
        yield proxy


def refuse_what_is_there(proxy: Proxy) -> None:
    """`ifGenerationMatch=0`, as Google documents it."""
    there: set[bytes] = set()

    def answer(asked: Asked) -> int | None:
        if "ifGenerationMatch=0" in asked.path:
            name = re.search(rb'"name": "([^"]+)"', asked.body)
            assert name is not None
            if name[1] in there:
                return 412
            there.add(name[1])
        return None

    proxy.answer = answer


def test_a_lost_folder_comes_back(google: Proxy, tmp_path: Path) -> None:
    refuse_what_is_there(google)
    objects = ObjectStore(ADDRESS)
    for number in range(2):
        add_round(tmp_path / "a", number, weights=b"w" * 100_000)
    with mirrored(objects, tmp_path / "a", seconds=2.0) as mirror:
        mirror.save()
        assert mirror.why == ""
        with pytest.raises(BusyError, match="alive"), mirrored(objects, tmp_path / "b"):
            pass
    with mirrored(objects, tmp_path / "b"):
        assert files_of(tmp_path / "b") == files_of(tmp_path / "a")
    objects.remove("rounds/000001/SAVED")
    objects.remove("rounds/000001/SAVED")
    assert "rounds/000001/SAVED" not in objects.sizes("rounds")


def test_without_conditions_it_is_refused(google: Proxy, tmp_path: Path) -> None:
    with (
        pytest.raises(ObjectStoreError, match="refuses to create an object that is there"),
        mirrored(ObjectStore(ADDRESS), tmp_path),
    ):
        pass


def test_no_bucket_and_no_access_are_told(google: Proxy) -> None:
    with pytest.raises(MillstreamError, match="create the bucket"):
        ObjectStore("gs://none/state").read("rounds/000000/SAVED")
    google.answer = lambda asked: 403
    with pytest.raises(MillstreamError, match="Forbidden"):
        ObjectStore(ADDRESS).read("rounds/000000/SAVED")
