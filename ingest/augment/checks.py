"""The conformance check for those who write their own augmentation: call it in a test."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.augment.augmentation import Augmentation, Context, TrainingBatch, Transform

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["check_augmentation"]

SEEDS = 20
"""The generator of the seeds that rows get here."""

ROUNDING = 1e-5
"""The largest difference between eager mode and a graph, relative to the column's largest value."""

Columns = dict[str, "NDArray[Any]"]


def check_augmentation(
    augmentation: Augmentation,
    context: Context,
    *,
    changes: bool = True,
    random: bool = True,
    rows: int = 32,
    tolerance: float = 0.0,
) -> TrainingBatch:
    """Prove what `Augmentation` promises: a row's outcome is its own, whatever is around it.

    It is run in eager mode, in a `tf.function` and in the map of a `tf.data.Dataset`, there on all
    rows, on rows in another order and in batches of other sizes. In the dataset all must give the
    same bits. If they do not in single places, the last bit of a log, exp, sin, cos or pow depends
    on its place in the tensor: `ingest.augment.elementwise` mends it. Elsewhere the outcome may be
    rounded otherwise, since TensorFlow rewrites a graph's arithmetic.

    Args:
        augmentation: with parameters of which something is to be seen.
        context: of at least two rows; the first of them are augmented.
        changes: true: some row must change. False: every row must stay as it is, bit for bit.
        random: true: if rows change, other seeds must give another outcome.
        rows: how many rows are augmented.
        tolerance: the largest difference of a float between batches, relative to the largest
            absolute value of its column.

    Returns:
        What became of the rows.

    Raises:
        AssertionError: saying which promise does not hold, and for which column.
    """
    before = _copied(context)
    given = _rows(context, rows)
    eager = _eager(augmentation.bind(context), given)
    _check_kept(given, eager, "in eager mode")
    again = _eager(augmentation.bind(context), given)
    _same(again, eager, 0.0, "the same bits when bound and run again")
    graph = _graph(augmentation.bind(context), given)
    whole = graph(given)
    _check_kept(given, whole, "in a tf.function")
    _same(eager, whole, ROUNDING, "the same outcome in eager mode and in a tf.function")
    _check_dataset(augmentation.bind(context), given, whole, tolerance)
    if changes:
        _require(_differs(whole, given), "some row to change (or say changes=False)")
        moved = graph({**given, "seeds": ~given["seeds"]})
        other = not random or _differs(moved, whole)
        _require(other, "another outcome from other seeds (or say random=False)")
    else:
        _same(whole, given, 0.0, "every row to stay as it is")
    for name, column in _copied(context).items():
        _require(_equal(column, before[name], 0.0), f'the context to stay as it is: "{name}"')
    return _batch(whole)


def _rows(context: Context, rows: int) -> Columns:
    """The columns of the first rows, with label, seeds and places."""
    count = min(rows, len(context.label))
    _require(count >= 2, "at least two rows in the context, to be augmented")
    seeds = np.random.default_rng(SEEDS).integers(0, 2**64, count, np.uint64)
    columns = {f"features {name}": value[:count] for name, value in context.features.items()}
    places = np.arange(count, dtype=np.int64)
    return {**columns, "label": context.label[:count], "seeds": seeds, "places": places}


def _copied(context: Context) -> Columns:
    columns = {f"features {name}": np.array(value) for name, value in context.features.items()}
    return {**columns, "label": np.array(context.label)}


def _batch(columns: Any) -> TrainingBatch:
    import tensorflow as tf

    tensors = {name: tf.convert_to_tensor(column) for name, column in columns.items()}
    rest = {name: tensors.pop(name) for name in ("label", "seeds", "places")}
    return TrainingBatch({n.removeprefix("features "): t for n, t in tensors.items()}, **rest)


def _columns(batch: TrainingBatch) -> dict[str, Any]:
    features = {f"features {name}": value for name, value in batch.features.items()}
    return {**features, "label": batch.label, "seeds": batch.seeds, "places": batch.places}


def _eager(transform: Transform, given: Columns) -> Columns:
    batch = _batch(given)
    kept = dict(batch.features)
    outcome = _columns(transform(batch))
    untouched = batch.features.keys() == kept.keys() and all(
        batch.features[name] is kept[name] for name in kept
    )
    _require(untouched, "a new dictionary of features; the one that is given stays as it is")
    return {name: np.asarray(value) for name, value in outcome.items()}


def _graph(transform: Transform, given: Columns) -> Callable[[Columns], Columns]:
    """A graph that knows no batch size."""
    import tensorflow as tf

    signature = {n: tf.TensorSpec((None, *c.shape[1:]), c.dtype) for n, c in given.items()}
    function = tf.function(lambda columns: _columns(transform(_batch(columns))))
    concrete = function.get_concrete_function(signature)

    def run(columns: Columns) -> Columns:
        found = concrete({name: tf.constant(column) for name, column in columns.items()})
        return {name: np.asarray(value) for name, value in found.items()}

    return run


def _check_dataset(transform: Transform, given: Columns, whole: Columns, tolerance: float) -> None:
    """All rows, then rows alone, in pairs, in sevens, all; forwards and backwards."""
    import tensorflow as tf

    count = len(given["label"])
    parts = [np.arange(count)]
    for order in (np.arange(count), np.arange(count)[::-1]):
        for size in (1, 2, 7, count):
            parts += [order[start : start + size] for start in range(0, count, size)]
    rows = {name: tf.constant(column) for name, column in given.items()}
    places = tf.data.Dataset.from_generator(
        lambda: iter(parts), output_signature=tf.TensorSpec((None,), tf.int64)
    )
    batches = places.map(lambda at: {name: tf.gather(column, at) for name, column in rows.items()})
    changed = batches.map(lambda columns: _columns(transform(_batch(columns))))
    for name, spec in changed.element_spec.items():
        shape = given[name].shape[1:] if name in given else spec.shape[1:]
        _require(spec.shape[1:] == shape, f'a shape known to tf.data: "{name}" [b, *{shape}]')
    found = list(changed.as_numpy_iterator())
    _same(found[0], whole, ROUNDING, "the same outcome in the map of a dataset")
    for at, part in zip(parts, found, strict=True):
        expected = {name: column[at] for name, column in found[0].items()}
        _same(part, expected, tolerance, f"the same outcome in a batch of {len(at)}")


def _check_kept(given: Columns, found: Columns, where: str) -> None:
    """Names, dtypes, shapes, seeds and places stay; floats stay finite."""
    _require(found.keys() == given.keys(), f"the columns {sorted(given)} {where}")
    for name, column in given.items():
        got = found[name]
        text = f'"{name}" {where}'
        _require(got.dtype == column.dtype, f"{column.dtype} for {text}, got {got.dtype}")
        _require(got.shape == column.shape, f"{column.shape} for {text}, got {got.shape}")
        if np.issubdtype(got.dtype, np.floating) and np.isfinite(column).all():
            _require(bool(np.isfinite(got).all()), f"finite values of {text}")
    for name in ("seeds", "places"):
        _require(_equal(found[name], given[name], 0.0), f"{name} to stay as they are {where}")


def _same(found: Columns, expected: Columns, tolerance: float, what: str) -> None:
    _check_kept(expected, found, f"({what})")
    for name, column in expected.items():
        _require(_equal(found[name], column, tolerance), f'{what}: "{name}"')


def _differs(found: Columns, other: Columns) -> bool:
    names = found.keys() - {"seeds", "places"}
    return any(not _equal(found[name], other[name], 0.0) for name in names)


def _equal(found: NDArray[Any], expected: NDArray[Any], tolerance: float) -> bool:
    if tolerance == 0.0:
        return found.tobytes() == expected.tobytes()
    if not np.issubdtype(expected.dtype, np.floating):
        # A byte is a float that was rounded; other integers are codes.
        step = 1 if expected.dtype == np.uint8 else 0
        return bool((np.abs(found.astype(np.int64) - expected.astype(np.int64)) <= step).all())
    most = float(np.max(np.abs(expected), initial=0.0, where=np.isfinite(expected)))
    close = np.isclose(found, expected, rtol=0.0, atol=tolerance * most, equal_nan=True)
    return bool(close.all())


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise AssertionError(f"expected {what}")
