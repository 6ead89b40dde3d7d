"""`tf.train.Example` through protobuf, one record at a time, without importing TensorFlow.

The messages are those of tensorflow/core/example/feature.proto and example.proto, in a descriptor
pool of our own, so that they never clash with TensorFlow's.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from ingest.field import Field
from ingest.formats.values import (
    MISSING,
    BadValueError,
    check_value,
    place_of,
    shown_bytes,
)

__all__ = ["KINDS", "read_example"]

KINDS = {
    "float32": "float_list",
    "float64": "float_list",
    "int32": "int64_list",
    "int64": "int64_list",
    "bool": "int64_list",
    "timestamp": "int64_list",
    "category": "bytes_list",
    "string": "bytes_list",
    "bytes": "bytes_list",
}
LISTS = {"BytesList": "TYPE_BYTES", "FloatList": "TYPE_FLOAT", "Int64List": "TYPE_INT64"}


def read_example(fields: tuple[Field, ...], raw: bytes) -> list[Any]:
    """The checked values of the fields in a record, in their order.

    Raises:
        BadValueError: it is no Example, or a field is missing or bad.
    """
    from google.protobuf.message import DecodeError

    try:
        features = _example_class().FromString(raw).features.feature
    except DecodeError as error:
        first = (str(error).splitlines() or [""])[0][:100]
        reason = f"not a tf.train.Example: {first}; got {shown_bytes(raw)}"
        raise BadValueError("malformed", reason) from error
    return [
        check_value(f, _value(f, features[f.name]) if f.name in features else MISSING)
        for f in fields
    ]


def _value(field: Field, feature: Any) -> object:
    kind, wanted = feature.WhichOneof("kind"), KINDS[field.dtype]
    if kind is None:
        return MISSING
    if kind != wanted:
        reason = f'field "{field.name}": expected a {wanted}, got a {kind} ({place_of(field)})'
        raise BadValueError("wrong_type", reason)
    values = list(getattr(feature, kind).value)
    if field.dtype == "bool":
        values = [bool(value) if value in (0, 1) else value for value in values]
    elif field.dtype in ("category", "string"):
        values = [_text(value) for value in values]
    if field.length is not None:
        return values
    if len(values) != 1:
        reason = f'field "{field.name}": expected 1 value, got {len(values)} ({place_of(field)})'
        raise BadValueError("wrong_length", reason)
    return values[0]


def _text(value: bytes) -> str | bytes:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


@cache
def _example_class() -> Any:
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file: Any = descriptor_pb2.FileDescriptorProto(
        name="example.proto", package="tensorflow", syntax="proto3"
    )
    for name, kind in LISTS.items():
        _add(file.message_type.add(name=name), "value", 1, kind, repeated=True)
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, name in enumerate(("bytes_list", "float_list", "int64_list"), 1):
        member = _add(feature, name, number, f".tensorflow.{list(LISTS)[number - 1]}")
        member.oneof_index = 0
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    _add(entry, "key", 1, "TYPE_STRING")
    _add(entry, "value", 2, ".tensorflow.Feature")
    _add(features, "feature", 1, ".tensorflow.Features.FeatureEntry", repeated=True)
    _add(file.message_type.add(name="Example"), "features", 1, ".tensorflow.Features")
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    make: Callable[[Any], Any] = message_factory.GetMessageClass
    return make(pool.FindMessageTypeByName("tensorflow.Example"))


def _add(message: Any, name: str, number: int, kind: str, repeated: bool = False) -> Any:
    from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Member

    label = Member.LABEL_REPEATED if repeated else Member.LABEL_OPTIONAL
    member = message.field.add(name=name, number=number, label=label)
    if kind.startswith("."):
        member.type, member.type_name = Member.TYPE_MESSAGE, kind
    else:
        member.type = getattr(Member, kind)
    return member
