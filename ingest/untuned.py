"""Datasets whose threads and buffers are those that their author says."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["untuned"]


def untuned(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """The same dataset, without the thread that tunes it while it is read.

    The end of an iterator waits until that thread has slept: up to a second, for a dataset that was
    read for as long. A part whose parallelism is `AUTOTUNE` has as many threads as there are cores.
    """
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
