"""The same records in every format, each written by the format's own library."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

WIDTH = 4
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Record = dict[str, Any]

AVRO = {
    "type": "record",
    "name": "Event",
    "fields": [
        {"name": "shape", "type": {"type": "array", "items": "float"}},
        {"name": "kind", "type": "string"},
        {"name": "when", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "count", "type": ["null", "int"]},
        {"name": "y", "type": "boolean"},
    ],
}
STRUCT = [["shape", "<f4", WIDTH], ["kind", "S4"], ["when", "<i8"], ["count", "<i4"], ["y", "?"]]


@dataclass(frozen=True)
class Format:
    """How a format is configured and written.

    Attributes:
        section: of millstream.toml; `{url}` stands for the schema registry's address.
        encode: one record as bytes.
        broken: a value that is none.
    """

    section: str
    encode: Callable[[Record], bytes]
    broken: bytes


def make_records(count: int, seed: int) -> list[Record]:
    """Records that can be learned; `count` is missing here and there."""
    random = np.random.default_rng(seed)
    shape = random.normal(size=(count, WIDTH)).astype(np.float32)
    kind = random.choice(["p", "q", "r", "s"], count)
    hour = random.integers(0, 24, count)
    number = random.integers(0, 9, count)
    y = shape.sum(axis=1) + (kind == "p") + 0.1 * (hour - 12) + 0.1 * number > 0
    return [
        {
            "shape": shape[i].tolist(),
            "kind": str(kind[i]),
            "when": EPOCH + timedelta(days=20_000 + i, hours=int(hour[i])),
            "count": None if i % 7 == 0 else int(number[i]),
            "y": bool(y[i]),
        }
        for i in range(count)
    ]


def make_formats(folder: Path, avro_id: int, proto_id: int) -> dict[str, Format]:
    """All formats; their files are written into the folder.

    Args:
        folder: of the project.
        avro_id: of `AVRO` in the schema registry.
        proto_id: of the Protobuf description there.
    """
    frame = b"\x00" + avro_id.to_bytes(4, "big")
    proto_frame = b"\x00" + proto_id.to_bytes(4, "big") + b"\x00"  # the file's first message
    (folder / "event.avsc").write_text(json.dumps(AVRO))
    (folder / "event.desc").write_bytes(describe_event().SerializeToString())
    event = event_maker()
    access = 'framing = "confluent"\nschema_registry = { url = "{url}", auth = "${REGISTRY_AUTH}" }'
    return {
        "json": Format('kind = "json"', encode_json, b"{"),
        "json-confluent": Format(
            'kind = "json"\nframing = "confluent"', lambda r: frame + encode_json(r), b"{}"
        ),
        "avro": Format('kind = "avro"\navro_schema = "event.avsc"', encode_avro, b"\x01"),
        "avro-confluent": Format(
            f'kind = "avro"\n{access}', lambda r: frame + encode_avro(r), frame + b"\x01"
        ),
        "example": Format('kind = "example"', encode_example, b"\x0a\xff"),
        "protobuf": Format(
            'kind = "protobuf"\ndescriptor = "event.desc"\nmessage = "shop.Event"',
            lambda r: event(r).SerializeToString(),
            b"\x0a\xff",
        ),
        "protobuf-confluent": Format(
            f'kind = "protobuf"\nmessage = "shop.Event"\n{access}',
            lambda r: proto_frame + event(r).SerializeToString(),
            proto_frame + b"\x0a\xff",
        ),
        "struct": Format(
            f'kind = "struct"\nfields = {json.dumps(STRUCT)}', encode_struct, b"short"
        ),
    }


def milliseconds(record: Record) -> int:
    """Of the record's moment."""
    return (record["when"] - EPOCH) // timedelta(milliseconds=1)


def encode_json(record: Record) -> bytes:
    """As JSON; what is missing is left out."""
    plain = {name: value for name, value in record.items() if value is not None}
    return json.dumps(plain | {"when": record["when"].isoformat()}).encode()


def encode_avro(record: Record) -> bytes:
    """As Avro, by fastavro."""
    import fastavro

    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(AVRO), record)
    return out.getvalue()


def encode_example(record: Record) -> bytes:
    """As a tf.train.Example, by TensorFlow; what is missing is left out."""
    from tensorflow.train import BytesList, Example, Feature, Features, FloatList, Int64List

    features = {
        "shape": Feature(float_list=FloatList(value=record["shape"])),
        "kind": Feature(bytes_list=BytesList(value=[record["kind"].encode()])),
        "when": Feature(int64_list=Int64List(value=[milliseconds(record)])),
        "y": Feature(int64_list=Int64List(value=[int(record["y"])])),
    }
    if record["count"] is not None:
        features["count"] = Feature(int64_list=Int64List(value=[record["count"]]))
    return Example(features=Features(feature=features)).SerializeToString()


def describe_event() -> Any:
    """The Protobuf description of the records, as protoc would write it."""
    from google.protobuf import descriptor_pb2, timestamp_pb2

    files = descriptor_pb2.FileDescriptorSet()
    timestamp_pb2.DESCRIPTOR.CopyToProto(files.file.add())
    file = files.file.add(name="event.proto", package="shop", syntax="proto3")
    file.dependency.append("google/protobuf/timestamp.proto")
    message = file.message_type.add(name="Event")
    message.oneof_decl.add(name="_count")
    message.field.add(name="shape", number=1, type=2, label=3)
    message.field.add(name="kind", number=2, type=9, label=1)
    moment = ".google.protobuf.Timestamp"
    message.field.add(name="when", number=3, type=11, label=1, type_name=moment)
    message.field.add(name="count", number=4, type=5, label=1, oneof_index=0, proto3_optional=True)
    message.field.add(name="y", number=5, type=8, label=1)
    return files


def event_maker() -> Callable[[Record], Any]:
    """Makes Protobuf messages of records."""
    from google.protobuf import message_factory

    kinds = message_factory.GetMessages(list(describe_event().file))

    def make(record: Record) -> Any:
        plain = {n: record[n] for n in ("shape", "kind", "y", "count") if record[n] is not None}
        message = kinds["shop.Event"](**plain)
        message.when.FromDatetime(record["when"])
        return message

    return make


def encode_struct(record: Record) -> bytes:
    """As numpy keeps it; a struct has no way to leave a number out."""
    dtype = np.dtype([(name, kind, *shape) for name, kind, *shape in STRUCT])
    row = (record["shape"], record["kind"], milliseconds(record), record["count"] or 0, record["y"])
    return np.array([row], dtype).tobytes()


def columns_of(records: Sequence[Record]) -> dict[str, Any]:
    """The features of records as an application would have them."""
    return {
        name: [record[name] for record in records] for name in ("shape", "kind", "when", "count")
    }
