"""Names of layers that have none of their own: the same in each build, whatever was built before.

Keras counts them over a process (`dense_3`). Settings name layers by these names, so a model that
is built again must get the same ones. What holds Keras's counts is private to it; a test of this
file sees a Keras that keeps them elsewhere.
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from keras.src.backend.common import global_state

_COUNTS = "object_name_uids"


@contextmanager
def names_from_the_first() -> Iterator[None]:
    """Let layers that are made within be counted from the first, as in a fresh process."""
    before = global_state.get_global_attribute(_COUNTS) or {}
    counts: defaultdict[str, int] = defaultdict(int)
    global_state.set_global_attribute(_COUNTS, counts)
    try:
        yield
    finally:
        for name, count in before.items():
            counts[name] = max(count, counts[name])
