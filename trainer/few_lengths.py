"""Rows that are judged are cut into chunks of few different lengths.

TensorFlow's kernels on a CPU (oneDNN) are made anew for each number of rows and kept, up to 1,024
for each thread and operation, at some ten kilobytes each: a service that judges another number of
rows in each round would grow by a quarter of a megabyte a round, for hours.
"""

STEPS = (256, 16, 1)


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


def chunks(rows: int, most: int) -> list[slice]:
    """Return the same chunks as places among the rows; of no rows, one that is empty."""
    found, begin = [], 0
    for length in few_lengths(rows, most):
        found.append(slice(begin, begin + length))
        begin += length
    return found or [slice(0, 0)]
