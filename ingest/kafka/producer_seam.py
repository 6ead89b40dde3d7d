"""Sending whole batches of records: the one place that touches kafka-python's producer inside.

kafka-python checks, encodes and watches each record by itself, in some 30 microseconds of Python.
Here records come encoded, and a batch of them is put into the producer's queue with one future for
all. Sequence numbers, retries, compression and splitting stay kafka-python's.
"""

from __future__ import annotations

import inspect
import logging
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kafka import TopicPartition
from kafka.errors import InvalidTimestampError, RetriableError
from kafka.producer.future import FutureProduceResult, FutureRecordMetadata
from kafka.producer.producer_batch import ProducerBatch
from kafka.producer.record_accumulator import RecordAccumulator
from kafka.producer.sender import Sender
from kafka.record.memory_records import MemoryRecordsBuilder
from kafka.record.util import calc_crc32c

from ingest.kafka.record_bytes import varint
from ingest.kafka.sent import Sent, wait_for

__all__ = ["misfit", "send_whole", "undate_refused"]

log = logging.getLogger("millstream.ingest")

BARE = b"\0\0"  # no attributes, and the timestamp of the batch
PARAMETERS = (
    (ProducerBatch, "__init__", "self tp records now"),
    (ProducerBatch, "_complete_future", "self base_offset timestamp_ms record_exceptions_fn"),
    (FutureProduceResult, "wait", "self timeout"),
    (
        *(FutureRecordMetadata, "__init__"),
        "self produce_future batch_index timestamp_ms checksum"
        " serialized_key_size serialized_value_size serialized_header_size",
    ),
    (FutureRecordMetadata, "rebind", "self new_produce_future new_batch_index"),
    (RecordAccumulator, "_tp_lock", "self tp"),
    (RecordAccumulator, "split_and_reenqueue", "self batch now"),
    (
        *(MemoryRecordsBuilder, "__init__"),
        "self magic compression_type batch_size offset"
        " transactional producer_id producer_epoch base_sequence",
    ),
    (Sender, "wakeup", "self"),
    (Sender, "_dispatch_error", "self batch exception partition_response"),
)
BATCH_STATE = {"_record_futures", "produce_future", "records", "topic_partition"}
BUILDER_STATE = ("_buffer", "_first_timestamp", "_max_timestamp", "_num_records", "_last_offset")
CONFIG = {"compression_attrs", "batch_size"}
CRC, CRC_AT, CHECKED_FROM = struct.Struct(">I"), 17, 21
DATES, DATES_AT = struct.Struct(">qq"), 27  # of the first record, and the latest
NO_DATES = (-1, -1)
REFUSED = (
    "the broker refuses the date that this machine's clock gives to letters for %s, and takes them"
    " without one: set the clock, or message.timestamp.type = LogAppendTime for that topic"
)
SAMPLE = varint(1) + b"k" + varint(-1) + varint(1) + varint(1) + b"h" + varint(2) + b"hv"


class WholeBatch(ProducerBatch):  # type: ignore[misc]
    """A batch whose records get futures of their own only when it has to be split."""

    def __init__(self, partition: Any, records: Any) -> None:
        self.parts: list[Any] | None = None
        super().__init__(partition, records)

    @property
    def _record_futures(self) -> list[Any]:
        if self.parts is None:
            self.parts = [
                FutureRecordMetadata(self.produce_future, index, 0, None, -1, -1, -1)
                for index in range(self.record_count)
            ]
        return self.parts

    @_record_futures.setter
    def _record_futures(self, futures: list[Any]) -> None:
        """None are needed before."""


@dataclass(frozen=True, eq=False)
class SentBatch:
    """A `WholeBatch` on its way; see `Sent`."""

    topic: str
    partition: int
    count: int
    size: int
    batch: Any

    @property
    def is_done(self) -> bool:
        """See `Sent`."""
        parts, whole = self.batch.parts, bool(self.batch.produce_future.is_done)
        return whole or (parts is not None and all(part.is_done for part in parts))

    def wait(self, until: float) -> bool:
        """See `Sent`."""
        # A batch that is split never ends as a whole; whoever waits for it is woken then.
        self.batch.produce_future.wait(max(0.0, until - time.monotonic()))
        if not self.batch.produce_future.is_done:
            wait_for(self.batch.parts or (), until)
        return self.is_done

    def failures(self) -> list[BaseException]:
        """See `Sent`."""
        whole = self.batch.produce_future
        if not whole.is_done:
            return [part.exception for part in self.batch.parts if part.failed()]
        told = whole.value[2]
        return [] if told is None else [told(index) for index in range(self.count)]

    def next_offset(self) -> int:
        """See `Sent`."""
        whole = self.batch.produce_future
        if whole.is_done:
            return int(whole.value[0]) + self.count
        return 1 + max(int(part.value.offset) for part in self.batch.parts)


def send_whole(producer: Any, topic: str, partition: int, records: Sequence[bytes]) -> Sent:
    """Put a batch of encoded records into a producer's queue."""
    accumulator, whole = producer._accumulator, TopicPartition(topic, partition)
    encoded = _encoded(records)
    batch = WholeBatch(whole, _filled(accumulator.config, encoded, len(records)))
    with accumulator._tp_lock(whole):
        accumulator._batches[whole].append(batch)
        accumulator._incomplete.add(batch)
    producer._sender.wakeup()
    return SentBatch(topic, partition, len(records), len(encoded), batch)


def _encoded(records: Sequence[bytes]) -> bytes:
    numbered = (BARE + varint(index) + record for index, record in enumerate(records))
    return b"".join(varint(len(record)) + record for record in numbered)


def _filled(config: Any, encoded: bytes, count: int) -> Any:
    records = MemoryRecordsBuilder(2, config["compression_attrs"], config["batch_size"])
    builder = records._builder
    builder._buffer += encoded
    builder._first_timestamp = builder._max_timestamp = int(time.time() * 1000)
    builder._num_records, builder._last_offset = count, count - 1
    records._next_offset = count
    return records


class DateRefusedError(RetriableError):  # type: ignore[misc]
    """The broker has refused the date of a batch, which is to be sent again without one."""


def undate_refused(producer: Any) -> None:
    """Let batches whose date the broker refuses be sent again without one, which it takes.

    It refuses dates more than an hour ahead of its clock (`message.timestamp.after.max.ms`), and
    with the default handling the producer could send nothing more. The broker looks at dates before
    it counts sequence numbers, and one batch of a partition is on its way at a time: so the batch
    goes again under its number, before those that follow it.
    """
    dispatch = producer._sender._dispatch_error
    told: set[str] = set()

    def dispatch_error(batch: Any, exception: Any, partition_response: Any) -> None:
        if isinstance(exception, InvalidTimestampError) and _undate(batch.records.buffer()):
            if (topic := batch.topic_partition.topic) not in told:
                told.add(topic)
                log.warning(REFUSED, topic)
            exception = DateRefusedError(*exception.args)
        dispatch(batch, exception, partition_response)

    producer._sender._dispatch_error = dispatch_error


def _undate(batch: bytearray) -> bool:
    """Take the dates out of an encoded batch whose records have all the same; False if it has none.

    Layout: https://kafka.apache.org/documentation/#recordbatch
    """
    if DATES.unpack_from(batch, DATES_AT) == NO_DATES:
        return False
    DATES.pack_into(batch, DATES_AT, *NO_DATES)
    CRC.pack_into(batch, CRC_AT, calc_crc32c(memoryview(batch)[CHECKED_FROM:]))
    return True


def misfit(producer: Any) -> str | None:
    """Why batches cannot be put into this kafka-python's queue; None when they can."""
    for owner, name, told in PARAMETERS:
        part, expected = getattr(owner, name, None), told.split()
        found = part and list(inspect.signature(part).parameters)
        if found != expected:
            return f"{owner.__name__}.{name} takes {found}, not {expected}"
    accumulator = getattr(producer, "_accumulator", None)
    if not isinstance(accumulator, RecordAccumulator):
        return "KafkaProducer has no _accumulator"
    if not isinstance(getattr(producer, "_sender", None), Sender):
        return "KafkaProducer has no _sender"
    if missing := sorted(CONFIG - accumulator.config.keys()):
        return f"RecordAccumulator has no option {', '.join(missing)}"
    if missing := sorted({"_batches", "_incomplete"} - vars(accumulator).keys()):
        return f"RecordAccumulator has no {', '.join(missing)}"
    made = ProducerBatch(TopicPartition("", 0), MemoryRecordsBuilder(2, 0, 1))
    if missing := sorted(BATCH_STATE - vars(made).keys()):
        return f"ProducerBatch has no {', '.join(missing)}"
    return _other_bytes()


def _other_bytes() -> str | None:
    """What differs between a batch of kafka-python's and the same one made here."""
    theirs, config = MemoryRecordsBuilder(2, 0, 1), {"compression_attrs": 0, "batch_size": 1}
    theirs.append(1_000, b"k", None, [("h", b"hv")])
    if missing := [name for name in BUILDER_STATE if not hasattr(theirs._builder, name)]:
        return f"DefaultRecordBatchBuilder has no {', '.join(missing)}"
    ours = _filled(config, _encoded([SAMPLE]), 1)
    ours._builder._first_timestamp = ours._builder._max_timestamp = 1_000
    if ours.next_offset() != theirs.next_offset():
        return f"MemoryRecordsBuilder counts {theirs.next_offset()} for one record"
    for name in BUILDER_STATE:
        if getattr(ours._builder, name) != getattr(theirs._builder, name):
            return f"DefaultRecordBatchBuilder makes another {name} of the same record"
    undated = MemoryRecordsBuilder(2, 0, 1)
    undated.append(NO_DATES[0], b"k", None, [("h", b"hv")])
    undated.close()
    ours.close()
    if not _undate(ours.buffer()) or ours.buffer() != undated.buffer():
        return "DefaultRecordBatchBuilder makes another batch of a record without a date"
    return None
