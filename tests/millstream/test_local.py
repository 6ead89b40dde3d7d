"""Which broker is used, how it is found, and what a person reads when there is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from kafka.admin import KafkaAdminClient

from ingest import SourceError
from millstream.config.config import load_config
from millstream.durable import make_folder, read_as
from millstream.errors import ConfigError
from millstream.local import Addresses, announced, ensure_topics, find_addresses, open_broker
from millstream.stack.kafka import EmbeddedKafka

from .project import make_project


def test_topics_are_created_once(kafka: EmbeddedKafka, topic: str) -> None:
    options = {"bootstrap_servers": kafka.bootstrap_servers}
    for _ in range(2):
        ensure_topics(options, [topic], partitions=3)
    admin = KafkaAdminClient(**options)
    try:
        found = admin.describe_topics([topic])
    finally:
        admin.close()
    assert [len(item["partitions"]) for item in found] == [3]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bootstrap_servers": "127.0.0.1:port"},
        {"no_such_option": 1},
        {"bootstrap_timeout_ms": "soon"},
        {"security_protocol": "SSL", "ssl_cafile": "gone.pem"},
        {"security_protocol": "PLAIN"},
    ],
    ids=["no broker", "no port", "unknown option", "wrong type", "no file", "wrong value"],
)
def test_what_kafka_refuses_is_one_line(options: dict[str, object]) -> None:
    with pytest.raises(SourceError) as caught:
        ensure_topics(
            {"bootstrap_servers": "127.0.0.1:1", "bootstrap_timeout_ms": 200, **options}, ["events"]
        )
    assert len(str(caught.value).splitlines()) == 1


def test_addresses_are_found_while_they_are_announced(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    addresses = Addresses(os.getpid(), kafka.bootstrap_servers, "")
    with announced(tmp_path, addresses):
        assert find_addresses(tmp_path) == addresses
    assert find_addresses(tmp_path) is None


def test_an_embedded_broker_is_announced(tmp_path: Path) -> None:
    project = make_project(tmp_path, "", "events")
    path = project.directory / "millstream.toml"
    path.write_text(path.read_text().replace('bootstrap_servers = ""\n', ""))
    config = load_config(path)
    with open_broker(config) as servers:
        found = find_addresses(config.state_dir)
        assert found == Addresses(os.getpid(), servers, "")
    assert find_addresses(config.state_dir) is None


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"pid": "x"}', "\udcff"])
def test_damaged_addresses_are_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "up.json").write_bytes(content.encode(errors="surrogateescape"))
    assert find_addresses(tmp_path) is None
    assert read_as(tmp_path / "up.json", Addresses) is None


def test_a_state_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("mine")
    for folder in (tmp_path / "state", tmp_path / "state" / "rounds"):
        with pytest.raises(ConfigError, match=r"service\.state_dir"):
            make_folder(folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_state_folder_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigError, match=r"service\.state_dir"):
        make_folder(tmp_path)
