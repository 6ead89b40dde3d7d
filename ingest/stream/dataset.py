"""The public dataset: Kafka's topics as a `tf.data.Dataset` whose position can be saved."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Unpack

from ingest.schema import Schema
from ingest.stream.chunks import BatchSettings
from ingest.stream.fields import FieldSpec, make_schema
from ingest.stream.opening import StreamOptions, StreamRequest, Topics, check_options, open_stream
from ingest.stream.span import End, Start
from ingest.stream.tensors import TensorLayout

if TYPE_CHECKING:
    from ingest.stream.tf_dataset import StreamDataset

__all__ = ["DatasetOptions", "dataset"]


class DatasetOptions(StreamOptions, total=False):
    """Options of `dataset`, those of `StreamOptions` among them.

    Attributes:
        label: name of the field to be predicted, when the schema is a mapping.
        weight: name of the field that weighs a row, when the schema is a mapping.
        with_offsets: give kafka_topic, kafka_partition, kafka_offset and kafka_timestamp among the
            features.
        resume: file of a saved state; when it is there, the dataset goes on from it.
        drop_remainder: do not give the last rows when they are no whole batch.
        linger_s: give a batch that is not full after so long; None to wait.
    """

    label: str | None
    weight: str | None
    with_offsets: bool
    resume: str | os.PathLike[str] | None
    drop_remainder: bool
    linger_s: float | None


def dataset(
    topics: Topics,
    *,
    bootstrap_servers: str | Sequence[str],
    schema: Schema | Mapping[str, FieldSpec],
    start: Start = "earliest",
    end: End = None,
    batch_size: int = 256,
    shuffle: int | None = None,
    **options: Unpack[DatasetOptions],
) -> StreamDataset:
    """Records of Kafka's topics as batches for Keras, each good record once.

    The elements are (features, label, weight), without what the schema does not have. The order is
    a function of start, end and settings alone: no timing, no restart changes it. An iterator that
    begins at a saved state gives exactly what was not given before the state was taken.

    Args:
        topics: a name or several.
        bootstrap_servers: host:port, or several.
        schema: a `Schema`, or its fields by name: {"amount": "float32", "country": {"type":
            "category", "buckets": 100}}.
        start: "earliest", "latest", a `Position`, or a `StreamState` to go on from.
        end: None for no end; "now" for the end of the topics as it is; or a `Position`.
        batch_size: rows of a batch; the last of a range may be short.
        shuffle: rows of a window that is shuffled by identity; None for the order of offsets.
        **options: see `DatasetOptions`.

    Raises:
        SchemaError: the fields do not fit together.
        SettingsError: options do not fit together, or a saved state is of another stream.
        SourceError: the brokers cannot be reached, or do not have the topics or positions.
    """
    from ingest.stream.tf_dataset import StreamDataset, make_given, make_marked

    check_options(options, DatasetOptions)
    fields = make_schema(schema, options.get("label"), options.get("weight"))
    drop = options.get("drop_remainder", False)
    batches = BatchSettings(batch_size, drop, options.get("linger_s"))
    layout = TensorLayout(fields, options.get("with_offsets", False))
    given = make_given()

    def told() -> tuple[int, int]:
        run, rows = given.numpy().tolist()
        return run, rows

    request = StreamRequest(
        topics=topics,
        bootstrap_servers=bootstrap_servers,
        schema=fields,
        start=start,
        end=end,
        shuffle=shuffle,
        whole=batch_size if drop else 1,
        resume=options.get("resume"),
        options=options,
    )
    stream = open_stream(request, told)
    return StreamDataset(stream, given, make_marked(stream.start_run, layout, batches))
