"""Records as Confluent's own serializers write them, through a real broker.

The registry is the one of `registry_server`, and franz-go's where SRFAKE names the program that
`make test-srfake` builds from tests/srfake.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from ingest import Field, JsonDecoder, Schema
from ingest.formats.avro.decoder import AvroDecoder
from ingest.formats.confluent.frame import Unframed
from ingest.formats.confluent.registry import RegistrySettings, SchemaRegistry
from ingest.formats.protobuf.decoder import ProtobufDecoder
from tests.ingest.broker import opened
from tests.ingest.protobuf_samples import TRIP, add_fields, descriptor_set, message_class, town_file
from tests.ingest.registry_server import registry_server

BY_TOPIC = {"subject.name.strategy.type": "TOPIC"}
SALE = {"type": "record", "name": "Sale", "namespace": "shop"}
VERSIONS = [
    [{"name": "price", "type": "int"}, {"name": "shop", "type": "string"}],
    [
        {"name": "shop", "type": ["null", "string"], "default": None},
        {"name": "price", "type": "double"},
        {"name": "items", "type": "int", "default": 1},
    ],
    [
        {"name": "price", "type": "double"},
        {"name": "items", "type": "long", "default": 1},
        {"name": "tags", "type": {"type": "array", "items": "string"}, "default": []},
        {"name": "shop", "type": ["string", "null"], "default": "?"},
    ],
]


@pytest.fixture(params=["server", "srfake"])
def registry_url(request) -> Iterator[str]:
    """The address of a registry without schemas."""
    if request.param == "server":
        with registry_server() as running:
            yield running.url
        return
    program = os.environ.get("SRFAKE")
    if not program:
        pytest.skip("SRFAKE names no program; `make test-srfake` builds and runs it, with Go")
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        yield running.stdout.readline().decode().strip()
        running.stdin.close()


def write(kafka, topic, pairs):
    """Write records: (serializer, value) each."""
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers})
    context = SerializationContext(topic, MessageField.VALUE)
    for serialize, value in pairs:
        producer.produce(topic, serialize(value, context), partition=0)
    assert producer.flush(60) == 0


def read(kafka, topic, decoder):
    """The only batch of a topic, decoded."""
    with opened(topic, kafka.bootstrap_servers) as source:
        end = source.end()
        batches = []
        while (source.position().get(topic, 0) or 0) < end.get(topic, 0):
            batches += source.poll(0.5)
    found = [decoder.decode(batch) for batch in batches]
    assert len(found) == 1
    return found[0]


def registry_of(url):
    return SchemaRegistry(RegistrySettings(url))


def test_avro_of_three_versions(kafka, topic, registry_url):
    with SchemaRegistryClient({"url": registry_url}) as client:
        schemas = [json.dumps({**SALE, "fields": fields}) for fields in VERSIONS]
        serializers = [AvroSerializer(client, text, conf=BY_TOPIC) for text in schemas]
        sales = [{"price": n, "shop": f"s{n}", "items": n, "tags": ["a"] * n} for n in range(9)]
        write(kafka, topic, [(serializers[n % 3], sale) for n, sale in enumerate(sales)])
        assert client.get_versions(f"{topic}-value") == [1, 2, 3]
    schema = Schema(
        (
            Field("price", "float32"),
            Field("items", "int32", default=1),
            Field("shop", "category", vocabulary=tuple(f"s{n}" for n in range(9))),
        )
    )
    for options in ({}, {"avro_schema": schemas[2]}):
        found = read(
            kafka, topic, AvroDecoder(schema, registry=registry_of(registry_url), **options)
        )
        assert found.bad == ()
        assert found.columns["price"].tolist() == list(range(9))
        assert found.columns["items"].tolist() == [1, 1, 2, 1, 4, 5, 1, 7, 8]
        assert found.columns["shop"].tolist() == list(range(1, 10))


def test_avro_schemas_that_refer_to_others(kafka, topic, registry_url):
    from confluent_kafka.schema_registry import Schema as Registered
    from confluent_kafka.schema_registry import SchemaReference

    city = {"type": "record", "name": "geo.City", "fields": [{"name": "lat", "type": "double"}]}
    home = {**SALE, "fields": [{"name": "city", "type": "geo.City"}]}
    with SchemaRegistryClient({"url": registry_url}) as client:
        client.register_schema("city", Registered(json.dumps(city), "AVRO"))
        refers = [SchemaReference("geo.City", "city", 1)]
        whole = Registered(json.dumps(home), "AVRO", refers)
        write(
            kafka, topic, [(AvroSerializer(client, whole, conf=BY_TOPIC), {"city": {"lat": 1.5}})]
        )
    decoder = AvroDecoder(
        Schema((Field("city.lat", "float64"),)), registry=registry_of(registry_url)
    )
    assert read(kafka, topic, decoder).columns["city.lat"].tolist() == [1.5]


def test_protobuf(kafka, topic, registry_url):
    user = message_class("town.Trip.User")
    with SchemaRegistryClient({"url": registry_url}) as client:
        trips = ProtobufSerializer(TRIP, client, BY_TOPIC)
        users = ProtobufSerializer(user, client, BY_TOPIC)
        pairs = [(trips, TRIP(amount=n, kind="BUS", user={"age": n})) for n in range(3)]
        write(kafka, topic, [*pairs, (users, user(age=7))])
    schema = Schema(
        (Field("amount", "float32"), Field("user.age", "int64"), Field("kind", "string"))
    )
    for options in (
        {"registry": registry_of(registry_url)},
        {"descriptor": descriptor_set(), "framed": True},
    ):
        found = read(kafka, topic, ProtobufDecoder(schema, message="town.Trip", **options))
        assert found.columns["amount"].tolist() == [0, 1, 2]
        assert found.columns["user.age"].tolist() == [0, 1, 2]
        assert found.columns["kind"].texts() == [b"BUS"] * 3
        assert [(bad.index, bad.kind) for bad in found.bad] == [(3, "wrong_type")]
        assert "[1, 1]" in found.bad[0].reason
    found = read(
        kafka,
        topic,
        ProtobufDecoder(
            Schema((Field("age", "int64"),)),
            message="town.Trip.User",
            registry=registry_of(registry_url),
        ),
    )
    assert found.columns["age"].tolist() == [7]


def test_protobuf_files_that_import_others(kafka, topic, registry_url):
    from google.protobuf import descriptor_pb2, message_factory

    from ingest.formats.protobuf.schema import load_descriptor

    ride = descriptor_pb2.FileDescriptorProto(name="ride.proto", package="ride", syntax="proto3")
    ride.dependency.append("town.proto")
    add_fields(ride.message_type.add(name="Ride"), [("trip", ".town.Trip"), ("cost", "float")])
    files = descriptor_pb2.FileDescriptorSet.FromString(descriptor_set())
    files.file.add().CopyFrom(ride)
    pool = load_descriptor(files.SerializeToString())
    made = message_factory.GetMessageClass(pool.FindMessageTypeByName("ride.Ride"))
    with SchemaRegistryClient({"url": registry_url}) as client:
        value = made(cost=1.5, trip={"count": 4})
        write(kafka, topic, [(ProtobufSerializer(made, client, BY_TOPIC), value)])
    decoder = ProtobufDecoder(
        Schema((Field("trip.count", "int32"), Field("cost", "float32"))),
        message="ride.Ride",
        registry=registry_of(registry_url),
    )
    found = read(kafka, topic, decoder)
    assert found.columns["trip.count"].tolist() == [4]
    assert found.columns["cost"].tolist() == [1.5]


def test_protobuf_of_two_versions(kafka, topic, registry_url):
    older = message_class("town.Trip", town_file([("amount", "double")]))
    with SchemaRegistryClient({"url": registry_url}) as client:
        pairs = [(ProtobufSerializer(made, client, BY_TOPIC), made) for made in (older, TRIP)]
        write(kafka, topic, [(serialize, made(amount=2)) for serialize, made in pairs])
    decoder = ProtobufDecoder(
        Schema((Field("amount", "float32"), Field("note", "string", default="none"))),
        message="town.Trip",
        registry=registry_of(registry_url),
    )
    found = read(kafka, topic, decoder)
    assert found.columns["amount"].tolist() == [2, 2]
    assert found.columns["note"].texts() == [b"none"] * 2


def test_json(kafka, topic, registry_url):
    described = {
        "title": "Sale",
        "type": "object",
        "properties": {"price": {"type": "number"}, "shop": {"type": "string"}},
    }
    with SchemaRegistryClient({"url": registry_url}) as client:
        serialize = JSONSerializer(json.dumps(described), client, conf=BY_TOPIC)
        write(kafka, topic, [(serialize, {"price": n / 2, "shop": "é"}) for n in range(3)])
    schema = Schema((Field("price", "float64"), Field("shop", "string")))
    found = read(kafka, topic, Unframed(JsonDecoder(schema)))
    assert found.bad == ()
    assert found.columns["price"].tolist() == [0, 0.5, 1.0]
    assert found.columns["shop"].texts() == ["é".encode()] * 3
