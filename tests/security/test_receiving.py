"""Large responses over an encrypted connection, of which one read sees only a part."""

from __future__ import annotations

import numpy as np
import pytest
from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from ingest import KafkaSource
from ingest.kafka.client import open_client
from tests.ingest.broker import produce, read_all
from tests.security.conftest import Secured


@pytest.mark.parametrize("way", ["PLAIN", "TLS", "SCRAM"])
def test_large_values_come_through(way: str, secured: Secured) -> None:
    name, options = f"large-{way}", secured.options(way)
    admin = open_client(KafkaAdminClient, secured.options("PLAIN"), {})
    try:
        admin.create_topics([NewTopic(name, 1, 1, topic_configs={"max.message.bytes": 9_000_000})])
    finally:
        admin.close()
    random = np.random.default_rng(0)
    values = [random.bytes(size) for size in (1, 3_000_000, 0, 16_384, 6_000_000, 70_000, 5)]
    produce(secured.address("PLAIN"), name, values, max_request_size=9_000_000)
    source = KafkaSource([name], options)
    try:
        assert [value for _, _, value in read_all(source)] == values
        connections = source._consumer._client._manager._conns.values()
        assert any("_sock_recv" in vars(c.transport) for c in connections if c.connected)
    finally:
        source.close()
