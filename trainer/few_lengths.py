"""Rows that are judged are cut into chunks of few different lengths.

TensorFlow's kernels on a CPU (oneDNN) are made anew for each number of rows and kept, up to 1,024
for each thread and operation, at some ten kilobytes each: a service that judges another number of
rows in each round would grow by a quarter of a megabyte a round, for hours.
"""

from typing import Any

import keras
from keras import tree

STEPS = (256, 16, 1)
MEANS = {"sum_over_batch_size", "mean"}
"""Reductions of a loss to its mean over rows, as Keras names them."""


def few_lengths(rows: int, most: int) -> list[int]:
    """Return the lengths of the chunks of so many rows, in order.

    Args:
        rows: How many there are.
        most: Rows of a chunk; all but the last few chunks have them.

    Returns:
        Lengths of 1 to `most` that sum to `rows`: `most`, then a multiple of 256, then one of 16
        below 256, then one below 16, where there are any.
    """
    lengths, rest = [most] * (rows // most), rows % most
    for step in STEPS:
        if rest >= step:
            lengths.append(rest - rest % step)
            rest %= step
    return lengths


def chunks(rows: int, most: int, *, few: bool = True) -> list[slice]:
    """Return where chunks of at most so many rows lie; of no rows, one that is empty.

    Args:
        rows: How many there are.
        most: Rows of a chunk.
        few: Whether they are of few lengths; else all but the last are of `most`.
    """
    lengths = few_lengths(rows, most) if few else [most] * (rows // most) + [rows % most]
    found, begin = [], 0
    for length in lengths:
        if length:
            found.append(slice(begin, begin + length))
            begin += length
    return found or [slice(0, 0)]


def may_be_cut(model: keras.Model) -> bool:
    """Return whether loss and metrics of some rows are the same for any cut, but for rounding.

    It is so for those of Keras whose loss is a mean over rows. What a user wrote may look at a
    batch as a whole, and a sum is not shown as one: such rows stay in as few batches as can be.
    """
    parts = [model.loss]
    if (compiled := getattr(model, "_compile_metrics", None)) is not None:
        parts += [compiled._user_metrics, compiled._user_weighted_metrics]
    return all(_is_of_rows(part) for part in tree.flatten(parts) if part is not None)


def _is_of_rows(part: Any) -> bool:
    if isinstance(part, str):
        return True
    function = getattr(part, "fn", None) or getattr(part, "_fn", None)
    known = all(_is_of_keras(each) for each in (part, function) if each is not None)
    return known and getattr(part, "reduction", "mean") in MEANS


def _is_of_keras(part: Any) -> bool:
    module = getattr(part, "__module__", None) or type(part).__module__
    return module.split(".")[0] == "keras"
