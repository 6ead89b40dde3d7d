"""Random numbers of a row that do not depend on the worker that has it.

A layer such as Dropout draws numbers for the rows that it sees, by their places among them. Here
each worker draws the numbers of all rows of the global batch, from the same seed, and takes those
of its own rows by their places in it. With one worker they are what Keras itself draws.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

from trainer.elastic.seams import random_functions, replaced
from trainer.errors import ModelError

__all__ = ["draws_by_batch", "rows_at"]

_PLACE = threading.local()  # each of a strategy's replicas is traced in a thread of its own


class _Rows:
    """Which rows of a global batch a model sees, and which generators drew for them."""

    def __init__(self, rows: tf.Tensor, at: tf.Tensor) -> None:
        self.rows = rows
        self.at = at
        self.drew: list[Any] = []
        self.ours = False


@contextmanager
def rows_at(rows: tf.Tensor, at: tf.Tensor) -> Iterator[list[Any]]:
    """Say which rows a model that is called within sees; yields the seed generators that draw.

    Args:
        rows: int32 scalar: of the global batch.
        at: int32[b]: the places of the rows in it.
    """
    before, _PLACE.rows = getattr(_PLACE, "rows", None), _Rows(rows, at)
    try:
        yield _PLACE.rows.drew
    finally:
        _PLACE.rows = before


@contextmanager
def draws_by_batch() -> Iterator[None]:
    """Let layers that are traced within, and within `rows_at`, draw by the global batch.

    Raises:
        ModelError: From within, if a layer draws in a way that cannot be split by rows, or from
            Keras's global seed, which is in no checkpoint.
    """
    own = random_functions()

    def draw_seed(seed: Any) -> Any:
        rows = getattr(_PLACE, "rows", None)
        if rows is not None:
            _check_draw(rows, seed)
            rows.drew.append(seed)
        return own["draw_seed"](seed)

    def dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Any = None) -> Any:
        shape = _noise_shape(inputs, noise_shape)
        if rate in {0.0, 1.0} or not _by_row(shape):
            return _as_it_is(own["dropout"], inputs, rate, noise_shape, seed)
        ones = tf.ones(_global_shape(shape), inputs.dtype)
        kept = _own_rows(_as_it_is(own["dropout"], ones, rate, None, seed), tf.shape(inputs)[0])
        return tf.where(kept > 0, inputs * kept, tf.zeros((), inputs.dtype))

    def by_row(function: Callable[..., Any]) -> Callable[..., Any]:
        def draw(shape: Any, *arguments: Any, **options: Any) -> Any:
            if not _by_row(shape):
                return _as_it_is(function, shape, *arguments, **options)
            whole = _global_shape(shape)
            return _own_rows(_as_it_is(function, whole, *arguments, **options), shape[0])

        return draw

    rest = {name: by_row(own[name]) for name in ("normal", "truncated_normal", "uniform")}
    with replaced({"draw_seed": draw_seed, "dropout": dropout, **rest}):
        yield


def _as_it_is(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Call a function of Keras's whose draws are the same on every worker."""
    rows = getattr(_PLACE, "rows", None)
    if rows is None:
        return function(*arguments, **options)
    rows.ours = True
    try:
        return function(*arguments, **options)
    finally:
        rows.ours = False


def _check_draw(rows: _Rows, seed: Any) -> None:
    if not rows.ours:
        raise _refused("random numbers that are not drawn row by row, such as a shuffle")
    if not isinstance(seed, (int, keras.random.SeedGenerator)):
        raise _refused("draws from Keras's global seed")


def _noise_shape(inputs: Any, noise_shape: Any) -> list[Any]:
    """The shape of a mask: an int where it is known, else a tensor."""
    actual = keras.ops.shape(inputs)
    if noise_shape is None:
        return list(actual)
    return [own if given is None else given for own, given in zip(actual, noise_shape, strict=True)]


def _by_row(shape: Any) -> bool:
    """Whether the first axis of a draw is that of the rows, whose number is open."""
    if getattr(_PLACE, "rows", None) is None:
        return False
    if isinstance(shape, tf.Tensor):
        return tf.get_static_value(shape) is None
    return len(shape) > 0 and not isinstance(shape[0], int)


def _global_shape(shape: Any) -> tf.Tensor:
    rest = shape[1:] if isinstance(shape, tf.Tensor) else tf.stack([_int32(n) for n in shape[1:]])
    return tf.concat([[_PLACE.rows.rows], tf.reshape(tf.cast(rest, tf.int32), [-1])], 0)


def _int32(value: Any) -> tf.Tensor:
    return tf.cast(value, tf.int32)


def _own_rows(drawn: tf.Tensor, count: Any) -> tf.Tensor:
    """Take the own rows' numbers, if what was asked for are numbers of these rows."""
    at = _PLACE.rows.at
    told = "a layer draws for another number of rows than the batch has (elastic training)"
    same = tf.debugging.assert_equal(tf.cast(count, tf.int32), tf.shape(at)[0], message=told)
    with tf.control_dependencies([same]):
        return tf.gather(drawn, at)


def _refused(got: str) -> ModelError:
    return ModelError(
        "model",
        expected="layers whose random numbers belong to rows, as those of Dropout do",
        got=got,
        mend="draw with a keras.random.SeedGenerator of the layer's own, one number or more a row,"
        " or train with one worker and determinism = numeric",
    )
