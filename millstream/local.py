"""Which broker and which registry to use: the configured ones, or local ones that are started.

`millstream up` keeps both running and leaves their addresses in `up.json` of the state folder;
other commands attach to them while its process lives. Several pipelines may share them: see
`pipelines_stack`.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import ingest
from ingest.kafka.client import open_client
from ingest.kafka.errors import translated
from ingest.redaction import public_uri
from millstream.config.config import Config
from millstream.durable import make_folder, read_as, write_json
from millstream.errors import StackError
from millstream.pipelines.stack import stack_folder
from millstream.stack.kafka import EmbeddedKafka
from millstream.stack.mlflow import prepare_store
from millstream.watch.processes import is_alive

__all__ = [
    "Addresses",
    "announced",
    "ensure_topics",
    "find_addresses",
    "open_broker",
    "open_kafka",
    "open_registry",
    "require_broker",
]

PARTITIONS = 4


@dataclass(frozen=True)
class Addresses:
    """Where a broker and MLflow are served; `pid` is the process that keeps them running.

    `mlflow_url` is empty when that process serves no page.
    """

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
    """The addresses that a live process announces on this state folder, or None."""
    addresses = read_as(state_dir / "up.json", Addresses)
    if addresses is None or not is_alive(addresses.pid):
        return None
    host, _, port = addresses.bootstrap_servers.split(",")[0].rpartition(":")
    try:
        # The process may be another one by now; then nobody answers.
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, ValueError):
        return None
    return addresses


@contextmanager
def open_broker(config: Config) -> Iterator[str]:
    """The bootstrap servers to use; an embedded broker is started if there is no other.

    While it runs, it is announced, so that `millstream publish` finds it.

    Raises:
        StackError: the embedded broker cannot be started.
        ingest.SourceError: a topic cannot be created on it.
    """
    configured = config.kafka.bootstrap_servers
    if configured is not None:
        yield configured
        return
    folder = stack_folder(config.state_dir)
    running = find_addresses(folder)
    if running is not None:
        ensure_topics({"bootstrap_servers": running.bootstrap_servers}, config.kafka.topics)
        yield running.bootstrap_servers
    else:
        with EmbeddedKafka(folder / "kafka") as broker:
            servers = broker.bootstrap_servers
            ensure_topics({"bootstrap_servers": servers}, config.kafka.topics)
            page = public_uri(config.registry.tracking_uri or "")
            with announced(folder, Addresses(os.getpid(), servers, page)):
                yield servers


def require_broker(config: Config) -> str:
    """The bootstrap servers of a broker that runs already.

    Raises:
        StackError: none is configured, and no `millstream up` or `millstream run` is alive.
    """
    if config.kafka.bootstrap_servers is not None:
        return config.kafka.bootstrap_servers
    folder = stack_folder(config.state_dir)
    running = find_addresses(folder)
    if running is None:
        raise StackError(
            "no broker: kafka.bootstrap_servers is not set and no `millstream up` or `run` runs"
            f" on {folder}; start `millstream up` in another terminal"
        )
    return running.bootstrap_servers


def open_registry(config: Config) -> str:
    """The tracking URI to use; a local SQLite store is prepared if none is configured."""
    if config.registry.tracking_uri is not None:
        return config.registry.tracking_uri
    folder = stack_folder(config.state_dir)
    make_folder(folder)
    return prepare_store(folder)


@contextmanager
def open_kafka(
    kind: Any,
    what: str,
    options: Mapping[str, object],
    defaults: Mapping[str, object] | None = None,
) -> Iterator[Any]:
    """One of kafka-python's clients, closed at the end.

    Args:
        kind: KafkaProducer or KafkaAdminClient.
        what: what it is for, as its errors begin.
        options: kafka-python's connection options, bootstrap_servers among them.
        defaults: options that these may change.

    Raises:
        ingest.SourceError: the broker cannot be reached or refuses, also within the body, or an
            option is wrong.
    """
    with translated(what, options):
        try:
            client = open_client(kind, options, {}, defaults)
        except (TypeError, ValueError, OSError) as error:
            raise ingest.SourceError(
                f"{what}: kafka-python refuses its options: {error or type(error).__name__};"
                " correct kafka.bootstrap_servers or kafka.options"
            ) from error
        try:
            yield client
        finally:
            client.close()


def ensure_topics(
    options: Mapping[str, object], topics: Sequence[str], partitions: int = PARTITIONS
) -> None:
    """Create the topics that the broker does not have yet.

    Args:
        options: kafka-python's connection options, bootstrap_servers among them.
        topics: names.
        partitions: of each new topic; how often it is replicated is the broker's default.

    Raises:
        ingest.SourceError: the broker cannot be reached, an option is wrong, or it refuses a topic.
    """
    from kafka.admin import KafkaAdminClient, NewTopic
    from kafka.errors import TopicAlreadyExistsError

    with open_kafka(KafkaAdminClient, f"create topics {', '.join(topics)}", options) as admin:
        for topic in sorted(set(topics) - set(admin.list_topics())):
            with suppress(TopicAlreadyExistsError):
                admin.create_topics([NewTopic(topic, partitions, -1)])
