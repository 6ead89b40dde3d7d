"""Kafka's topics as Arrow record batches, for pandas, polars, DuckDB and whoever reads Arrow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Unpack

from ingest.arrow_columns import ArrowLayout, RawDecoder
from ingest.schema import Schema
from ingest.stream.chunks import BatchSettings, single_batches
from ingest.stream.fields import FieldSpec, make_schema
from ingest.stream.opening import StreamOptions, StreamRequest, Topics, check_options, open_stream
from ingest.stream.span import End, Start
from ingest.stream.stream import Stream

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["arrow"]


def arrow(
    topics: Topics,
    *,
    bootstrap_servers: str | Sequence[str],
    schema: Schema | Mapping[str, FieldSpec] | None = None,
    start: Start = "earliest",
    end: End = "now",
    batch_size: int = 65_536,
    with_offsets: bool = False,
    **options: Unpack[StreamOptions],
) -> pa.RecordBatchReader:
    """Records of Kafka's topics as Arrow record batches, each once.

    Without a schema the columns are topic, partition, offset, timestamp, key and value, the last
    two as they are in the topic. With one they are its fields: a category of a fixed vocabulary is
    a dictionary in which an unknown word is null, one of buckets its code, a list a list, and a
    timestamp a timestamp[ms, UTC]. The order is that of `ingest.stream`: by blocks of offsets,
    within them by topic, partition and offset.

    Args:
        topics: a name or several.
        bootstrap_servers: host:port, or several.
        schema: a `Schema`, or its fields by name; None for records as they are.
        start: "earliest", "latest", or a `Position`.
        end: "now" for the end of the topics as it is, a `Position`, or None for no end.
        batch_size: rows of a record batch; the last may be short.
        with_offsets: give kafka_topic, kafka_partition, kafka_offset and kafka_timestamp beside
            the fields of a schema.
        **options: see `StreamOptions`.

    Raises:
        SchemaError: the fields do not fit together.
        SettingsError: options do not fit together.
        SourceError: the brokers cannot be reached, or do not have the topics or positions.
    """
    import pyarrow as pa

    check_options(options, StreamOptions)
    fields = None if schema is None else make_schema(schema)
    layout = ArrowLayout(fields, with_offsets)
    batches = BatchSettings(batch_size)
    given = [0, 0]
    request = StreamRequest(
        topics=topics,
        bootstrap_servers=bootstrap_servers,
        schema=fields,
        start=start,
        end=end,
        options=options,
    )
    stream = open_stream(
        request, lambda: (given[0], given[1]), RawDecoder() if fields is None else None
    )
    return pa.RecordBatchReader.from_batches(
        layout.schema(), _record_batches(stream, layout, batches, given)
    )


def _record_batches(
    stream: Stream, layout: ArrowLayout, batches: BatchSettings, given: list[int]
) -> Iterator[pa.RecordBatch]:
    run = stream.start_run()
    rows = run.rows()
    try:
        for batch, count in single_batches(rows, batches):
            given[:] = run.number, count
            yield layout.record_batch(batch)
    finally:
        rows.close()
