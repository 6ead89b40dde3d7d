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
GIVEN_BACK = """
from pathlib import Path
import numpy as np
from ingest.allocator import give_back_freed_memory, keep_freed_memory

def kilobytes():
    (line,) = (l for l in Path("/proc/self/status").read_text().splitlines() if "RssAnon" in l)
    return int(line.split()[1])

keep_freed_memory()
between = [np.ones(1 << 17, np.uint8) for _ in range(1000)]
last = np.ones(100, np.uint8)
kept = between[::100]
before = kilobytes()
del between
free = kilobytes()
print(before - free, give_back_freed_memory(), free - kilobytes())
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


def test_what_is_free_between_what_is_used_is_given_back() -> None:
    done = subprocess.run(
        [sys.executable, "-c", GIVEN_BACK],
        cwd=Path(__file__).parents[2],
        env={},
        capture_output=True,
        text=True,
        check=True,
    )
    kept, is_done, given_back = done.stdout.split()
    assert is_done == "True"
    assert int(kept) < 20_000
    assert int(given_back) > 80_000
