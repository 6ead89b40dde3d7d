"""Dead letters: where bad records go, with the reason, so that none vanishes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError

from ingest.errors import DeadLetterError
from ingest.formats.decoder import BadRecord
from ingest.kafka.client import open_client
from ingest.kafka.errors import translated
from ingest.records import RecordBatch

__all__ = ["DeadLetters", "KafkaDeadLetters", "NoDeadLetters"]

MAX_BYTES = 900_000
MAX_KEY_BYTES = 100_000
MAX_WAITING = 10_000
ANSWER_S = 30.0
CLOSE_S = 5.0
OURS = {"acks": "all"}
DEFAULTS = {"linger_ms": 20, "bootstrap_timeout_ms": 10_000, "max_block_ms": 20_000}


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
    `.timestamp`. A key of more than 100,000 bytes is cut, and so is a value that makes the letter
    longer than 900,000; then `millstream.key_length` or `.value_length` has what it was. A record
    with neither key nor value is sent with an empty value and `millstream.null` "true".

    Args:
        options: kafka-python's connection options, `bootstrap_servers` among them.
        topic: name of the dead-letter topic; `{topic}` stands for the record's.
        answer_s: seconds that a flush waits for all the letters together.

    Raises:
        SourceError: the broker cannot be reached.
    """

    def __init__(
        self,
        options: Mapping[str, object],
        topic: str = "{topic}.dead-letters",
        answer_s: float = ANSWER_S,
    ) -> None:
        self._options = options
        self._topic = topic
        self._answer_s = answer_s
        self._waiting: list[Any] = []
        with translated("open the dead letters", options):
            self._producer: Any = open_client(KafkaProducer, options, OURS, DEFAULTS)

    def send(self, batch: RecordBatch, bad: Sequence[BadRecord]) -> None:
        """Take the bad records of a batch; see `DeadLetters`.

        Raises:
            SourceError: the broker refused.
            DeadLetterError: there is no such topic, or an earlier one was not delivered.
        """
        target = self._topic.replace("{topic}", batch.topic)
        with translated(f"send to {target}", self._options):
            if bad:
                self._check_topic(target)
            for record in bad:
                key, value, headers = make_letter(batch, record)
                self._waiting.append(
                    self._producer.send(target, value=value, key=key, headers=headers)
                )
        if len(self._waiting) > MAX_WAITING:
            self.flush()

    def flush(self) -> None:
        """Wait until all are delivered; see `DeadLetters`.

        Raises:
            DeadLetterError: one was not delivered, and every later flush raises; or the broker
                did not answer in time, and a later flush waits again.
        """
        until = time.monotonic() + self._answer_s
        failed = [told for future in self._waiting if (told := self._failure(future, until))]
        if failed:
            raise DeadLetterError(
                f"{len(failed)} of {len(self._waiting)} dead letters were not delivered:"
                f" {failed[0]}; check kafka.dead_letter_topic and the right to write to it"
            )
        self._waiting = []

    def _check_topic(self, name: str) -> None:
        try:
            self._producer.partitions_for(name)
        except KafkaTimeoutError as error:
            raise DeadLetterError(
                f"topic {name} for the dead letters: the broker at"
                f" {self._options.get('bootstrap_servers')} does not have it and did not create"
                " it; create it, allow auto-creation (auto.create.topics.enable), or change"
                " kafka.dead_letter_topic"
            ) from error

    def _failure(self, future: Any, until: float) -> str | None:
        """Wait for one letter; kafka-python's own flush gives up on batches that it splits."""
        try:
            future.get(timeout=max(0.0, until - time.monotonic()))
        except KafkaError as error:
            return str(error) if future.is_done else f"no answer within {self._answer_s:g} s"
        return None

    def close(self) -> None:
        """See `DeadLetters`; what the broker does not take within 5 s is given up."""
        try:
            self._producer.close(timeout=CLOSE_S)
        except KafkaTimeoutError:
            self._producer._sender.force_close()
            self._producer._sender.join(CLOSE_S)
            self._producer.close(timeout=CLOSE_S)


def make_letter(
    batch: RecordBatch, record: BadRecord
) -> tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]:
    """The key, the value and the headers of a dead letter."""
    told = {
        "reason": record.reason,
        "kind": record.kind,
        "topic": batch.topic,
        "partition": batch.partition,
        "offset": batch.offsets[record.index],
        "timestamp": batch.timestamps[record.index],
    }
    key, value = batch.key(record.index), batch.value(record.index)
    if key is None and value is None:
        value, told["null"] = b"", "true"
    if key is not None and len(key) > MAX_KEY_BYTES:
        key, told["key_length"] = key[:MAX_KEY_BYTES], len(key)
    room = MAX_BYTES - len(key or b"")
    if value is not None and len(value) > room:
        value, told["value_length"] = value[:room], len(value)
    headers = [
        (f"millstream.{name}", str(text).encode(errors="backslashreplace"))
        for name, text in told.items()
    ]
    return key, value, headers
