"""Dead letters in a Kafka topic: in batches, bounded, and none twice over restarts."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from kafka.errors import KafkaTimeoutError

from ingest.errors import DeadLetterError
from ingest.formats.decoder import BadRecord
from ingest.kafka.batch_producer import BatchProducer
from ingest.kafka.delivered import Delivered
from ingest.kafka.errors import translated
from ingest.kafka.letter import encode_letters
from ingest.kafka.sent import Sent
from ingest.position import Position
from ingest.records import RecordBatch

__all__ = ["KafkaDeadLetters"]

MAX_WAITING_BYTES = 32 << 20
ANSWER_S = 30.0
DEFAULTS = {"bootstrap_timeout_ms": 10_000, "max_block_ms": 20_000}


class KafkaDeadLetters:
    """Dead letters in a topic; `ingest.kafka.letter` says what is in one. See `DeadLetters`.

    A letter goes to the partition that has its record's number, modulo their number. With a writer
    and a position to look from, the letters that a killed process has delivered are found when the
    first bad record comes, and are not sent again: each bad record has one letter, for all readers,
    unless the broker writes what the killed process had sent only after this one has looked.

    Args:
        options: kafka-python's connection options, `bootstrap_servers` among them.
        topic: name of the dead-letter topic; `{topic}` stands for the record's.
        answer_s: seconds that a flush waits for all the letters together.
        writer: names who writes, for itself and for ever; letters of others do not count.
        since: the `position` that was told for the records that come now.
        takes: whether records of partitions of this number come at all; another writer of the same
            name has the others.

    Raises:
        SourceError: the broker cannot be reached.
    """

    def __init__(
        self,
        options: Mapping[str, object],
        topic: str = "{topic}.dead-letters",
        answer_s: float = ANSWER_S,
        *,
        writer: str = "",
        since: Position | None = None,
        takes: Callable[[int], bool] = lambda _: True,
    ) -> None:
        self._options = options
        self._topic = topic
        self._answer_s = answer_s
        self._writer = writer
        self._since = since
        self._takes = takes
        self._delivered: dict[str, Delivered] = {}
        self._reached = {(t, p): offset for t, p, offset in (since or Position()).items()}
        self._waiting: deque[Sent] = deque()
        self._waiting_bytes = 0
        self._sent = self._failed = 0
        self._failure = ""
        with translated("open the dead letters", options):
            self._producer = BatchProducer(options, DEFAULTS)

    def send(self, batch: RecordBatch, bad: Sequence[BadRecord]) -> None:
        """Take the bad records of a batch; see `DeadLetters`.

        Raises:
            SourceError: the broker refused.
            DeadLetterError: there is no such topic, or an earlier one was not delivered.
        """
        if not bad:
            return
        target = self._topic.replace("{topic}", batch.topic)
        with translated(f"send to {target}", self._options):
            partition = batch.partition % self._partitions(target)
            new = self._without_delivered(target, batch, bad)
            for letters in encode_letters(batch, new, self._writer):
                sent = self._producer.send(target, partition, letters)
                self._waiting.append(sent)
                self._waiting_bytes += sent.size
                self._sent += sent.count
                self._make_room()

    def flush(self) -> None:
        """Wait until all are delivered; see `DeadLetters`.

        Raises:
            DeadLetterError: one was not delivered, and every later flush raises; or the broker
                did not answer in time, and a later flush waits again.
        """
        self._settle(0)
        self._sent = 0

    def position(self, accounted: Position) -> Position:
        """See `DeadLetters`."""
        for delivered in self._delivered.values():
            delivered.forget(accounted)
        if not any(map(len, self._delivered.values())):
            self._since = Position.of((*part, offset) for part, offset in self._reached.items())
        return self._since or Position()

    def close(self) -> None:
        """See `DeadLetters`; what the broker does not take within 5 s is given up."""
        self._producer.close()

    def _without_delivered(
        self, target: str, batch: RecordBatch, bad: Sequence[BadRecord]
    ) -> Sequence[BadRecord]:
        """The bad records that no earlier process has delivered; looks when it is first asked."""
        if self._since is None:
            return bad
        if target not in self._delivered:
            found = Delivered(self._options, [target], self._since, self._writer, self._takes)
            self._delivered[target] = found
            self._reached |= {(t, p): offset for t, p, offset in found.end.items()}
        return self._delivered[target].without(batch, bad)

    def _make_room(self) -> None:
        """Let go of what is done, and wait if too much is on its way."""
        while self._waiting and self._waiting[0].is_done:
            self._end(self._waiting.popleft())
        if self._waiting_bytes > MAX_WAITING_BYTES:
            self._settle(MAX_WAITING_BYTES // 2)
        self._refuse(late=0)

    def _settle(self, most: int) -> None:
        """Wait for the oldest until at most so many bytes are on their way."""
        until = time.monotonic() + self._answer_s
        while self._waiting and self._waiting_bytes > most:
            if not self._waiting[0].wait(until):
                self._refuse(late=sum(sent.count for sent in self._waiting if not sent.is_done))
                continue
            self._end(self._waiting.popleft())
        self._refuse(late=0)

    def _end(self, sent: Sent) -> None:
        """Take note of what became of letters that are done."""
        self._waiting_bytes -= sent.size
        if failures := sent.failures():
            self._failure = self._failure or str(failures[0])
            self._failed += len(failures)
        else:
            place = sent.topic, sent.partition
            self._reached[place] = max(self._reached.get(place, 0), sent.next_offset())

    def _refuse(self, late: int) -> None:
        if late or self._failed:
            told = self._failure or f"no answer within {self._answer_s:g} s"
            raise DeadLetterError(
                f"{self._failed + late} of {self._sent} dead letters were not delivered: {told};"
                " check kafka.dead_letter_topic and the right to write to it"
            )

    def _partitions(self, name: str) -> int:
        try:
            return self._producer.partitions(name)
        except KafkaTimeoutError as error:
            raise DeadLetterError(
                f"topic {name} for the dead letters: the broker at"
                f" {self._options.get('bootstrap_servers')} does not have it and did not create"
                " it; create it, allow auto-creation (auto.create.topics.enable), or change"
                " kafka.dead_letter_topic"
            ) from error
