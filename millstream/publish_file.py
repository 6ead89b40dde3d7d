"""Send the rows of a file to a topic, as JSON, at a chosen pace."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from millstream.config.config import Config
from millstream.errors import UsageError
from millstream.local import open_kafka

__all__ = ["check_file", "check_takes_json", "read_rows", "send_rows"]

CHUNK = 4096
TOLD_EVERY = 256


def check_file(path: Path) -> None:
    """See whether a file is there, and of a kind that can be read.

    Raises:
        UsageError: it is missing, or has another suffix.
    """
    if path.suffix not in _readers():
        raise UsageError(
            f"{path}: expected a file named .csv, .jsonl or .parquet, got {path.suffix!r}"
        )
    if not path.is_file():
        raise UsageError(f"{path}: no such file")


def check_takes_json(config: Config, topic: str) -> None:
    """See whether records of plain JSON are what a topic of the configuration is for.

    Raises:
        UsageError: they would all be bad records.
    """
    form = config.format
    if topic in config.kafka.topics and (form.kind, form.framing) != ("json", "none"):
        told = form.kind if form.framing == "none" else f"{form.kind} in Confluent's frame"
        raise UsageError(
            f'topic "{topic}": publish sends plain JSON, and [format] says {told}, so all of it'
            " would be bad; send it with a producer of that format"
        )


def read_rows(path: Path) -> Iterator[bytes]:
    """The rows of a .csv, .jsonl or .parquet file as JSON objects, in file order.

    Memory is bounded by a block of the file. Lines of a .jsonl file are sent as they are, also
    those that are not JSON: what is bad is the reader's to say. Numbers that are not a number
    (NaN) become null.

    Raises:
        UsageError: the file is missing, cannot be parsed, or has another suffix.
    """
    check_file(path)
    try:
        yield from _readers()[path.suffix](path)
    except (pa.ArrowException, OSError) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from error


def send_rows(
    rows: Iterator[bytes],
    topic: str,
    options: Mapping[str, object],
    rate: float | None = None,
    on_progress: Callable[[int], object] = int,
) -> int:
    """Send rows to a topic and wait until the broker has them all; returns how many.

    Rows go to the partitions in turn, so each partition keeps the file's order.

    Args:
        rows: values, UTF-8 JSON.
        topic: where to.
        options: kafka-python's connection options, bootstrap_servers among them.
        rate: rows per second at most, kept within a tenth of a second; None for as fast as it goes.
        on_progress: told the count now and then.

    Raises:
        UsageError: a row is larger than the producer or the broker takes; names it.
        ingest.SourceError: the broker cannot be reached or refuses, or an option is wrong.
    """
    from kafka import KafkaProducer
    from kafka.errors import MessageSizeTooLargeError

    defaults = {"linger_ms": 20, "acks": "all"}
    pause_every = TOLD_EVERY if rate is None else max(1, min(TOLD_EVERY, int(rate / 10)))
    with open_kafka(KafkaProducer, f"publish to topic {topic}", options, defaults) as producer:
        partitions = sorted(producer.partitions_for(topic))
        begun, sent = time.monotonic(), 0
        failures: list[BaseException] = []
        for row in rows:
            partition = partitions[sent % len(partitions)]
            sent += 1
            note = partial(_note, failures, sent, len(row))
            try:
                producer.send(topic, row, partition=partition).add_errback(note)
            except MessageSizeTooLargeError as error:
                note(error)
            if failures:
                break
            if sent % pause_every == 0:
                on_progress(sent)
                _pace(begun, sent, rate)
        producer.flush()
        if failures:
            raise failures[0]
    on_progress(sent)
    return sent


def _pace(begun: float, sent: int, rate: float | None) -> None:
    if rate is not None:
        ahead = sent / rate - (time.monotonic() - begun)
        if ahead > 0:
            time.sleep(ahead)


def _note(failures: list[BaseException], number: int, size: int, error: BaseException) -> None:
    """Keep why a row was not accepted; one that is too large is told with its number."""
    from kafka.errors import MessageSizeTooLargeError, RecordListTooLargeError

    if isinstance(error, (MessageSizeTooLargeError, RecordListTooLargeError)):
        told = UsageError(
            f"row {number} has {size:,} bytes, which is more than the broker or the producer"
            " takes (1 MB by default); shorten it, or raise the topic's max.message.bytes and"
            " kafka.options.max_request_size"
        )
        told.__cause__ = error
        error = told
    failures.append(error)


def _readers() -> dict[str, Callable[[Path], Iterator[bytes]]]:
    return {
        ".csv": _csv_rows,
        ".jsonl": _jsonl_rows,
        ".ndjson": _jsonl_rows,
        ".parquet": _parquet_rows,
    }


def _jsonl_rows(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        for line in file:
            if line.strip():
                yield line.strip()


def _csv_rows(path: Path) -> Iterator[bytes]:
    from pyarrow import csv

    with csv.open_csv(path) as reader:
        for batch in reader:
            yield from _table_rows(batch)


def _parquet_rows(path: Path) -> Iterator[bytes]:
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(CHUNK):
            yield from _table_rows(batch)


def _table_rows(batch: pa.RecordBatch) -> Iterator[bytes]:
    encode = msgspec.json.Encoder(enc_hook=_plain).encode
    for begin in range(0, batch.num_rows, CHUNK):
        for row in batch.slice(begin, CHUNK).to_pylist():
            yield encode(row)


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else str(value)
