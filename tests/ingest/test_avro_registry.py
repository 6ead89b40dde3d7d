"""Avro in Confluent's frame: schemas from a registry, several of them in one topic."""

import json

import pytest

from ingest import Field, RecordBatch, Schema
from ingest.checks import check_decoder
from ingest.errors import SchemaRegistryError
from ingest.formats.avro.decoder import AvroDecoder
from ingest.formats.avro.schema import parse_registered
from ingest.formats.confluent.frame import framed
from ingest.formats.confluent.registry import RegisteredSchema, RegistrySettings, SchemaRegistry
from tests.ingest.avro_samples import written
from tests.ingest.registry_server import registry_server

FIRST = {
    "type": "record",
    "name": "Sale",
    "fields": [{"name": "price", "type": "int"}, {"name": "shop", "type": "string"}],
}
SECOND = {
    "type": "record",
    "name": "Sale",
    "fields": [
        {"name": "shop", "type": ["null", "string"], "default": None},
        {"name": "price", "type": "double"},
        {"name": "items", "type": "int", "default": 1},
    ],
}
THIRD = {
    "type": "record",
    "name": "Sale",
    "fields": [
        {"name": "amount", "type": ["double", "null"], "aliases": ["price"]},
        {"name": "items", "type": "long", "default": 1},
        {"name": "tags", "type": {"type": "array", "items": "string"}, "default": []},
        {"name": "blob", "type": "bytes", "default": "\u00ff"},
    ],
}
SCHEMA = Schema(
    (
        Field("price", "float32"),
        Field("items", "int32", default=1),
        Field("shop", "string", default="?"),
    )
)


@pytest.fixture
def server():
    with registry_server() as running:
        yield running


def decode(server, values, schema=SCHEMA, **options):
    registry = SchemaRegistry(RegistrySettings(server.url, tries=1))
    decoder = AvroDecoder(schema, registry=registry, **options)
    return decoder.decode(RecordBatch.of("t", 0, range(len(values)), values))


def sales(server):
    """Records of three versions of a schema, in turn."""
    values = []
    for n in range(9):
        avro = (FIRST, SECOND, THIRD)[n % 3]
        number = server.register("t-value", json.dumps(avro))
        value = {"price": n, "shop": f"s{n}", "items": n, "amount": n / 2, "tags": []}
        value["blob"] = b""
        fields = [field["name"] for field in avro["fields"]]
        values.append(framed(number, written({name: value[name] for name in fields}, avro)))
    return values


def test_each_record_is_read_by_the_schema_that_wrote_it(server):
    values = [value for n, value in enumerate(sales(server)) if n % 3 < 2]
    found = decode(server, values)
    assert found.bad == ()
    assert found.columns["price"].tolist() == [0, 1, 3, 4, 6, 7]
    assert found.columns["items"].tolist() == [1, 1, 1, 4, 1, 7]
    assert found.columns["shop"].texts() == [b"s0", b"s1", b"s3", b"s4", b"s6", b"s7"]
    assert server.asked == ["/schemas/ids/1", "/schemas/ids/2"]


def test_a_readers_schema_resolves_all_versions(server):
    schema = Schema(
        (
            Field("amount", "float32"),
            Field("items", "int64"),
            Field("blob", "bytes"),
            Field("tags", "category", buckets=3, length="ragged"),
        )
    )
    found = decode(server, sales(server), schema, avro_schema=THIRD)
    assert found.bad == ()
    assert found.columns["amount"].tolist() == [0, 1, 1, 3, 4, 2.5, 6, 7, 4]
    assert found.columns["items"].tolist() == [1, 1, 2, 1, 4, 5, 1, 7, 8]
    assert found.columns["blob"].texts() == [b"\xff", b"\xff", b""] * 3
    assert found.columns["tags"].lengths.tolist() == [0] * 9


def test_what_the_readers_schema_cannot_take(server):
    reader = {"type": "record", "name": "Sale", "fields": [{"name": "tip", "type": "int"}]}
    found = decode(server, sales(server), Schema((Field("tip", "int32"),)), avro_schema=reader)
    assert {bad.kind for bad in found.bad} == {"wrong_type"}
    assert len(found.bad) == 9
    assert "cannot be read with the reader's schema: No default value for field tip" in (
        found.bad[0].reason
    )


def test_a_moment_keeps_the_writers_unit(server):
    def sale(logical, **more):
        kind = {"type": "long", "logicalType": logical}
        return {"type": "record", "name": "Sale", "fields": [{"name": "at", "type": kind, **more}]}

    writer = sale("timestamp-micros")
    reader = sale("timestamp-millis")
    reader["fields"][0] |= {"name": "moment", "aliases": ["at"]}
    number = server.register("t-value", json.dumps(writer))
    plain = {"type": "record", "name": "Sale", "fields": [{"name": "at", "type": "long"}]}
    value = framed(number, written({"at": 5_000_999}, plain))
    assert decode(server, [value], Schema((Field("at", "timestamp"),))).columns["at"].tolist() == [
        5000
    ]
    found = decode(server, [value], Schema((Field("moment", "timestamp"),)), avro_schema=reader)
    assert found.columns["moment"].tolist() == [5000]


def test_schemas_that_refer_to_others(server):
    city = {"type": "record", "name": "geo.City", "fields": [{"name": "lat", "type": "double"}]}
    user = {"type": "record", "name": "User", "fields": [{"name": "home", "type": "geo.City"}]}
    trip = {
        "type": "record",
        "name": "Trip",
        "fields": [{"name": "user", "type": "User"}, {"name": "to", "type": "geo.City"}],
    }
    to_city = {"name": "geo.City", "subject": "city", "version": 1}
    server.register("city", json.dumps(city))
    server.register("user", json.dumps(user), references=(to_city,))
    both = ({"name": "User", "subject": "user", "version": 1}, to_city)
    number = server.register("trip", json.dumps(trip), references=both)
    whole = {
        **trip,
        "fields": [
            {"name": "user", "type": {**user, "fields": [{"name": "home", "type": city}]}},
            trip["fields"][1],
        ],
    }
    value = written({"user": {"home": {"lat": 1.5}}, "to": {"lat": 2.5}}, whole)
    schema = Schema((Field("user.home.lat", "float64"), Field("to.lat", "float32")))
    for options in ({}, {"avro_schema": whole}):
        found = decode(server, [framed(number, value)], schema, **options)
        assert found.bad == ()
        assert found.columns["user.home.lat"].tolist() == [1.5]
        assert found.columns["to.lat"].tolist() == [2.5]


@pytest.mark.parametrize(
    ("kind", "text", "says"),
    [
        ("PROTOBUF", "AAAA", "no Avro schema: it is of the kind PROTOBUF"),
        ("AVRO", "{", "no Avro schema: JSONDecodeError"),
        ("AVRO", '"ghost"', "no Avro schema: UnknownType"),
        ("AVRO", '{"type": "enum"}', "no Avro schema"),
        ("AVRO", "[" * 100_000, "no Avro schema"),
        ("AVRO", '{"type":"array","items":' * 300 + '"int"' + "}" * 300, "nested deeper than 200"),
    ],
)
def test_schemas_that_are_no_avro(server, kind, text, says):
    number = server.register("t-value", text, kind)
    found = decode(server, [framed(number, b"\0")])
    assert [bad.kind for bad in found.bad] == ["unknown_schema"]
    assert says in found.bad[0].reason


def test_sizes_and_depths_that_are_no_avro_either(server):
    huge = {"type": "fixed", "name": "F", "size": 2**31}
    whole = {"type": "record", "name": "R", "fields": [{"name": "x", "type": huge}]}
    numbers = [server.register("huge", json.dumps(whole))]
    for n in range(250):
        link = ({"name": f"R{n - 1}", "subject": f"r{n - 1}", "version": 1},) if n else ()
        below = {"name": "n", "type": ["null", f"R{n - 1}"] if n else "int"}
        text = json.dumps({"type": "record", "name": f"R{n}", "fields": [below]})
        numbers[1:] = [server.register(f"r{n}", text, references=link)]
    found = decode(server, [framed(number, b"\0") for number in numbers])
    assert [bad.kind for bad in found.bad] == ["unknown_schema"] * 2
    assert "no Avro schema: a fixed has a size from 0" in found.bad[0].reason
    assert "no Avro schema: its names lead too deep" in found.bad[1].reason


def test_references_by_many_ways_are_walked_once():
    part = RegisteredSchema("AVRO", '{"type": "fixed", "name": "R0", "size": 2}')
    for n in range(1, 60):
        fields = [{"name": "x", "type": f"R{n - 1}"}, {"name": "y", "type": f"R{n - 1}"}]
        text = json.dumps({"type": "record", "name": f"R{n}", "fields": fields})
        part = RegisteredSchema("AVRO", text, (("a", part), ("b", part)))
    assert len(parse_registered(part).full_names) == 60


def test_the_contract_of_decoders(server):
    values = [
        *sales(server),
        None,
        b"",
        b"{}",
        framed(77, b"\2"),
        framed(1, b"\2"),
        framed(2, b"\0" * 10),
    ]
    registry = SchemaRegistry(RegistrySettings(server.url))
    kinds = check_decoder(lambda: AvroDecoder(SCHEMA, registry=registry), values)
    assert kinds == {
        2: "missing_field",
        5: "missing_field",
        8: "missing_field",
        9: "null_value",
        10: "not_framed",
        11: "not_framed",
        12: "unknown_schema",
        13: "malformed",
    }


def test_a_registry_that_is_down_makes_no_record_bad(server):
    values = sales(server)
    registry = SchemaRegistry(RegistrySettings(server.url, tries=1))
    decoder = AvroDecoder(SCHEMA, registry=registry)
    batch = RecordBatch.of("t", 0, range(2), values[:2])
    server.troubles += [(503, b"")]
    with pytest.raises(SchemaRegistryError, match="503"):
        decoder.decode(batch)
    assert len(decoder.decode(batch).good) == 2
