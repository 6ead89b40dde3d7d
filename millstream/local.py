"""Which broker and which registry to use: the configured ones, or local ones that are started.

`millstream up` keeps both running and leaves their addresses in `up.json` of the state folder;
other commands attach to them while its process lives.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from millstream.config import Config
from millstream.durable import make_folder, read_json, write_json
from millstream.errors import StackError
from millstream.processes import is_alive
from millstream.stack.kafka import EmbeddedKafka
from millstream.stack.mlflow import prepare_store

__all__ = [
    "Addresses",
    "announced",
    "ensure_topics",
    "find_addresses",
    "open_broker",
    "open_registry",
    "require_broker",
]

PARTITIONS = 4


@dataclass(frozen=True)
class Addresses:
    """Where `millstream up` serves; `pid` is its process."""

    pid: int
    bootstrap_servers: str
    mlflow_url: str


@contextmanager
def announced(state_dir: Path, addresses: Addresses) -> Iterator[None]:
    """Leave the addresses for other commands while the body runs."""
    make_folder(state_dir)
    path = state_dir / "up.json"
    write_json(path, asdict(addresses), durable=False)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def find_addresses(state_dir: Path) -> Addresses | None:
    """The addresses of a `millstream up` that is alive on this state folder, or None."""
    path = state_dir / "up.json"
    if not path.exists():
        return None
    addresses = Addresses(**read_json(path))
    host, _, port = addresses.bootstrap_servers.split(",")[0].rpartition(":")
    if not is_alive(addresses.pid):
        return None
    try:
        # The process may be another one by now; then nobody answers.
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError:
        return None
    return addresses


@contextmanager
def open_broker(config: Config) -> Iterator[str]:
    """The bootstrap servers to use; an embedded broker is started if there is no other.

    Raises:
        StackError: the embedded broker cannot be started.
    """
    configured = config.kafka.bootstrap_servers
    running = find_addresses(config.state_dir)
    if configured is not None:
        yield configured
    elif running is not None:
        ensure_topics({"bootstrap_servers": running.bootstrap_servers}, config.kafka.topics)
        yield running.bootstrap_servers
    else:
        with EmbeddedKafka(config.state_dir / "kafka") as broker:
            ensure_topics({"bootstrap_servers": broker.bootstrap_servers}, config.kafka.topics)
            yield broker.bootstrap_servers


def require_broker(config: Config) -> str:
    """The bootstrap servers of a broker that runs already.

    Raises:
        StackError: none is configured and no `millstream up` is alive.
    """
    if config.kafka.bootstrap_servers is not None:
        return config.kafka.bootstrap_servers
    running = find_addresses(config.state_dir)
    if running is None:
        raise StackError(
            "no broker: kafka.bootstrap_servers is not set and no `millstream up` runs on"
            f" {config.state_dir}; start `millstream up` in another terminal"
        )
    return running.bootstrap_servers


def open_registry(config: Config) -> str:
    """The tracking URI to use; a local SQLite store is prepared if none is configured."""
    if config.registry.tracking_uri is not None:
        return config.registry.tracking_uri
    make_folder(config.state_dir)
    return prepare_store(config.state_dir)


def ensure_topics(
    options: Mapping[str, object], topics: Sequence[str], partitions: int = PARTITIONS
) -> None:
    """Create the topics that the broker does not have yet.

    Args:
        options: kafka-python's connection options, bootstrap_servers among them.
        topics: names.
        partitions: of each new topic; its replication factor is 1.

    Raises:
        StackError: the broker cannot be reached.
    """
    from kafka.admin import KafkaAdminClient, NewTopic
    from kafka.errors import TopicAlreadyExistsError

    admin = KafkaAdminClient(**options)
    try:
        missing = sorted(set(topics) - set(admin.list_topics()))
        for topic in missing:
            try:
                admin.create_topics([NewTopic(topic, partitions, 1)])
            except TopicAlreadyExistsError:
                continue
    finally:
        admin.close()
