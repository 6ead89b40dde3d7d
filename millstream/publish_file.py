"""Send the rows of a file to a topic, as JSON, at a chosen pace."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from millstream.errors import UsageError

__all__ = ["read_rows", "send_rows"]

CHUNK = 4096


def read_rows(path: Path) -> Iterator[bytes]:
    """The rows of a .csv, .jsonl or .parquet file as JSON objects, in file order.

    Memory is bounded by a block of the file. Lines of a .jsonl file are sent as they are, also
    those that are not JSON: what is bad is the reader's to say. Numbers that are not a number
    (NaN) become null.

    Raises:
        UsageError: the file is missing, cannot be parsed, or has another suffix.
    """
    readers: dict[str, Callable[[Path], Iterator[bytes]]] = {
        ".csv": _csv_rows,
        ".jsonl": _jsonl_rows,
        ".ndjson": _jsonl_rows,
        ".parquet": _parquet_rows,
    }
    if path.suffix not in readers:
        raise UsageError(
            f"{path}: expected a file named .csv, .jsonl or .parquet, got {path.suffix!r}"
        )
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    try:
        yield from readers[path.suffix](path)
    except pa.ArrowInvalid as error:
        raise UsageError(f"{path}: cannot be read: {error}") from error


def send_rows(
    rows: Iterator[bytes],
    topic: str,
    options: dict[str, object],
    rate: float | None = None,
    on_progress: Callable[[int], object] = int,
) -> int:
    """Send rows to a topic and wait until the broker has them all; returns how many.

    Rows go to the partitions in turn, so each partition keeps the file's order.

    Args:
        rows: values, UTF-8 JSON.
        topic: where to.
        options: kafka-python's producer options, bootstrap_servers among them.
        rate: rows per second at most; None for as fast as it goes.
        on_progress: told the count now and then.
    """
    from kafka import KafkaProducer

    producer = KafkaProducer(**{"linger_ms": 20, "acks": "all", **options})
    try:
        partitions = sorted(producer.partitions_for(topic))
        begun, sent = time.monotonic(), 0
        failures: list[BaseException] = []
        for row in rows:
            future = producer.send(topic, row, partition=partitions[sent % len(partitions)])
            future.add_errback(failures.append)
            sent += 1
            if sent % 256 == 0:
                on_progress(sent)
                _pace(begun, sent, rate)
                if failures:
                    break
        producer.flush()
    finally:
        producer.close()
    if failures:
        raise UsageError(f"{topic}: a row was not accepted: {failures[0]}")
    on_progress(sent)
    return sent


def _pace(begun: float, sent: int, rate: float | None) -> None:
    if rate is not None:
        ahead = sent / rate - (time.monotonic() - begun)
        if ahead > 0:
            time.sleep(ahead)


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
