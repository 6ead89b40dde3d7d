"""A service that is told to stop while it waits for an address ends then, and leaves nothing."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path

import pytest

from millstream.durable import read_as
from millstream.remote.lease import holding
from millstream.remote.objects import ObjectStore
from millstream.watch.board import LiveState

from ..preloaded import Started
from ..project import Project
from .test_end_to_end import pod
from .test_lease import lease_of

FOR_EVER_S = 3_600.0


def contents(objects: ObjectStore) -> dict[str, bytes]:
    return {key: objects.read(key) for key in objects.sizes("")}


def test_a_stop_ends_the_wait_for_one_that_may_be_gone(
    objects: ObjectStore, tmp_path: Path
) -> None:
    lease_of(objects, "gone", FOR_EVER_S).take()
    before, stop = contents(objects), threading.Event()
    threading.Timer(0.3, stop.set).start()
    with holding(objects, tmp_path, 2.0, stop) as lease:
        assert lease is None
    with holding(objects, tmp_path, 2.0, stop) as lease:
        assert lease is None, "it was told to stop before it looked"
    assert contents(objects) == before


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.long)])
def test_a_service_ends_that_waits_for_an_address(
    objects: ObjectStore, tmp_path: Path, workers: int
) -> None:
    lease_of(objects, "gone", FOR_EVER_S).take()
    before = contents(objects)
    # It comes to neither broker nor registry, so there need be none.
    project = pod(tmp_path / "p", "127.0.0.1:9", "t", objects.address, "http://127.0.0.1:9")
    many = ("--workers", str(workers)) if workers > 1 else ()
    service = project.start("run", *many)
    wait_for(project, service, f"bringing rounds from {objects.address}")
    service.send_signal(signal.SIGTERM)
    code = service.wait(90)
    output, _ = service.communicate(0)
    assert code == 0, output
    assert "error" not in output.lower()
    assert contents(objects) == before
    state = read_as(project.state_dir / "status.json", LiveState)
    assert (state.phase, state.note) == ("stopped", "")


def wait_for(project: Project, service: Started, note: str) -> None:
    """Until the first worker does what the note says."""
    deadline = time.monotonic() + 60
    while True:
        assert service.poll() is None
        assert time.monotonic() < deadline
        state = read_as(project.state_dir / "status.json", LiveState)
        if state is not None and state.note == note:
            return
        time.sleep(0.1)
