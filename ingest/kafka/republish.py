"""Republishing: dead letters go back to the topics that their records came from, each once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError, TransactionAbortedError

from ingest.errors import SourceError
from ingest.in_time import in_time
from ingest.kafka.client import close_producer, open_client
from ingest.kafka.delivered import end_of_topics, existing_topics
from ingest.kafka.errors import translated
from ingest.kafka.letter import Letter
from ingest.kafka.letters_topic import MARKER, Marker, Republished, read_letter_batches
from ingest.kafka.sent import wait_for
from ingest.records import RecordBatch

__all__ = ["Outcome", "RepublishRequest", "republish", "survey"]

CHUNK = 5_000
OPEN_S = 5.0
ANSWER_S = 180.0  # longer than kafka-python's delivery_timeout_ms, whose error says more
ABORT_S = 10.0
HEADER = "millstream.republished"
TRANSACTION = "millstream.republish."
DEFAULTS = {"bootstrap_timeout_ms": 10_000, "max_block_ms": 20_000, "linger_ms": 20}


@dataclass(frozen=True)
class RepublishRequest:
    """What is to be republished.

    Attributes:
        options: kafka-python's connection options, `bootstrap_servers` among them.
        letters: the dead-letter topics.
        topics: letters about records of other topics stay as they are.
        kind: letters of other kinds stay as they are; None for all kinds.
    """

    options: Mapping[str, object]
    letters: tuple[str, ...]
    topics: tuple[str, ...]
    kind: str | None = None

    def wants(self, letter: Letter) -> bool:
        """Whether a letter is asked for."""
        return letter.topic in self.topics and self.kind in (None, letter.kind)


@dataclass
class Outcome:
    """What became, or would become, of the letters that were asked for.

    Attributes:
        sent: letters by kind that went back to their topic.
        refused: letters by reason that cannot go back.
        before: letters that had gone back before.
        repeated: letters about a record that another letter is about too.
    """

    sent: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    before: int = 0
    repeated: int = 0


class Sorter:
    """Says of each letter in turn whether it can go back, and keeps count.

    Attributes:
        there: those of the topics asked for that the broker has, and their partitions' number.
        outcome: so far. It remembers each record, in some 100 bytes.
    """

    def __init__(self, request: RepublishRequest, republished: Republished) -> None:
        self._request = request
        self._republished = republished
        self.there = existing_topics(request.options, request.topics)
        self._seen: dict[tuple[str, int], set[int]] = {}
        self.outcome = Outcome()

    def chosen(self, letters: Sequence[Letter]) -> Iterator[Letter]:
        """Those of some letters that are to be sent."""
        for letter in letters:
            if not self._request.wants(letter):
                continue
            if reason := self._refusal(letter):
                self.outcome.refused[reason] += 1
            elif self._is_new(letter):
                self.outcome.sent[letter.kind] += 1
                yield letter

    def _is_new(self, letter: Letter) -> bool:
        seen = self._seen.setdefault((letter.topic, letter.partition), set())
        is_known = letter.offset in seen
        seen.add(letter.offset)
        if is_known:
            self.outcome.repeated += 1
        elif letter in self._republished:
            self.outcome.before += 1
        else:
            return True
        return False

    def _refusal(self, letter: Letter) -> str | None:
        if letter.cut:
            return f"its {' and '.join(letter.cut)} was cut, so that it is not the record any more"
        if letter.key is None and letter.value is None:
            return "it has neither key nor value"
        if letter.topic not in self.there:
            return f"topic {letter.topic} is not there"
        if not 0 <= letter.partition < self.there[letter.topic]:
            return f"topic {letter.topic} has no partition {letter.partition}"
        return None


def survey(request: RepublishRequest) -> Outcome:
    """What `republish` would do now.

    Raises:
        SourceError: the broker cannot be reached, or refuses.
    """
    sorter = Sorter(request, Republished.read(request.options, request.letters))
    for _, letters in read_letter_batches(request.options, request.letters):
        for _ in sorter.chosen(letters):
            pass
    return sorter.outcome


def republish(request: RepublishRequest) -> Outcome:
    """Send the letters back to the topics and partitions of their records, with their timestamps.

    Each gets a header `millstream.republished` with the identity of the record that it was. Some
    thousands at a time go in one transaction with a marker that says so: whatever instant this is
    killed at, a later call goes on where the last transaction ended, and for those who read
    committed records only, none is there twice. One that runs beside another ends it.

    Raises:
        SourceError: the broker cannot be reached, refuses, another call has taken over, or a
            transaction of someone else's in a dead-letter topic does not end.
    """
    outcome = Outcome()
    for topic in existing_topics(request.options, request.letters):
        with (
            translated(f"republish from {topic}", request.options),
            transactional(request, topic) as producer,
        ):
            done = _republish_from(producer, topic, request)
        outcome.sent += done.sent
        outcome.refused += done.refused
        outcome.before += done.before
        outcome.repeated += done.repeated
    return outcome


@contextmanager
def transactional(request: RepublishRequest, topic: str) -> Iterator[Any]:
    """A producer that has ended whatever another one for this topic was about."""
    ours = {"acks": "all", "transactional_id": TRANSACTION + topic}
    producer = open_client(KafkaProducer, request.options, ours, DEFAULTS)
    try:
        producer.init_transactions()
        yield producer
    finally:
        close_producer(producer)


def _republish_from(producer: Any, topic: str, request: RepublishRequest) -> Outcome:
    _wait_for_markers(request.options, topic)
    sorter = Sorter(request, Republished.read(request.options, [topic]))
    for batch, letters in read_letter_batches(request.options, [topic]):
        chosen = list(sorter.chosen(letters))
        for low in range(0, len(chosen), CHUNK):
            part = chosen[low : low + CHUNK]
            is_last = low + CHUNK >= len(chosen)
            until = batch.next_offset if is_last else part[-1].place[2] + 1
            _send(producer, batch, part, Marker(until, sorter.there, request.kind))
    return sorter.outcome


def _wait_for_markers(options: Mapping[str, object], topic: str) -> None:
    """Wait until all markers can be read: none is behind the begin of an open transaction.

    Raises:
        SourceError: one stays open.
    """
    written = end_of_topics({**options, "isolation_level": "read_uncommitted"}, [topic])
    until = time.monotonic() + OPEN_S
    while True:
        readable = end_of_topics({**options, "isolation_level": "read_committed"}, [topic])
        if all((readable.get(t, p) or 0) >= offset for t, p, offset in written.items()):
            return
        if time.monotonic() > until:
            raise SourceError(
                f"{topic}: a transaction of another producer is open, which hides what was"
                " republished before; try again when it has ended"
            )
        time.sleep(0.1)


def _send(producer: Any, batch: RecordBatch, letters: Sequence[Letter], marker: Marker) -> None:
    """Letters and marker in one transaction, or none of them."""
    producer.begin_transaction()
    try:
        _deliver(producer, batch, letters, marker)
        in_time(producer.commit_transaction, ANSWER_S)
    except BaseException as error:
        with suppress(Exception):  # the broker ends a transaction that is left to itself
            in_time(producer.abort_transaction, ABORT_S)
        if isinstance(error, TimeoutError):
            raise KafkaTimeoutError("the end of the transaction is not known") from error
        raise


def _deliver(producer: Any, batch: RecordBatch, letters: Sequence[Letter], marker: Marker) -> None:
    """Send all and wait: kafka-python would commit without records that it gave up in time."""
    places, sent = [(letter.topic, letter.partition) for letter in letters], []
    places.append((batch.topic, batch.partition))
    try:
        for letter in letters:
            topic, partition, offset = letter.identity
            future = producer.send(
                topic,
                value=letter.value,
                key=letter.key,
                headers=[(HEADER, f"{topic}[{partition}]@{offset}".encode())],
                partition=partition,
                timestamp_ms=letter.timestamp if letter.timestamp >= 0 else None,
            )
            sent.append(future)
        topic, partition = places[-1]
        sent.append(
            producer.send(topic, value=marker.to_bytes(), headers=[MARKER], partition=partition)
        )
        wait_for(sent, time.monotonic() + ANSWER_S)
    except KafkaError:
        _check_sent(places, sent)  # it was perhaps refused for one before it
        raise
    _check_sent(places, sent)
    if not all(future.is_done for future in sent):
        raise KafkaTimeoutError(f"not all records were taken within {ANSWER_S:g} s")


def _check_sent(places: Sequence[tuple[str, int]], sent: Sequence[Any]) -> None:
    for (topic, partition), future in zip(places, sent, strict=False):
        if future.failed() and not isinstance(future.exception, TransactionAbortedError):
            raise SourceError(
                f"{topic}[{partition}] did not take a record: {future.exception}; nothing of this"
                " transaction was sent; check the topic's limits (max.message.bytes,"
                " message.timestamp.*), its leaders, and the right to write to it"
            ) from future.exception
