"""Where a process ends, no thread of a dataset is left in Python: the end might wait for it."""

from __future__ import annotations

import subprocess
import sys

READING = """
import atexit
import time

busy = []
atexit.register(lambda: print("busy" if busy else "at rest", flush=True))  # first in, last out

import numpy as np
import tensorflow as tf
from ingest.from_function import from_function

def make(number):
    busy.append(True)
    time.sleep(0.1)
    busy.clear()
    return np.int64(number)

iterator = iter(from_function(make, 1000, tf.TensorSpec((), tf.int64)).prefetch(1))
print(int(next(iterator)), flush=True)
"""


def test_a_process_ends_after_what_makes_its_elements() -> None:
    command = [sys.executable, "-c", READING]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout == "0\nat rest\n"
