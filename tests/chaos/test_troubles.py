"""What troubles look at before they judge."""

import threading
import time
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import pytest

from millstream.durable import write_json
from millstream.watch.board import LiveState
from tests.chaos import troubles
from tests.chaos.troubles import wait_for_clock


def told(folder: Path, off: float) -> None:
    """A status file as a service leaves it whose clock is so many seconds off."""
    state = LiveState(updated_ms=round((time.time() + off) * 1000))
    write_json(folder / "status.json", asdict(state), durable=False)


def test_a_status_that_is_older_than_the_jump_is_no_clock(tmp_path, monkeypatch):
    trial = SimpleNamespace(project=SimpleNamespace(state_dir=tmp_path))
    monkeypatch.setattr(troubles, "WAIT_S", 0.5)
    told(tmp_path, -14.0)
    with pytest.raises(AssertionError, match=r"was to be 86400 s off and is -1\d s off"):
        wait_for_clock(trial, 86_400)
    monkeypatch.setattr(troubles, "WAIT_S", 60.0)
    later = threading.Timer(0.3, told, (tmp_path, 86_400.0))
    later.start()
    wait_for_clock(trial, 86_400)
    later.join()
