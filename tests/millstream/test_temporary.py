"""What a process leaves in the temporary folder goes with it, or with the next one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from millstream.temporary import own_temporary_folder
from registry.scratch import FRESH_S, remove_left_over

KILLED = """
import os, signal, tempfile
from millstream.temporary import own_temporary_folder
with own_temporary_folder():
    tempfile.NamedTemporaryFile(suffix=".py", delete=False).close()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_temporary_files_are_in_a_folder_that_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with own_temporary_folder():
        with tempfile.NamedTemporaryFile(delete=False) as file:
            assert tmp_path in Path(file.name).parents
        assert Path(os.environ["TMPDIR"]) == Path(file.name).parent != tmp_path
        assert Path(file.name).exists()
    assert tempfile.gettempdir() == os.environ["TMPDIR"] == str(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_those_of_a_killed_process_are_removed_with_its_folder(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    ended = subprocess.run([sys.executable, "-c", KILLED], env=environment, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert len(list(tmp_path.rglob("*.py"))) == 1
    assert len(remove_left_over(tmp_path, time.time() + FRESH_S + 1)) == 1
    assert list(tmp_path.iterdir()) == []
