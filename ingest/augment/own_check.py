"""Whether what a user's function makes of a row is a function of the row and its seed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ingest.augment.augmentation import Context
from ingest.errors import AugmentError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["check_outcomes", "tried"]

ROWS = 8
ROUNDING = 1e-4
"""The largest difference of floats, relative to the largest of them, that rounding may make."""
ROUNDED = 0.02
"""The share of integers that rounding may change."""
PLACE = re.compile(r'File "(?:[^"]*[/\\])?([^"/\\]+)", line (\d+)')
T = TypeVar("T")


def tried(place: str, call: Callable[[], T]) -> T:
    """What a call of the user's code returns.

    Raises:
        AugmentError: it raised something.
    """
    try:
        return call()
    except Exception as error:
        raise AugmentError(f"{place}: it failed when it was tried{_told(error)}") from error


def _told(error: Exception) -> str:
    """Where and why, of the many lines that TensorFlow makes of an error in a graph."""
    kind, text = type(error).__name__, str(error)
    places = PLACE.findall(text)
    where = f" at {places[-1][0]}:{places[-1][1]}" if places else ""
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("[[")]
    said = lines[-1].removeprefix(f"{kind}: ") if lines else "no message"
    return f"{where}: {kind}: {said[:300]}"


def check_outcomes(
    place: str,
    graph: Callable[[Any, Any], Mapping[str, Any]],
    again: Callable[[Any, Any], Mapping[str, Any]],
    context: Context,
) -> None:
    """Compare what becomes of a few rows of the round, together and without the first of them.

    Args:
        place: the function's name.
        graph: made of the function, (features, seeds) -> features.
        again: made once more.
        context: of the round.

    Raises:
        AugmentError: the function fails, gives another number of rows, or what it gives to a row
            differs.
    """
    import tensorflow as tf

    count = min(ROWS, len(context.label))
    if not count:
        return
    seeds = np.random.default_rng(0).integers(0, 2**64, count, np.uint64)

    def run(made: Callable[[Any, Any], Mapping[str, Any]], rows: slice) -> dict[str, NDArray[Any]]:
        part = {n: tf.constant(c[:count][rows]) for n, c in sorted(context.features.items())}
        found = tried(place, lambda: made(part, tf.constant(seeds[rows])))
        return {name: np.asarray(value) for name, value in found.items()}

    all_rows, rest = slice(None), slice(None, 0, -1)
    # With a global seed a new graph draws the same again, and only a second call something else.
    whole, second = run(graph, all_rows), run(graph, all_rows)
    repeated, fewer = run(again, all_rows), run(graph, rest)
    for name, column in context.features.items():
        found = whole[name]
        if found.shape != (count, *column.shape[1:]):
            raise AugmentError(
                f'{place}: feature "{name}": expected {count} rows for {count} rows,'
                f" {[count, *column.shape[1:]]}, got {list(found.shape)}"
            )
        if not (_alike(second[name], found) and _alike(repeated[name], found)):
            raise AugmentError(
                f'{place}: feature "{name}": expected the same from the same seeds, got something'
                " else each time; make random numbers of the seeds, with ingest.augment.random"
            )
        if not _alike(fewer[name], found[rest]):
            raise AugmentError(
                f'{place}: feature "{name}": expected each row to be changed by its own features'
                " and seed, got something else when there were other rows beside it; use neither a"
                " mean over the batch nor tf.random.stateless_*, but ingest.augment.random"
            )


def _alike(one: NDArray[Any], other: NDArray[Any]) -> bool:
    if one.shape != other.shape:
        return False
    if not np.issubdtype(other.dtype, np.floating):
        return bool(np.sum(one != other) <= ROUNDED * other.size)
    most = float(np.max(np.abs(other), initial=0.0, where=np.isfinite(other)))
    return bool(np.isclose(one, other, rtol=0.0, atol=ROUNDING * most, equal_nan=True).all())
