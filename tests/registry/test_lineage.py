"""The records of a version as MLflow's dataset: their form, their digest, the run's input."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras_models import field

from registry import KafkaData, KafkaRange, ModelRegistry, PublicationError
from registry.lineage import LONGEST_SOURCE, dataset_input, log_records

RECORDS = KafkaData(
    ranges=(KafkaRange("flights", 1, 7, 9), KafkaRange("flights", 0, 100, 1234)),
    gaps=(KafkaRange("flights", 0, 110, 120), KafkaRange("flights", 0, 200, 201)),
    cluster_id="MkU3OEVBNTcwNTJENDM2Qg",
    schema="c0ffee",
    first_ms=1_700_000_000_000,
    last_ms=1_700_000_009_000,
    fields=[
        field("delay", "float32"),
        field("carrier", "category", vocabulary=["UA"], default="UA"),
        field("hours", "int32", length=3),
        field("when", "timestamp"),
        field("late", "bool", role="label"),
    ],
    counts={"num_rows": 1136, "bad": 2},
)


def test_the_plain_form_is_read_again() -> None:
    plain = RECORDS.to_json()
    assert plain["topics"] == {"flights": {"0": [[100, 1234]], "1": [[7, 9]]}}
    assert plain["gaps"] == {"flights": {"0": [[110, 120], [200, 201]]}}
    again = KafkaData.from_json(json.loads(json.dumps(plain)))
    assert again.to_json() == plain
    assert again.digest == RECORDS.digest


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b.c", "d-e"]), st.integers(0, 20), st.integers(0, 2**62)),
        min_size=1,
        unique_by=lambda item: item[:2],
    ),
    st.randoms(),
)
def test_the_digest_names_the_ranges_in_any_order(items, random) -> None:
    ranges = [KafkaRange(topic, partition, start, start + 5) for topic, partition, start in items]
    data = KafkaData(tuple(ranges))
    random.shuffle(ranges)
    assert KafkaData(tuple(ranges)).digest == data.digest
    assert len(data.digest) == 16
    longer = replace(ranges[0], end=ranges[0].end + 1)
    others = [
        KafkaData((longer, *ranges[1:])),
        KafkaData(tuple(ranges), cluster_id="another"),
        KafkaData(tuple(ranges), schema="another"),
        KafkaData(tuple(ranges), gaps=(ranges[0],)),
    ]
    assert len({data.digest, *(other.digest for other in others)}) == 5


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"format": "millstream.kafka/2", "topics": {}},
        {"format": "millstream.kafka/1"},
        {"format": "millstream.kafka/1", "topics": {"a": {"zero": [[0, 1]]}}},
        {"format": "millstream.kafka/1", "topics": {"a": {"0": [0, 1]}}},
        {"format": "millstream.kafka/1", "topics": {"a": [[0, 1]]}},
    ],
)
def test_other_forms_are_refused(value) -> None:
    with pytest.raises(PublicationError, match="Kafka's records: expected"):
        KafkaData.from_json(value)


def test_a_run_shows_them_as_its_input(flights: ModelRegistry) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(flights.tracking_uri)
    run = client.create_run(client.create_experiment("flights"))
    for _ in range(2):
        log_records(client, run.info.run_id, RECORDS)
    log_records(client, run.info.run_id, None)
    (found,) = client.get_run(run.info.run_id).inputs.dataset_inputs
    assert {tag.key: tag.value for tag in found.tags} == {"mlflow.data.context": "training"}
    assert (found.dataset.name, found.dataset.digest) == ("flights", RECORDS.digest)
    assert found.dataset.source_type == "kafka"
    assert json.loads(found.dataset.source) == RECORDS.to_json()
    assert json.loads(found.dataset.profile) == {"num_rows": 1136, "bad": 2}
    columns = json.loads(found.dataset.schema)["mlflow_colspec"]
    assert [(c["name"], c["type"], c["required"]) for c in columns] == [
        ("delay", "float", True),
        ("carrier", "string", False),
        ("hours", "array", True),
        ("when", "datetime", True),
        ("late", "boolean", True),
    ]


def test_what_is_too_long_for_mlflow_is_left_out() -> None:
    gaps = tuple(KafkaRange("flights", 0, start, start + 1) for start in range(0, 20_000, 2))
    long = replace(RECORDS, gaps=gaps)
    assert len(json.dumps(long.to_json())) > LONGEST_SOURCE
    source = json.loads(dataset_input(long).dataset.source)
    assert (source["topics"], source["gaps"]) == (RECORDS.to_json()["topics"], {})
    wide = tuple(KafkaRange("flights", partition, 0, 10**9) for partition in range(5000))
    assert dataset_input(KafkaData(wide)) is None
