"""Opening kafka-python's clients: one set of options for all, nothing left over on failure."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import KafkaTimeoutError

from ingest.errors import SourceError
from ingest.in_time import in_time
from ingest.kafka.access import check_access, tls_context, uses_tls
from ingest.kafka.redaction import redact_log

__all__ = ["close_producer", "cluster_id_of", "most_batch_bytes", "open_client", "partitions_of"]

ANSWER_S = 10.0
MOST_BATCH_BYTES = 128 << 20
CLOSE_S = 5.0
KINDS = (KafkaConsumer, KafkaProducer, KafkaAdminClient)
OURS = {"max_batch_bytes"}  # what kafka-python does not know
RESERVED = {
    "auto_offset_reset",
    "consumer_timeout_ms",
    "enable_auto_commit",
    "group_id",
    "group_instance_id",
    "kafka_client",
    "key_deserializer",
    "key_serializer",
    "transactional_id",
    "value_deserializer",
    "value_serializer",
}


def open_client(
    kind: Any,
    options: Mapping[str, object],
    ours: Mapping[str, object],
    defaults: Mapping[str, object] | None = None,
) -> Any:
    """A consumer or producer of kafka-python's, connected.

    Each kind takes those of the options that it knows, so that one set serves all of them. When it
    cannot be opened, its connections and its thread are closed again.

    Args:
        kind: KafkaConsumer or KafkaProducer.
        options: the user's; `bootstrap_servers` among them.
        ours: options that win over all else.
        defaults: options that the user may change.

    Raises:
        SourceError: an option that no kind knows, that is not the user's to set, or that no broker
            could be entered with.
    """
    check_options(options)
    check_access(options)
    redact_log()
    chosen = {name: value for name, value in options.items() if name in kind.DEFAULT_CONFIG}
    if uses_tls(options):
        chosen["ssl_context"] = tls_context(options)
    opened: list[Any] = []

    def connect(**settings: Any) -> Any:
        opened.append(kind.DEFAULT_CONFIG["kafka_client"](**settings))
        return opened[-1]

    try:
        return kind(**{**(defaults or {}), **chosen, **ours, "kafka_client": connect})
    except BaseException:
        for client in opened:
            client.close()
        raise


def most_batch_bytes(options: Mapping[str, object]) -> int:
    """Most bytes that one of Kafka's batches may have decompressed.

    Raises:
        SourceError: the option is no whole number from 1.
    """
    most = options.get("max_batch_bytes", MOST_BATCH_BYTES)
    if not isinstance(most, int) or isinstance(most, bool) or most < 1:
        raise SourceError(f"kafka.max_batch_bytes: expected a whole number from 1, got {most!r}")
    return most


def partitions_of(consumer: Any, topic: str) -> list[int]:
    """The partitions of a topic, sorted; none if the broker does not have it.

    Raises:
        KafkaTimeoutError: the broker does not answer in 10 s; kafka-python would wait for ever.
    """
    try:
        return sorted(in_time(lambda: consumer.partitions_for_topic(topic), ANSWER_S))
    except TimeoutError as error:
        raise KafkaTimeoutError(f"the partitions of {topic} did not come") from error


def close_producer(producer: Any) -> None:
    """Release connection and thread; what the broker does not take within 5 s is given up."""
    try:
        producer.close(timeout=CLOSE_S)
    except KafkaTimeoutError:
        # In public there is no way to close what cannot be delivered: it is waited for.
        sender: Any = getattr(producer, "_sender", None)
        if hasattr(sender, "force_close"):
            sender.force_close()
            sender.join(CLOSE_S)
            producer.close(timeout=CLOSE_S)


def check_options(options: Mapping[str, object]) -> None:
    """Refuse options that no client knows, and those that decide what is read.

    Raises:
        SourceError: names the first of them.
    """
    known = {name for kind in KINDS for name in kind.DEFAULT_CONFIG} - RESERVED | OURS
    for name in options:
        if name in RESERVED:
            raise SourceError(f"kafka.options.{name}: set by ingest itself; remove it")
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else "see kafka-python's options"
            raise SourceError(f"kafka.options.{name}: no such option; {hint}")


def cluster_id_of(consumer: Any) -> str | None:
    """Kafka's name for the cluster that a consumer has reached; None if it does not tell."""
    return getattr(getattr(consumer, "_cluster", None), "cluster_id", None)
