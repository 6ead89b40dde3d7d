"""Page faults are counted in a process of its own: the thresholds belong to the whole process."""

import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import ctypes, resource
import numpy as np
from ingest.allocator import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(50):
        np.ones(1 << 20, np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

ctypes.CDLL(None).mallopt(-1, 128 << 10)  # as TensorFlow's generators do
print(faults(), keep_freed_memory(), faults())
"""
PAGES = 50 * (1 << 20) // 4096


@pytest.mark.parametrize("own", [{}, {"MALLOC_TRIM_THRESHOLD_": "131072"}], ids=["", "own"])
def test_freed_arrays_are_used_again_unless_the_user_has_set_malloc_up(own):
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        cwd=Path(__file__).parents[2],
        env=own,
        capture_output=True,
        text=True,
        check=True,
    )
    before, is_set, after = done.stdout.split()
    assert int(before) >= PAGES
    assert is_set == str(not own)
    assert int(after) >= PAGES if own else int(after) < PAGES / 5
