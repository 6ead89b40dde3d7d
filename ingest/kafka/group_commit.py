"""Positions in a consumer group, for the eyes of lag tools only."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from ingest.kafka.client import open_client
from ingest.position import Position

__all__ = ["GroupCommitter"]

log = logging.getLogger("millstream.ingest")


class GroupCommitter:
    """Commits positions to a consumer group.

    The truth about a position is the checkpoint; a commit that fails is logged and forgotten, as
    the next one makes up for it.

    Args:
        options: kafka-python's consumer options, `bootstrap_servers` among them.
        group_id: the consumer group.
    """

    def __init__(self, options: Mapping[str, object], group_id: str) -> None:
        self._options = options
        self._group_id = group_id
        self._consumer: Any = None

    def commit(self, position: Position) -> None:
        """Commit a position."""
        offsets = {
            TopicPartition(topic, partition): OffsetAndMetadata(offset, "", -1)
            for topic, partition, offset in position.items()
        }
        try:
            if self._consumer is None:
                ours = {"group_id": self._group_id, "enable_auto_commit": False}
                self._consumer = open_client(KafkaConsumer, self._options, ours)
            self._consumer.assign(list(offsets))
            self._consumer.commit(offsets, timeout_ms=10_000)
        except KafkaError as error:
            log.warning("the consumer group was not updated: %s", error)

    def close(self) -> None:
        """Release the connection; harmless when repeated."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None
