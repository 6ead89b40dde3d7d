"""MLflow's datasets of Kafka's records, found by the entry points, read from a real broker."""

from __future__ import annotations

import json
import subprocess
import sys

import mlflow
import pytest
from kafka import KafkaProducer
from mlflow.data.dataset_source_registry import resolve_dataset_source

from millstream import MillstreamError
from millstream.kafka_source import KafkaDatasetSource
from registry import KafkaData, KafkaRange
from registry.lineage import dataset_input

from .project import create_topic

DATA = KafkaData((KafkaRange("flights", 0, 3, 9),), cluster_id="MkU3OEVBNTc")


def test_mlflow_finds_our_class_again() -> None:
    logged = dataset_input(DATA)
    for found in (mlflow.data.get_source(logged), mlflow.data.get_source(logged.dataset)):
        assert isinstance(found, KafkaDatasetSource)
        assert found.data == DATA
    for raw in (DATA, json.loads(logged.dataset.source)):
        resolved = resolve_dataset_source(raw)
        assert isinstance(resolved, KafkaDatasetSource)
        assert resolved.to_dict() == DATA.to_json()


def test_other_sources_are_left_to_others() -> None:
    assert not KafkaDatasetSource._can_resolve({"format": "theirs"})
    assert not KafkaDatasetSource._can_resolve("kafka://flights")
    assert type(resolve_dataset_source("/tmp")).__name__ == "LocalArtifactDatasetSource"


def test_a_user_logs_ranges_of_their_own(tmp_path) -> None:
    dataset = mlflow.data.from_kafka({"b": {0: (5, 9)}, "a": {0: (0, 2), 1: (0, 3)}}, name="mine")
    told = dataset.to_dict()
    assert (told["name"], told["source_type"]) == ("mine", "kafka")
    assert json.loads(told["source"])["topics"] == {
        "a": {"0": [[0, 2]], "1": [[0, 3]]},
        "b": {"0": [[5, 9]]},
    }
    assert json.loads(told["profile"]) == {"num_rows": 9}
    same = mlflow.data.from_kafka({"a": {1: (0, 3), 0: (0, 2)}, "b": {0: (5, 9)}})
    assert same.digest == told["digest"]
    assert dataset.name == "mine"
    assert mlflow.data.from_kafka({"b": {0: (5, 9)}}).name == "b"


def test_loading_asks_for_an_address() -> None:
    with pytest.raises(MillstreamError, match=r"flights: expected the address.*bootstrap_servers="):
        KafkaDatasetSource(DATA).load()


def test_the_very_records_are_read_again(kafka, topic) -> None:
    create_topic(kafka.bootstrap_servers, topic)
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap_servers)
    rows = [b'{"a": %d}' % n for n in range(40)]
    for n, row in enumerate(rows):
        producer.send(topic, row, partition=n % 4)
    producer.close()
    source = mlflow.data.from_kafka({topic: {0: (3, 9), 2: (0, 4)}}).source
    table = source.load(kafka.bootstrap_servers).read_all()
    found = sorted(zip(table["partition"].to_pylist(), table["offset"].to_pylist(), strict=True))
    assert found == [(0, n) for n in range(3, 9)] + [(2, n) for n in range(4)]
    assert sorted(table["value"].to_pylist()) == sorted([*rows[12:36:4], *rows[2:18:4]])
    read = source.load(kafka.bootstrap_servers, schema={"a": "float32"}).read_all()
    assert read.column_names == ["a"]
    assert len(read) == 10


def test_importing_mlflow_brings_nothing_heavy_of_ours() -> None:
    code = (
        "import sys, warnings; warnings.simplefilter('error', UserWarning); import mlflow.data;"
        "print(hasattr(mlflow.data, 'from_kafka'),"
        " *[n for n in ('ingest', 'trainer', 'registry', 'tensorflow') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True"]
