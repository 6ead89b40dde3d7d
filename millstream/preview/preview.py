"""A few records beside what the steps of the augmentation make of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np

import ingest
from millstream.config.config import Config
from millstream.decoding import make_decoder
from millstream.errors import UsageError
from millstream.feature_statistics import statistics_of
from millstream.growing import schema_of, vocabularies_of
from millstream.local import require_broker
from millstream.pipeline import make_schema, source_options
from millstream.publish_file import read_rows
from millstream.rounds.store import RoundStore

__all__ = ["SHOWN", "Preview", "make_preview", "read_file", "read_topics"]

SHOWN = 6
"""Records that are shown; all that were read are partners and make statistics."""


@dataclass(frozen=True, eq=False)
class Preview:
    """Some records as they came, and what becomes of them.

    Attributes:
        schema: with the words of now.
        original: the records.
        augmented: the same rows, once for each time they were augmented.
    """

    schema: ingest.Schema
    original: ingest.Rows
    augmented: tuple[ingest.Rows, ...]


def read_file(config: Config, path: Path, count: int) -> ingest.Rows:
    """The first good rows of a .jsonl, .csv or .parquet file.

    Raises:
        UsageError: the file cannot be read, or none of its rows is good.
    """
    values = list(islice(read_rows(path), count))
    decoder = ingest.JsonDecoder(make_schema(config), config.kafka.max_record_bytes)
    batches = [ingest.RecordBatch.of(path.name, 0, range(len(values)), values)] if values else []
    return good_rows(decoder, iter(batches), str(path))


def read_topics(config: Config, count: int) -> ingest.Rows:
    """The good ones of about the newest `count` records of the topics.

    Raises:
        UsageError: there is none.
        StackError: no broker runs.
        ingest.SourceError: the broker cannot be reached.
    """
    options = source_options(config, require_broker(config))
    source = ingest.KafkaSource(config.kafka.topics, options)
    try:
        decoder = make_decoder(config, make_schema(config))
        return good_rows(decoder, newest(source, count), ", ".join(config.kafka.topics))
    finally:
        source.close()


def newest(source: ingest.KafkaSource, count: int) -> Iterator[ingest.RecordBatch]:
    """The newest records, as many of each partition."""
    end, beginning = source.end(), source.beginning()
    ends = list(end.items())
    each = -(-count // max(len(ends), 1))
    tail: dict[str, dict[int, int]] = {}
    for topic, partition, offset in ends:
        first = max(beginning.get(topic, partition) or 0, offset - each)
        tail.setdefault(topic, {})[partition] = first
    source.seek(ingest.Position(tail))
    while any((source.position().get(t, p) or 0) < offset for t, p, offset in ends):
        yield from source.poll(1.0)


def good_rows(
    decoder: ingest.Decoder, batches: Iterator[ingest.RecordBatch], place: str
) -> ingest.Rows:
    """The rows of the good records of some batches, by identity.

    Raises:
        UsageError: there is none; says why the first one is bad.
    """
    parts, reason = [], "it is empty"
    for batch in batches:
        decoded = decoder.decode(batch)
        count = len(decoded.good)
        if decoded.bad:
            reason = decoded.bad[0].reason
        if count:
            parts.append(
                ingest.Rows(
                    topics=(batch.topic,),
                    topic=np.zeros(count, np.int32),
                    partition=np.full(count, batch.partition, np.int32),
                    offset=batch.offsets[decoded.good],
                    timestamp=batch.timestamps[decoded.good],
                    columns=decoded.columns,
                )
            )
    if not parts:
        raise UsageError(f"{place}: expected a good record to look at, got none: {reason}")
    return ingest.Rows.concat(parts).sorted_by_identity()


def make_preview(
    config: Config, steps: tuple[ingest.Step, ...], rows: ingest.Rows, times: int
) -> Preview:
    """Run the steps on the first of some rows.

    Partners come from the rows, the statistics of features from the last round if there is one.

    Args:
        config: the configuration.
        steps: made of it.
        rows: as they were decoded.
        times: how often; each is another epoch.

    Raises:
        ingest.AugmentError: a step does not fit the rows.
    """
    from ingest.augment.pipeline import augmented

    schema = make_schema(config)
    latest = RoundStore(config.state_dir / "rounds").latest()
    words, known = ingest.Vocabularies.of(schema), None
    if latest is not None and latest.number > 0:
        words, known = vocabularies_of(schema, latest), statistics_of(schema, latest)
    words = words.grow(rows, schema)
    if words.words:
        rows = words.encode(rows, schema)
    augment = ingest.Augmentations(steps, known)
    original = rows.take(np.arange(min(SHOWN, len(rows))))
    versions = []
    for epoch in range(times):
        features, label = augmented(
            rows, schema, augment, count=SHOWN, seed=config.sample.seed, epoch=epoch
        )
        columns = {**original.columns, **features, schema.label.name: label}
        versions.append(replace(original, columns=columns))
    return Preview(schema_of(schema, words), original, tuple(versions))
