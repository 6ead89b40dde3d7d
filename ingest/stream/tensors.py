"""Columns as tensors: what a generator hands to tf.data, and what tf.data makes of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ingest.errors import SchemaError
from ingest.field import Field
from ingest.ragged import Column, Ragged
from ingest.rows import Rows
from ingest.schema import Schema

__all__ = ["OFFSET_NAMES", "TensorLayout"]

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
            specs[name] = tf.TensorSpec((None,), tf.int64)
        if self._offsets:
            specs["kafka_topic"] = (
                tf.TensorSpec((None,), tf.string),
                tf.TensorSpec((None,), tf.int32),
            )
            specs["kafka_partition"] = tf.TensorSpec((None,), tf.int32)
        return specs

    def arrays(self, rows: Rows) -> dict[str, Any]:
        """The rows as arrays.

        Texts are serialized as one, ragged lists are (values, splits), topics (names, places).
        """
        fields = self._schema.fields
        found = {field.name: _array(field, rows.columns[field.name]) for field in fields}
        if self._offsets:
            names = np.array([topic.encode() for topic in rows.topics], object)
            found |= {"kafka_topic": (names, rows.topic), "kafka_partition": rows.partition}
            found |= {"kafka_offset": rows.offset, "kafka_timestamp": rows.timestamp}
        return found

    def no_arrays(self) -> dict[str, Any]:
        """The arrays of no rows."""
        return self.arrays(Rows.empty(self._schema, ["none"]))

    def batches(self, arrays: dict[str, Any], size: Any) -> Any:
        """Arrays of n * size rows as tensors of n batches, in the structure of an element."""
        import tensorflow as tf

        found = {
            field.name: _batches(_tensor(field, arrays[field.name]), size)
            for field in self._schema.fields
        }
        for name in self._offsets:
            value = arrays[name]
            found[name] = _batches(tf.gather(*value) if name == "kafka_topic" else value, size)
        return self._element(found)

    def _element(self, batch: dict[str, Any]) -> Any:
        """As Keras wants it: features, (features, label) or (features, label, weight)."""
        schema = self._schema
        names = [*(field.name for field in schema.features), *self._offsets]
        features = {name: batch[name] for name in names}
        if not schema.has_label:
            return features
        label = batch[schema.label.name]
        if schema.weight is None:
            return features, label
        return features, label, batch[schema.weight.name]


def _spec(field: Field) -> Any:
    import tensorflow as tf

    if field.is_text:
        return tf.TensorSpec((), tf.string)
    dtype = tf.as_dtype(field.numpy_dtype)
    if field.is_ragged:
        return tf.TensorSpec((None,), dtype), tf.TensorSpec((None,), tf.int64)
    return tf.TensorSpec((None, *field.shape), dtype)


def _array(field: Field, column: Column) -> Any:
    if not isinstance(column, Ragged):
        return column
    if not field.is_text:
        return column.values, column.splits
    from ingest.stream.string_tensors import string_tensor  # numba is slow to import

    return np.array(string_tensor(column), object)


def _tensor(field: Field, value: Any) -> Any:
    import tensorflow as tf

    if field.is_text:
        return tf.ensure_shape(tf.io.parse_tensor(value, tf.string), (None,))
    if field.is_ragged:
        return tf.RaggedTensor.from_row_splits(*value, validate=False)
    return value


def _batches(value: Any, size: Any) -> Any:
    import tensorflow as tf

    if isinstance(value, tf.RaggedTensor):
        return tf.RaggedTensor.from_uniform_row_length(value, size, validate=False)
    return tf.reshape(value, tf.stack([-1, size, *value.shape.as_list()[1:]]))
