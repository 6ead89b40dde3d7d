"""Where a process ends, no thread of a dataset is left in Python: the end might wait for it."""

from __future__ import annotations

import subprocess
import sys

READING = """
import atexit
import time

busy = []
atexit.register(lambda: print("busy" if busy else "at rest", flush=True))  # first in, last out

import tensorflow as tf
from ingest.generated import from_generator

def numbers():
    while True:
        busy.append(True)
        time.sleep(0.1)
        busy.clear()
        yield 1

iterator = iter(from_generator(numbers, tf.TensorSpec((), tf.int64)).prefetch(1))
print(int(next(iterator)), flush=True)
"""


def test_a_process_ends_after_its_generators() -> None:
    command = [sys.executable, "-c", READING]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout == "1\nat rest\n"
