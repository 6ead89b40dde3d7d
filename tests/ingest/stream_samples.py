"""Streams over records in memory, and what they give, row by row."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
from kafka.admin import NewTopic

from ingest import BadRecord, Decoded, NoDeadLetters, Position, RecordBatch, Schema
from ingest.formats.values import BadValueError, ColumnsBuilder
from ingest.stream.chunks import BatchSettings, chunks
from ingest.stream.fields import make_schema
from ingest.stream.settings import StreamSettings
from ingest.stream.span import resolve
from ingest.stream.state import StreamState
from ingest.stream.stream import Run, Stream, StreamParts
from tests.ingest.broker import admin, produce
from tests.ingest.samples import MemorySource

FIELDS = {"n": "int64", "half": "float32", "odd": "bool"}
SCHEMA = make_schema(FIELDS, label="odd")
LENGTHS = {0: 300, 1: 120, 2: 31}
Identity = tuple[str, int, int]
Records = dict[tuple[str, int], list[tuple[int, bytes | None]]]


def value(partition: int, offset: int) -> bytes:
    """A record that tells its place; each seventh is bad."""
    if offset % 7 == 3:
        return b"not json"
    number = partition * 1_000_000 + offset
    return json.dumps({"n": number, "half": number / 2, "odd": number % 2 == 1}).encode()


def records(
    lengths: Mapping[tuple[str, int], int], hole: Callable[[int], bool] = lambda _: False
) -> Records:
    """Records from offset 0 on; offsets at a hole have none."""
    return {
        part: [(offset, value(part[1], offset)) for offset in range(length) if not hole(offset)]
        for part, length in lengths.items()
    }


def good(found: Records) -> list[Identity]:
    """Who the good records are."""
    return [
        (topic, partition, offset)
        for (topic, partition), items in sorted(found.items())
        for offset, text in items
        if text != b"not json"
    ]


def fill(servers: str, topic: str) -> None:
    """A topic of three partitions of different lengths."""
    create(servers, topic, len(LENGTHS))
    for partition, length in LENGTHS.items():
        texts = [value(partition, offset) for offset in range(length)]
        produce(servers, topic, texts, partition)


def create(servers: str, topic: str, partitions: int) -> None:
    """A topic without records."""
    with admin(servers) as client:
        client.create_topics([NewTopic(topic, partitions, 1)])


def good_numbers() -> list[int]:
    """The numbers of the good records of a filled topic."""
    found = records({("a", partition): length for partition, length in LENGTHS.items()})
    return sorted(partition * 1_000_000 + offset for _, partition, offset in good(found))


class PlainDecoder:
    """JSON through the library, for all types of fields."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema

    def decode(self, batch: RecordBatch) -> Decoded:
        builder, found, bad = ColumnsBuilder(self.schema), [], []
        for index in range(len(batch)):
            try:
                builder.add(json.loads(batch.value(index) or b""))
                found.append(index)
            except BadValueError as error:
                bad.append(BadRecord(index, str(error), error.kind))
            except ValueError as error:
                bad.append(BadRecord(index, str(error), "not_json"))
        return Decoded(builder.columns(), np.array(found, np.int64), tuple(bad))


class Taken:
    """Hands out the rows of a stream in batches, as a dataset does."""

    def __init__(
        self,
        source: Callable[[Position | None], Any],
        start: Any = "earliest",
        end: Any = "now",
        letters: Any = None,
        **settings: Any,
    ) -> None:
        schema = settings.pop("schema", SCHEMA)
        decoder = settings.pop("decoder", PlainDecoder(schema))
        topics = settings.pop("topics", ("a", "b"))
        self.settings = StreamSettings(topics, schema, **settings)
        self.given = (0, 0)
        parts = StreamParts(source, decoder, lambda: letters or NoDeadLetters())
        begin = resolve(self.settings, source(None), start, end)
        self.stream = Stream(self.settings, parts, begin, lambda: self.given)

    def rows(self, run: Run | None = None) -> Any:
        """Identities of the rows of a run, one by one; each is given before it is looked at."""
        run = run or self.stream.start_run()
        blocks = run.rows()
        try:
            for chunk in chunks(blocks, BatchSettings(1)):
                for place, identity in enumerate(identities(chunk.rows) if chunk else ()):
                    self.given = (run.number, chunk.first + place + 1)
                    yield identity
        finally:
            blocks.close()

    def take(self, count: int) -> list[Identity]:
        """The first rows of a new run."""
        found = self.rows()
        try:
            return list(islice(found, count))
        finally:
            found.close()

    def all_with_states(self) -> tuple[list[Identity], list[StreamState]]:
        """All rows of a new run, and the states before the first and after each."""
        states, found = [self.stream.state()], []
        for identity in self.rows():
            found.append(identity)
            states.append(self.stream.state())
        return found, states


def identities(rows: Any) -> list[Identity]:
    """Who some rows are."""
    return [
        (rows.topics[topic], partition, offset)
        for topic, partition, offset in zip(
            rows.topic.tolist(), rows.partition.tolist(), rows.offset.tolist(), strict=True
        )
    ]


def memory(found: Records, most: int = 7, **options: Any) -> Callable[[Any], MemorySource]:
    """Opens sources over records; `most` records of a partition in one poll."""
    return lambda start: MemorySource(found, start, most=most, **options)


def taken(found: Records, most: int = 7, **settings: Any) -> Taken:
    """Rows of records in memory."""
    topics = tuple(sorted({topic for topic, _ in found}))
    return Taken(memory(found, most), topics=topics, **settings)


def numbers(batches: Sequence[Any]) -> list[int]:
    """The column `n` of some batches (features, ...)."""
    return [int(n) for batch in batches for n in batch[0]["n"]]
