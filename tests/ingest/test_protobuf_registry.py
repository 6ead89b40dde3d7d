"""Protobuf by a registry: what it answers, and whose fault that is."""

import base64

import pytest
from google.protobuf import descriptor_pb2

from ingest import Field, RecordBatch, Schema
from ingest.checks import check_decoder
from ingest.errors import SchemaRegistryError
from ingest.formats.confluent.frame import framed
from ingest.formats.confluent.registry import RegisteredSchema, RegistrySettings, SchemaRegistry
from ingest.formats.protobuf.decoder import ProtobufDecoder
from ingest.formats.protobuf.known import known_file
from ingest.formats.protobuf.schema import ProtobufSchemaError, load_registered
from tests.ingest.protobuf_samples import town_file, trip
from tests.ingest.registry_server import registry_server

SCHEMA = Schema((Field("amount", "float32"),))


@pytest.fixture
def server():
    with registry_server() as running:
        yield running


def decoder(server, message="town.Trip"):
    registry = SchemaRegistry(RegistrySettings(server.url, tries=1))
    return ProtobufDecoder(SCHEMA, message=message, registry=registry)


def decode(server, values, message="town.Trip"):
    batch = RecordBatch.of("t", 0, range(len(values)), values)
    return decoder(server, message).decode(batch)


def encoded(file):
    return base64.b64encode(file.SerializeToString()).decode()


def test_the_descriptor_of_each_version_is_asked_for_once(server):
    first = server.register("t-value", encoded(town_file()), "PROTOBUF")
    wider = town_file([("amount", "float"), ("other", "int32")])
    second = server.register("t-value", encoded(wider), "PROTOBUF")
    narrow = b"\x02\x02" + b"\x0d\0\0\x80\x3f"
    found = decode(server, [framed(first, b"\x02\x02" + trip()), framed(second, narrow)] * 3)
    assert found.columns["amount"].tolist() == [2.5, 1.0] * 3
    assert server.asked == [f"/schemas/ids/{n}?format=serialized" for n in (first, second)]


def test_messages_of_other_types_are_bad(server):
    number = server.register("t-value", encoded(town_file()), "PROTOBUF")
    found = decode(server, [framed(number, b"\0"), framed(number, b"\x02\x08"), framed(9, b"\0")])
    assert [(bad.kind, bad.reason) for bad in found.bad] == [
        ("wrong_type", "schema 1: expected town.Trip, and message [0] is town.Stop"),
        ("wrong_type", "schema 1: expected town.Trip, and message [4] is none"),
        ("unknown_schema", f"schema 9: the registry {server.url} does not know it"),
    ]


def test_what_records_say_is_not_remembered(server):
    number = server.register("t-value", encoded(town_file()), "PROTOBUF")
    values = [framed(number, bytes([2, 0x80 | n % 64 << 1, n // 64])) for n in range(64, 4000)]
    found = decoder(server)
    batch = RecordBatch.of("t", 0, range(len(values)), values)
    assert {bad.kind for bad in found.decode(batch).bad} == {"wrong_type"}
    assert len(found._files) == 1


def test_schemas_that_are_no_protobuf(server):
    broken = town_file()
    broken.dependency.append("ghost.proto")
    twice = descriptor_pb2.FileDescriptorProto(name="a.proto", syntax="proto3")
    twice.message_type.add(name="A")
    twice.message_type.add(name="A")
    rings = descriptor_pb2.FileDescriptorProto(name="record.proto", dependency=["record.proto"])
    numbers = [
        server.register("t-value", '"long"', "AVRO"),
        server.register("t-value", encoded(broken), "PROTOBUF"),
        server.register("t-value", encoded(twice), "PROTOBUF"),
        server.register("t-value", base64.b64encode(b"\xff\xff").decode(), "PROTOBUF"),
        server.register("t-value", encoded(rings), "PROTOBUF"),
    ]
    found = decode(server, [framed(number, b"\0") for number in numbers])
    assert [bad.kind for bad in found.bad] == ["unknown_schema"] * 5
    for bad, says in zip(
        found.bad, ["of the kind AVRO", "ghost.proto", "", "", "imports itself"], strict=True
    ):
        assert "no Protobuf descriptor: " in bad.reason
        assert says in bad.reason


def test_a_registry_that_writes_only_texts(server):
    body = b'{"schemaType": "PROTOBUF", "schema": "syntax = \\"proto3\\";"}'
    other = b'{"schemaType": "PROTOBUF", "schema": "// \\u00e9t\\u00e9"}'
    server.troubles += [(200, body), (200, other), (501, b"{}")]
    for says in ("not write descriptors", "not write descriptors", "not write schemas in that"):
        with pytest.raises(SchemaRegistryError, match=f"does {says}.*; give format.descriptor"):
            decode(server, [framed(1, b"\0")])


def test_imports_by_many_ways_are_walked_once():
    part = RegisteredSchema("PROTOBUF", encoded(one_message("m0.proto", "M0")))
    for n in range(1, 60):
        file = one_message(f"m{n}.proto", f"M{n}", f"m{n - 1}.proto")
        below = (f"m{n - 1}.proto", part)
        part = RegisteredSchema("PROTOBUF", encoded(file), (below, below))
    assert list(load_registered(part).message_types_by_name) == ["M59"]


KNOWN = {
    "google/protobuf/api.proto": "google.protobuf.Api",
    "google/protobuf/type.proto": "google.protobuf.Type",
    "google/protobuf/source_context.proto": "google.protobuf.SourceContext",
    "google/type/money.proto": "google.type.Money",
    "google/type/datetime.proto": "google.type.DateTime",
    "confluent/meta.proto": "confluent.Meta",
    "confluent/type/decimal.proto": "confluent.type.Decimal",
    "confluent/type/variant.proto": "confluent.type.Variant",
    "confluent/types/decimal.proto": "confluent.type.Decimal",
}


@pytest.mark.parametrize("name", KNOWN)
def test_imports_that_registries_leave_out(name):
    file = one_message("a.proto", "A", name)
    file.message_type[0].field.add(
        name="x", number=1, type=11, label=1, type_name="." + KNOWN[name]
    )
    found = load_registered(RegisteredSchema("PROTOBUF", encoded(file)))
    assert found.message_types_by_name["A"].fields[0].message_type.full_name == KNOWN[name]


@pytest.mark.parametrize("name", ["google/type/ghost.proto", "google/../x.proto", "confluent/a"])
def test_imports_that_nobody_knows(name):
    part = RegisteredSchema("PROTOBUF", encoded(one_message("a.proto", "A", name)))
    with pytest.raises(ProtobufSchemaError, match=f"the import {name} is not there"):
        load_registered(part)


def test_confluents_decimal_is_that_of_its_client():
    from confluent_kafka.schema_registry.confluent.type import decimal_pb2

    mine, theirs = known_file("confluent/type/decimal.proto"), descriptor_pb2.FileDescriptorProto()
    decimal_pb2.DESCRIPTOR.CopyToProto(theirs)
    fields = [
        [(f.name, f.number, f.type) for f in one.message_type[0].field] for one in (mine, theirs)
    ]
    assert fields[0] == fields[1]


def one_message(name, message, *imports):
    file = descriptor_pb2.FileDescriptorProto(name=name, syntax="proto3", dependency=imports)
    file.message_type.add(name=message)
    return file


def test_the_contract_of_decoders(server):
    number = server.register("t-value", encoded(town_file()), "PROTOBUF")
    values = [framed(number, b"\x02\x02" + trip(amount=n)) for n in range(3)]
    values += [None, b"", framed(number, b"\0"), framed(77, b"\0"), framed(number, b"\x02\x02\xff")]
    assert check_decoder(lambda: decoder(server), values) == {
        3: "null_value",
        4: "not_framed",
        5: "wrong_type",
        6: "unknown_schema",
        7: "malformed",
    }
