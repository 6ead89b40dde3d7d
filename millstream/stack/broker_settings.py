"""What the embedded broker is told: one KRaft node that is broker and controller."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["broker_properties"]

NODE = 1
SMALL = {
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "transaction.state.log.num.partitions": 4,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "share.coordinator.state.topic.num.partitions": 4,
    "group.initial.rebalance.delay.ms": 0,
    "num.network.threads": 2,
    "num.io.threads": 4,
    "background.threads": 4,
    "log.cleaner.dedupe.buffer.size": 16_777_216,
    "log.retention.ms": -1,
}


def broker_properties(
    host: str, ports: tuple[int, ...], partitions: int, overrides: Mapping[str, object]
) -> str:
    """The text of server.properties.

    Records are kept for ever (`log.retention.ms=-1`): Kafka's week counts from a record's own
    timestamp, and would delete replayed records of the past at once.

    Args:
        host: that it listens on.
        ports: of the broker and of the controller.
        partitions: of a topic that is created without saying.
        overrides: win over all else.
    """
    broker, controller = ports
    properties: dict[str, object] = {
        "process.roles": "broker,controller",
        "node.id": NODE,
        "controller.quorum.voters": f"{NODE}@{host}:{controller}",
        "listeners": f"BROKER://{host}:{broker},CONTROLLER://{host}:{controller}",
        "advertised.listeners": f"BROKER://{host}:{broker}",
        "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "BROKER",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": "data",
        "num.partitions": partitions,
        **SMALL,
        **overrides,
    }
    return "".join(f"{key}={_escape(str(value))}\n" for key, value in properties.items())


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n")
