"""Avro records for tests, as fastavro writes them."""

import io
from datetime import UTC, datetime

import fastavro

from ingest import Field, RecordBatch, Schema
from ingest.formats.avro.decoder import AvroDecoder
from ingest.ragged import Ragged

ENUM = {"type": "enum", "name": "Kind", "symbols": ["CAR", "BUS", "TRAM"]}
RECORD = {
    "type": "record",
    "name": "Trip",
    "namespace": "town",
    "fields": [
        {"name": "amount", "type": "double"},
        {"name": "count", "type": "int"},
        {"name": "member", "type": "boolean"},
        {"name": "city", "type": "string"},
        {"name": "kind", "type": ENUM},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "note", "type": ["null", "string"], "default": None},
        {"name": "other", "type": {"type": "map", "values": ["null", "long", "string"]}},
        {"name": "sizes", "type": {"type": "array", "items": "float"}},
        {
            "name": "user",
            "type": [
                "null",
                {
                    "type": "record",
                    "name": "User",
                    "fields": [{"name": "age", "type": ["null", "long"]}],
                },
            ],
        },
    ],
}
SCHEMA = Schema(
    (
        Field("amount", "float32", maximum=1e6),
        Field("count", "int32"),
        Field("member", "bool", role="label"),
        Field("city", "category", buckets=100),
        Field("kind", "category", vocabulary=("CAR", "BUS")),
        Field("at", "timestamp"),
        Field("note", "string", default="none"),
        Field("sizes", "float32", length="ragged"),
        Field("user.age", "int64", default=-1),
    )
)


def trip(**changes):
    plain = {
        "amount": 2.5,
        "count": -3,
        "member": True,
        "city": "Málaga",
        "kind": "BUS",
        "at": datetime(2024, 5, 6, 7, 8, 9, 123456, UTC),
        "note": None,
        "other": {"a": 1, "b": None, "c": "x"},
        "sizes": [1.5, -0.0],
        "user": {"age": 40},
    }
    return plain | changes


def written(value, schema=RECORD):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), value)
    return out.getvalue()


def decode(values, schema=SCHEMA, avro=RECORD, **options):
    decoder = AvroDecoder(schema, avro_schema=avro, **options)
    return decoder.decode(RecordBatch.of("t", 0, range(len(values)), values))


def one(field, avro, value, writer=None, **options):
    """The column of a record with one value; or the kind and reason for which it is bad."""
    whole = {"type": "record", "name": "R", "fields": [{"name": "x", "type": avro}]}
    inside = written({"x": value}, whole if writer is None else writer)
    more = () if field.role == "feature" else (Field("y", "bool", default=True),)
    found = decode([inside], Schema((field, *more)), whole, **options)
    if found.bad:
        return found.bad[0].kind, found.bad[0].reason
    column = found.columns["x"]
    return column.row(0).tolist() if isinstance(column, Ragged) else column[0].tolist()
