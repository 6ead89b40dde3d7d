"""Work that leaves the process's random numbers as it found them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

__all__ = ["undisturbed"]


@contextmanager
def undisturbed() -> Iterator[None]:
    """Python's and NumPy's global generators go on afterwards as if nothing had been drawn.

    Keras seeds each new layer from Python's. TensorFlow's and Keras's own global generators are not
    drawn from by anything in this package: copies have no layers that draw, and weights come from
    other layers.
    """
    python, numpy = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
