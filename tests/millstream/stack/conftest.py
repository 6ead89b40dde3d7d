"""Helpers of the tests of the local servers."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

TIMEOUT_S = 60.0


@pytest.fixture
def wait_until() -> Callable[[Callable[[], bool], str], None]:
    """Wait for a condition; fail with the text when it does not come."""

    def wait(condition: Callable[[], bool], text: str) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"not within {TIMEOUT_S:g} s: {text}")
            time.sleep(0.02)

    return wait


@pytest.fixture
def gone() -> Callable[[int], bool]:
    """Whether a process has ended (a zombie has)."""

    def ended(pid: int) -> bool:
        try:
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    return ended


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start Python code in a process of its own; what it prints can be read."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str, *arguments: object, **env: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", code, *map(str, arguments)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env or None)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
