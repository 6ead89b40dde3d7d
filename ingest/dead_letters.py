"""Dead letters: where bad records go, with the reason, so that none vanishes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from kafka import KafkaProducer

from ingest.decoder import BadRecord
from ingest.errors import DeadLetterError
from ingest.kafka_errors import translated
from ingest.records import RecordBatch

__all__ = ["DeadLetters", "KafkaDeadLetters", "NoDeadLetters"]

MAX_BYTES = 900_000


class DeadLetters(Protocol):
    """Takes bad records.

    Guarantee: when `flush` returns, every record that was sent before is delivered; a record may
    be delivered again after a restart, with the same headers.
    """

    def send(self, batch: RecordBatch, bad: Sequence[BadRecord]) -> None:
        """Take the bad records of a batch."""

    def flush(self) -> None:
        """Wait until all are delivered."""

    def close(self) -> None:
        """Release connections and threads; harmless when repeated."""


class NoDeadLetters:
    """Drops bad records: for replays, whose bad records were delivered the first time."""

    def send(self, batch: RecordBatch, bad: Sequence[BadRecord]) -> None:
        """Do nothing."""

    def flush(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class KafkaDeadLetters:
    """Dead letters in a topic: the original key and value, and headers that tell the reason.

    Headers, all UTF-8: `millstream.reason`, `.kind`, `.topic`, `.partition`, `.offset`,
    `.timestamp`; a key or value that was too long is cut, and `millstream.cut` has its length.

    Args:
        options: kafka-python's connection options, `bootstrap_servers` among them.
        topic: name of the dead-letter topic; `{topic}` stands for the record's.

    Raises:
        SourceError: the broker cannot be reached.
    """

    def __init__(self, options: Mapping[str, object], topic: str = "{topic}.dead-letters") -> None:
        self._options = options
        self._topic = topic
        self._waiting: list[Any] = []
        with translated("open the dead letters", options):
            self._producer: Any = KafkaProducer(
                **{"acks": "all", "linger_ms": 20, "bootstrap_timeout_ms": 10_000, **options}
            )

    def send(self, batch: RecordBatch, bad: Sequence[BadRecord]) -> None:
        """Take the bad records of a batch; see `DeadLetters`.

        Raises:
            SourceError: the broker refused.
        """
        target = self._topic.replace("{topic}", batch.topic)
        with translated(f"send to {target}", self._options):
            for record in bad:
                key, value = batch.key(record.index), batch.value(record.index)
                headers = make_headers(batch, record, key, value)
                future = self._producer.send(
                    target, value=_cut(value), key=_cut(key), headers=headers
                )
                self._waiting.append(future)

    def flush(self) -> None:
        """Wait until all are delivered; see `DeadLetters`.

        Raises:
            DeadLetterError: one was not delivered.
        """
        waiting, self._waiting = self._waiting, []
        with translated("deliver the dead letters", self._options):
            self._producer.flush()
        failed = [future.exception for future in waiting if not future.succeeded()]
        if failed:
            raise DeadLetterError(
                f"{len(failed)} of {len(waiting)} dead letters were not delivered: {failed[0]};"
                " check kafka.dead_letter_topic and the right to write to it"
            )

    def close(self) -> None:
        """See `DeadLetters`."""
        self._producer.close(timeout=5)


def make_headers(
    batch: RecordBatch, record: BadRecord, key: bytes | None, value: bytes | None
) -> list[tuple[str, bytes]]:
    """What a dead letter tells of its record."""
    told = {
        "reason": record.reason,
        "kind": record.kind,
        "topic": batch.topic,
        "partition": batch.partition,
        "offset": batch.offsets[record.index],
        "timestamp": batch.timestamps[record.index],
    }
    longest = max(len(key or b""), len(value or b""))
    if longest > MAX_BYTES // 2:
        told["cut"] = longest
    return [
        (f"millstream.{name}", str(text).encode(errors="backslashreplace"))
        for name, text in told.items()
    ]


def _cut(part: bytes | None) -> bytes | None:
    return None if part is None else part[: MAX_BYTES // 2]
