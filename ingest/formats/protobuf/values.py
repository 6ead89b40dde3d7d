"""What a field takes from a Protobuf message, as `values.check_value` wants it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

from ingest.field import Field
from ingest.formats.values import MISSING

__all__ = ["ENUM", "MESSAGE", "TIMESTAMP", "WRAPPERS", "getter", "is_repeated"]

MESSAGE, ENUM = 11, 14
GROUP = 10
WRAPPERS = frozenset(
    f"google.protobuf.{name}Value"
    for name in ["Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes"]
)
TIMESTAMP = "google.protobuf.Timestamp"

Get = Callable[[Any], object]


def getter(field: Field, message: Any) -> Get:
    """What takes a field's value from a message of a type.

    A field takes the value of its name, of a message within the message by its path: `user.age`.
    One without presence (proto3's plain fields) that was not set has its type's zero, as Protobuf
    has it; one with presence that was not set is MISSING, and so is all within it.

    Args:
        field: the field.
        message: the type's descriptor.
    """
    *around, name = field.name.split(".")
    for outer in around:
        step = message.fields_by_name.get(outer)
        if step is None or step.type not in (MESSAGE, GROUP) or is_repeated(step):
            return _missing
        message = step.message_type
    leaf = message.fields_by_name.get(name)
    if leaf is None:
        return _missing
    convert = _converter(field, leaf)
    if is_repeated(leaf):
        inner: Get = _list_getter(name, convert)
    elif leaf.has_presence:
        inner = _presence_getter(name, convert)
    elif convert is None:
        inner = attrgetter(name)
    else:
        inner = _plain_getter(name, convert)
    return _inside(around, inner) if around else inner


def is_repeated(descriptor: Any) -> bool:
    """Whether a field holds any number of values; older protobufs call that its label."""
    known = getattr(descriptor, "is_repeated", None)
    return bool(descriptor.label == 3 if known is None else known)


def _missing(_message: Any) -> object:
    return MISSING


def _converter(field: Field, leaf: Any) -> Get | None:
    """What makes of a value of Protobuf's what the field asks for; None for as it is."""
    if leaf.type == ENUM and field.dtype in ("category", "string"):
        names = {number: value.name for number, value in leaf.enum_type.values_by_number.items()}
        return lambda number: names.get(number, str(number))
    if leaf.type != MESSAGE:
        return None
    if leaf.message_type.full_name == TIMESTAMP and field.dtype == "timestamp":
        return lambda moment: moment.seconds * 1000 + moment.nanos // 1_000_000
    if leaf.message_type.full_name in WRAPPERS:
        return attrgetter("value")
    return None


def _plain_getter(name: str, convert: Get) -> Get:
    return lambda message: convert(getattr(message, name))


def _presence_getter(name: str, convert: Get | None) -> Get:
    def get(message: Any) -> object:
        if not message.HasField(name):
            return MISSING
        value = getattr(message, name)
        return value if convert is None else convert(value)

    return get


def _list_getter(name: str, convert: Get | None) -> Get:
    if convert is None:
        return lambda message: list(getattr(message, name))
    return lambda message: [convert(value) for value in getattr(message, name)]


def _inside(around: Sequence[str], inner: Get) -> Get:
    def get(message: Any) -> object:
        for name in around:
            if not message.HasField(name):
                return MISSING
            message = getattr(message, name)
        return inner(message)

    return get
