"""A stream as a `tf.data.Dataset` that knows what was taken from it. Imports TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from ingest.allocator import keep_freed_memory
from ingest.errors import SettingsError
from ingest.position import Gap, Position
from ingest.stream.chunks import BatchSettings, Chunk, chunks
from ingest.stream.process_end import end_before_python
from ingest.stream.state import StreamState
from ingest.stream.stream import Run, Stream
from ingest.stream.tensors import TensorLayout

__all__ = ["StreamDataset", "make_given", "make_marked"]

IN_ORDER = "deterministic: expected True or None, got False; a stream is given in its order"


class StreamDataset(tf.data.Dataset):  # type: ignore[misc]
    """Batches of a stream; a `tf.data.Dataset` in all respects, with the state of what was given.

    Guarantee: `state` and `position` are those after the batch that was taken last from an
    iterator of this dataset, whatever was read ahead behind it. `map`, `filter` and `prefetch` keep
    this promise: they give a StreamDataset whose batches are counted when they leave the last step.
    Any other method gives a plain dataset; it counts as given what that one has taken.

    Each iterator begins where the dataset begins, so a look at a few batches costs nothing. When
    all of a range was given, the next iterator is the next epoch, in another order if the stream
    is shuffled.

    Args:
        stream: where rows come from.
        given: int64[2] variable that gets the mark of each batch that is given.
        marked: pairs of mark (int64[2]: run, its rows up to here) and element.
    """

    def __init__(self, stream: Stream, given: tf.Variable, marked: tf.data.Dataset) -> None:
        self._stream = stream
        self._given = given
        self._marked = marked

        def count(mark: Any, element: Any) -> Any:
            given.assign(mark)
            return element

        self._counted = marked.map(count).with_options(_options())
        super().__init__(self._counted._variant_tensor)

    def _inputs(self) -> list[tf.data.Dataset]:
        return [self._counted]

    @property
    def element_spec(self) -> Any:
        """See `tf.data.Dataset`."""
        return self._counted.element_spec

    def map(
        self, map_func: Callable[..., Any], num_parallel_calls: Any = None, **options: Any
    ) -> StreamDataset:
        """See `tf.data.Dataset`; the order is always kept."""
        if options.get("deterministic") is False:
            raise SettingsError(IN_ORDER)
        if num_parallel_calls is not None:
            options |= {"num_parallel_calls": num_parallel_calls, "deterministic": True}

        def step(mark: Any, element: Any) -> Any:
            made = map_func(*element) if isinstance(element, tuple) else map_func(element)
            return mark, tuple(made) if isinstance(made, list) else made  # as tf.data does

        return self._with(self._marked.map(step, **options))

    def filter(self, predicate: Callable[..., Any], name: str | None = None) -> StreamDataset:
        """See `tf.data.Dataset`; a batch that is left out is given with the next that is not."""

        def holds(_: Any, element: Any) -> Any:
            return predicate(*element) if isinstance(element, tuple) else predicate(element)

        return self._with(self._marked.filter(holds, name=name))

    def prefetch(self, buffer_size: int, name: str | None = None) -> StreamDataset:
        """See `tf.data.Dataset`; what waits in the buffer was not given."""
        return self._with(self._marked.prefetch(buffer_size, name=name))

    def position(self) -> Position:
        """The next offset per partition; see `StreamState.position`."""
        return self.state().position

    def state(self) -> StreamState:
        """Where the stream is after the batch that was given last."""
        return self._stream.state()

    def save_state(self, path: str | os.PathLike[str]) -> None:
        """Write the state to a file, durably; `resume=path` goes on from it."""
        self.state().save(path)

    def restore(self, state: StreamState) -> None:
        """Let the next iterator begin at a state; those before it end.

        Raises:
            SettingsError: it is a state of another stream.
        """
        self._stream.restore(state)

    @property
    def records_read(self) -> int:
        """Records that the latest iterator has read, good and bad, also those read ahead."""
        return self._stream.counts.records

    @property
    def counts(self) -> dict[str, int]:
        """Bad records that the latest iterator has met, by kind."""
        return dict(self._stream.counts.kinds)

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Offsets that the latest iterator should have read and the broker no longer had."""
        return tuple(self._stream.counts.gaps)

    @property
    def failure(self) -> BaseException | None:
        """The error that ended the latest iterator, of which tf.data has only the text."""
        return self._stream.failure

    def close(self) -> None:
        """End all iterators, also one that waits for records, behind what they have read ahead.

        A new iterator begins where they did, if they had not given all of a range.
        """
        self._stream.close()

    def _with(self, marked: tf.data.Dataset) -> StreamDataset:
        return StreamDataset(self._stream, self._given, marked)


def make_given() -> tf.Variable:
    """What is given last: run and rows of it; in the host's memory, as datasets are."""
    with tf.device("CPU:0"):
        return tf.Variable(np.zeros(2, np.int64), trainable=False, name="millstream_given")


def make_marked(
    start_run: Callable[[], Run], layout: TensorLayout, batches: BatchSettings
) -> tf.data.Dataset:
    """Pairs of mark and element, from the blocks of a new run for each iterator.

    Blocks are cut into batches by tf.data itself, so Python works once a block. While no records
    come, the generator gives empty chunks: between them, tf.data can end an iterator that nobody
    wants any more.
    """

    def generate() -> Iterator[tuple[Any, ...]]:
        keep_freed_memory()
        run = start_run()
        end_before_python(run)
        rows = run.rows()
        try:
            for chunk in chunks(rows, batches):
                yield _numbers(run, chunk, batches.size, layout)
        finally:
            rows.close()
            run.close()

    def cut(marks: Any, size: Any, arrays: Any) -> tf.data.Dataset:
        size = batches.size if batches.drop_remainder else size
        return tf.data.Dataset.from_tensor_slices((marks, layout.batches(arrays, size)))

    marks = tf.TensorSpec((None, 2), tf.int64)
    signature = (marks, tf.TensorSpec((), tf.int64), layout.signature())
    chunked = tf.data.Dataset.from_generator(generate, output_signature=signature)
    return chunked.flat_map(cut)


def _numbers(run: Run, chunk: Chunk | None, size: int, layout: TensorLayout) -> tuple[Any, ...]:
    """Marks, rows of a batch, and arrays of a chunk; None is a chunk without batches."""
    if chunk is None:
        return np.empty((0, 2), np.int64), np.int64(size), layout.no_arrays()
    count = len(chunk.rows) // chunk.size
    marks = np.full((count, 2), run.number, np.int64)
    marks[:, 1] = chunk.first + chunk.size * np.arange(1, count + 1)
    return marks, np.int64(chunk.size), layout.arrays(chunk.rows)


def _options() -> tf.data.Options:
    """Nothing may run ahead of the count."""
    options = tf.data.Options()
    options.deterministic = True
    options.experimental_optimization.inject_prefetch = False
    off = tf.data.experimental.AutoShardPolicy.OFF
    options.experimental_distribute.auto_shard_policy = off
    return options
