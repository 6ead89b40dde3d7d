"""Columns as tensors: what a generator hands to tf.data, and what tf.data makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.errors import SchemaError
from ingest.field import Field
from ingest.ragged import Column, Ragged
from ingest.rows import Rows
from ingest.schema import Schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["OFFSET_NAMES", "TensorLayout", "with_identity"]

OFFSET_NAMES = ("kafka_topic", "kafka_partition", "kafka_offset", "kafka_timestamp")


class TensorLayout:
    """How the columns of a schema become the elements of a dataset.

    A text becomes a tf.string, a ragged list a tf.RaggedTensor, all else a dense tensor.

    Args:
        schema: of the rows.
        with_offsets: whether the features have topic, partition, offset and timestamp too.

    Raises:
        SchemaError: a field has one of their names.
    """

    def __init__(self, schema: Schema, with_offsets: bool) -> None:
        self._schema = schema
        self._offsets = OFFSET_NAMES if with_offsets else ()
        for field in schema.fields:
            if field.name in self._offsets:
                raise SchemaError(f'field "{field.name}": with_offsets gives a column of this name')

    def signature(self) -> dict[str, Any]:
        """The specs of what `arrays` gives."""
        import tensorflow as tf

        specs: dict[str, Any] = {field.name: _spec(field) for field in self._schema.fields}
        for name in self._offsets:
            dtype = {"kafka_topic": tf.string, "kafka_partition": tf.int32}.get(name, tf.int64)
            specs[name] = tf.TensorSpec((None,), dtype)
        return specs

    def arrays(self, rows: Rows) -> dict[str, Any]:
        """The rows as arrays; ragged lists as (values, splits)."""
        found = {
            field.name: _array(field, rows.columns[field.name]) for field in self._schema.fields
        }
        return found if not self._offsets else {**found, **with_identity(rows)}

    def no_arrays(self) -> dict[str, Any]:
        """The arrays of no rows."""
        return self.arrays(Rows.empty(self._schema, ["none"]))

    def batches(self, arrays: dict[str, Any], size: Any) -> dict[str, Any]:
        """Tensors of n * size rows as tensors of n batches."""
        return {name: _batches(value, size) for name, value in arrays.items()}

    def element(self, batch: dict[str, Any]) -> Any:
        """A batch as Keras wants it: features, (features, label) or (features, label, weight)."""
        schema = self._schema
        names = [*(field.name for field in schema.features), *self._offsets]
        features = {name: batch[name] for name in names}
        if not schema.has_label:
            return features
        label = batch[schema.label.name]
        if schema.weight is None:
            return features, label
        return features, label, batch[schema.weight.name]


def with_identity(rows: Rows) -> dict[str, NDArray[Any]]:
    """Topic (bytes), partition, offset and timestamp of some rows."""
    topics = np.array([topic.encode() for topic in rows.topics], object)
    return dict(
        zip(
            OFFSET_NAMES,
            (topics[rows.topic], rows.partition, rows.offset, rows.timestamp),
            strict=True,
        )
    )


def _spec(field: Field) -> Any:
    import tensorflow as tf

    if field.is_text:
        return tf.TensorSpec((None,), tf.string)
    dtype = tf.as_dtype(field.numpy_dtype)
    if field.is_ragged:
        return tf.TensorSpec((None,), dtype), tf.TensorSpec((None,), tf.int64)
    return tf.TensorSpec((None, *field.shape), dtype)


def _array(field: Field, column: Column) -> Any:
    if not isinstance(column, Ragged):
        return column
    if not field.is_text:
        return column.values, column.splits
    texts = np.empty(len(column), object)
    texts[:] = column.texts()
    return texts


def _batches(value: Any, size: Any) -> Any:
    import tensorflow as tf

    if not isinstance(value, tuple):
        shape = value.shape.as_list()[1:]
        return tf.reshape(value, tf.stack([-1, size, *shape]))
    ragged = tf.RaggedTensor.from_row_splits(*value, validate=False)
    return tf.RaggedTensor.from_uniform_row_length(ragged, size, validate=False)
