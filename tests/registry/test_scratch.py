"""Temporary folders: removed at the end, and after a kill by the next process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from registry.scratch import FRESH_S, remove_left_over, scratch_folder

HOLD = """
import sys, time
from registry.scratch import scratch_folder
with scratch_folder("export") as folder:
    (folder / "file").write_text("whatever")
    print(folder, flush=True)
    time.sleep(60)
"""
FIRST = "import registry.scratch as s\nwith s.scratch_folder('export') as f: print(f)"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder of its own, also for child processes."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def start(place: Path) -> tuple[subprocess.Popen[str], Path]:
    """A process that uses a folder."""
    process = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_the_folder_of_a_killed_process_goes_and_that_of_a_living_one_stays(place: Path) -> None:
    killed, left = start(place)
    living, used = start(place)
    try:
        killed.kill()
        killed.wait()
        assert left.exists()
        later = time.time() + FRESH_S + 1
        assert remove_left_over(place) == []  # it could be one that is not locked yet
        assert remove_left_over(place, later) == [left.parent]
        assert not left.exists()
        assert (used / "file").read_text() == "whatever"
    finally:
        living.kill()
        living.wait()


def test_the_first_folder_of_a_process_clears_up_before(place: Path) -> None:
    killed, left = start(place)
    killed.kill()
    killed.wait()
    ago = time.time() - 2 * FRESH_S
    os.utime(left.parent, (ago, ago))
    other = place / "millstream-scratch-of-nobody"
    other.write_text("a file")
    done = subprocess.run([sys.executable, "-c", FIRST], capture_output=True, text=True, check=True)
    assert not left.parent.exists()
    assert other.exists()
    assert not Path(done.stdout.strip()).parent.exists()


def test_it_is_empty_and_removed_at_the_end() -> None:
    with scratch_folder("keras") as folder:
        assert list(folder.iterdir()) == []
        assert "keras" in folder.parent.name
        (folder / "file").write_text("whatever")
    assert not folder.parent.exists()
