"""The same registry through a real MLflow server, artifacts passed through it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from keras_models import Sample

from registry import ModelRegistry


@pytest.fixture
def server(store: str, tmp_path: Path) -> Iterator[str]:
    """URL of a server on the test's own store."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--backend-store-uri", store]
    command += ["--artifacts-destination", str(tmp_path / "served")]
    log = (tmp_path / "server.log").open("wb")
    process = subprocess.Popen(
        command, stdout=log, stderr=log, cwd=tmp_path, start_new_session=True
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{url}/health", process)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        log.close()


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return


@pytest.mark.slow
def test_a_server_holds_versions_and_artifacts(
    server: str, samples: dict[str, Sample], publication, tmp_path: Path
) -> None:
    flights = ModelRegistry("flights", server)
    assert flights.champion() is None
    first = flights.publish(publication())
    flights.publish(publication(round=2, promote=False))
    assert flights.publish(publication()) == first
    assert [(v.version, v.aliases) for v in flights.versions()] == [(1, ("champion",)), (2, ())]
    assert flights.champion() == first
    assert flights.tflite(first) == samples["mlp"].tflite
    assert flights.pull("flights", tmp_path / "out") == first
    assert (tmp_path / "out" / "model.tflite").read_bytes() == samples["mlp"].tflite
    note = tmp_path / "note.txt"
    note.write_text("seen")
    flights.log_file(first, note)
    (served,) = (tmp_path / "served").rglob("note.txt")
    assert served.read_text() == "seen"
