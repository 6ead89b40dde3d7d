"""Protobuf messages for tests, described as protoc would and written by protobuf itself."""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, message_factory, timestamp_pb2, wrappers_pb2

from ingest import Field, RecordBatch, Schema
from ingest.formats.protobuf.decoder import ProtobufDecoder
from ingest.formats.protobuf.schema import find_message, load_descriptor

PRIMITIVES = (
    *("double", "float", "int32", "int64", "uint32", "uint64", "sint32", "sint64"),
    *("fixed32", "fixed64", "sfixed32", "sfixed64", "bool", "string", "bytes"),
)
TYPES = {
    name: getattr(descriptor_pb2.FieldDescriptorProto, f"TYPE_{name.upper()}")
    for name in PRIMITIVES
}
MESSAGE, ENUM = 11, 14
FIELDS = [
    ("amount", "double"),
    ("count", "int32"),
    ("member", "bool"),
    ("city", "string"),
    ("kind", ".town.Kind"),
    ("at", ".google.protobuf.Timestamp"),
    ("note", "optional string"),
    ("sizes", "repeated float"),
    ("user", ".town.Trip.User"),
    ("tip", ".google.protobuf.DoubleValue"),
    ("photo", "bytes"),
    ("tags", "repeated string"),
    ("extra", "uint64"),
]
SCHEMA = Schema(
    (
        Field("amount", "float32", maximum=1e6),
        Field("count", "int32"),
        Field("member", "bool", role="label"),
        Field("city", "category", buckets=100),
        Field("kind", "category", vocabulary=("CAR", "BUS")),
        Field("at", "timestamp", default=0),
        Field("note", "string", default="none"),
        Field("sizes", "float32", length="ragged"),
        Field("user.age", "int64", default=-1),
        Field("tip", "float64", default=0.5),
        Field("photo", "bytes"),
        Field("tags", "category", buckets=9, length="ragged"),
        Field("extra", "int64"),
    )
)


def add_fields(message: Any, fields: list[tuple[str, str]]) -> None:
    """Add fields such as ("sizes", "repeated float") to a DescriptorProto."""
    for number, (name, text) in enumerate(fields, 1):
        *label, kind = text.split()
        field = message.field.add(name=name, number=number, label=3 if "repeated" in label else 1)
        if kind in TYPES:
            field.type = TYPES[kind]
        else:
            field.type = ENUM if kind == ".town.Kind" else MESSAGE
            field.type_name = kind
        if "optional" in label:
            field.proto3_optional = True
            field.oneof_index = len(message.oneof_decl)
            message.oneof_decl.add(name=f"_{name}")


def town_file(fields: list[tuple[str, str]] | None = None) -> Any:
    """The description of town.proto: messages Stop, Trip (with User in it) and an enum."""
    file = descriptor_pb2.FileDescriptorProto(name="town.proto", package="town", syntax="proto3")
    file.dependency.extend(["google/protobuf/timestamp.proto", "google/protobuf/wrappers.proto"])
    add_fields(file.message_type.add(name="Stop"), [("name", "string")])
    trip = file.message_type.add(name="Trip")
    add_fields(trip.nested_type.add(name="Seat"), [("row", "int32")])
    add_fields(trip.nested_type.add(name="User"), [("age", "int64")])
    add_fields(trip, FIELDS if fields is None else fields)
    kind = file.enum_type.add(name="Kind")
    for number, name in ((0, "CAR"), (2, "BUS"), (5, "TRAM")):
        kind.value.add(name=name, number=number)
    return file


def descriptor_set(file: Any | None = None) -> bytes:
    """What protoc --descriptor_set_out --include_imports would write."""
    files = descriptor_pb2.FileDescriptorSet()
    for module in (timestamp_pb2, wrappers_pb2):
        module.DESCRIPTOR.CopyToProto(files.file.add())
    files.file.add().CopyFrom(file or town_file())
    return files.SerializeToString()


def message_class(name: str, file: Any | None = None) -> Any:
    """A message's class."""
    pool = load_descriptor(descriptor_set(file))
    return message_factory.GetMessageClass(find_message(pool, name))


TRIP = message_class("town.Trip")


def trip(**changes: Any) -> bytes:
    """A trip, written; None leaves a field out."""
    plain = {"amount": 2.5, "count": -3, "member": True, "city": "Málaga", "kind": "BUS"}
    plain |= {"at": {"seconds": 1714979289, "nanos": 123456789}, "sizes": [1.5, -0.0]}
    plain |= {"user": {"age": 40}, "photo": b"\0\xff", "tags": ["a", "b"], "extra": 7}
    given = {name: value for name, value in (plain | changes).items() if value is not None}
    return bytes(TRIP(**given).SerializeToString())


def decode(values: list[bytes | None], schema: Schema = SCHEMA, **options: Any) -> Any:
    """Decode messages of town.Trip."""
    options = {"message": "town.Trip", "descriptor": descriptor_set(), **options}
    decoder = ProtobufDecoder(schema, **options)
    return decoder.decode(RecordBatch.of("t", 0, range(len(values)), values))
