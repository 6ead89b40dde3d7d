"""Cycles of later rounds are freed; what was there before is not looked through again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.millstream.preloaded import Started

PROGRAM = """
import gc, weakref
from millstream.garbage import tidy_up

class Node:
    pass

def cycle():
    node = Node()
    node.self = node
    return node, weakref.ref(node)

gc.disable()
kept = [[number] for number in range(50_000)]
node, first = cycle()
del node
tidy_up()
assert first() is None
assert gc.get_freeze_count() > 50_000
frozen = gc.get_freeze_count()
for _ in range(3):
    node, later = cycle()
    del node
    assert later() is not None
    tidy_up()
    assert later() is None
assert gc.get_freeze_count() <= frozen
assert len(gc.get_objects()) < 50_000
"""


def test_cycles_are_freed_and_what_stays_is_set_aside() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


KERNELS = """
import tensorflow as tf
from millstream.garbage import KERNELS_EVERY, tidy_up

tf.random.set_seed(1)
draw = lambda: float(tf.random.uniform([], seed=2))
first = draw()
tidy_up()
assert draw() != first, "a kernel goes on where it was"
for _ in range(KERNELS_EVERY - 1):
    tidy_up()
assert draw() == first, "the kernel is another one"
"""


def test_kernels_are_dropped_now_and_then(tmp_path: Path) -> None:
    program = tmp_path / "kernels.py"
    program.write_text(KERNELS)
    started = Started((), tmp_path, os.environ, program)
    assert started.wait(120) == 0, started.communicate(0)[0]
