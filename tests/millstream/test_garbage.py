"""Cycles of later rounds are freed; what was there before is not looked through again."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import gc, weakref
from millstream.garbage import collect_cycles

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
collect_cycles()
assert first() is None
assert gc.get_freeze_count() > 50_000
frozen = gc.get_freeze_count()
for _ in range(3):
    node, later = cycle()
    del node
    assert later() is not None
    collect_cycles()
    assert later() is None
assert gc.get_freeze_count() <= frozen
assert len(gc.get_objects()) < 50_000
"""


def test_cycles_are_freed_and_what_stays_is_set_aside() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
