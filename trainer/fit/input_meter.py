"""How long train steps wait for their batches, as tf.data itself counts it.

Several steps run in one call of a traced function, so Python does not see the waits between them,
and TensorFlow refuses to read a clock in a graph whose ops are deterministic. tf.data's own
statistics of latency do see them, at less than a microsecond a batch.
"""

from itertools import count

import tensorflow as tf

_MICROSECONDS = 1e6
_TAG = "millstream_wait"
_numbers = count()


class InputMeter:
    """Counts what the reader of a dataset waits for its elements."""

    def __init__(self) -> None:
        name = f"millstream_input_{next(_numbers)}"
        self._aggregator = tf.raw_ops.StatsAggregatorHandle(container="", shared_name=name)
        self._read = 0.0

    def measured(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """Return the dataset, element for element, its latency counted.

        What is given must be kept for as long as what is returned is read.
        """
        spec = dataset.element_spec
        flat = tf.nest.flatten(spec, expand_composites=True)
        form = {
            "output_types": [part.dtype for part in flat],
            "output_shapes": [part.shape for part in flat],
        }
        timed = tf.raw_ops.LatencyStatsDataset(
            input_dataset=tf.data.experimental.to_variant(dataset), tag=_TAG, **form
        )
        told = tf.raw_ops.SetStatsAggregatorDataset(
            input_dataset=timed,
            stats_aggregator=self._aggregator,
            tag="",
            counter_prefix="",
            **form,
        )
        return tf.data.experimental.from_variant(told, spec)

    def read(self) -> float:
        """Return the seconds that were waited since the last reading."""
        summary = tf.raw_ops.StatsAggregatorSummary(iterator=self._aggregator).numpy()
        told = tf.compat.v1.Summary.FromString(summary).value
        total = sum(part.histo.sum for part in told if part.tag == _TAG) / _MICROSECONDS
        waited, self._read = total - self._read, total
        return float(waited)
