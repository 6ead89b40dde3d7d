"""Protobuf messages by description: which message a record is, without generated code."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ingest.errors import SettingsError
from ingest.formats.confluent.registry import RegisteredSchema
from ingest.formats.protobuf.known import known_file

__all__ = [
    "ProtobufSchemaError",
    "ProtobufTextError",
    "find_message",
    "indexes_of",
    "load_descriptor",
    "load_registered",
    "message_at",
]


class ProtobufSchemaError(Exception):
    """A schema describes no messages, or not the one that is meant; its text says why."""


class ProtobufTextError(ProtobufSchemaError):
    """A registry gives the text of a .proto although it was asked for its descriptor."""


def load_descriptor(descriptor: bytes | str | Path) -> Any:
    """The pool of a FileDescriptorSet.

    Args:
        descriptor: what `protoc --descriptor_set_out --include_imports` writes, or its file.

    Raises:
        SettingsError: it is none, or lacks an import.
    """
    from google.protobuf import descriptor_pb2

    content = descriptor if isinstance(descriptor, bytes) else _content(Path(descriptor))
    files = descriptor_pb2.FileDescriptorSet()
    try:
        files.ParseFromString(content)
        named = {file.name: file for file in files.file}
        if not named:
            raise ProtobufSchemaError("it describes no file")
        return _pool(named)
    except Exception as error:  # protobuf raises TypeError and errors of its own
        raise SettingsError(
            f"descriptor: expected what protoc --descriptor_set_out --include_imports writes:"
            f" {str(error)[:200]}"
        ) from error


def load_registered(schema: RegisteredSchema) -> Any:
    """The FileDescriptor of a schema that a registry has written as "serialized".

    Raises:
        ProtobufSchemaError: it is of another kind, or none; ProtobufTextError if the registry does
            not know that form.
    """
    from google.protobuf import descriptor_pb2

    if schema.kind != "PROTOBUF":
        raise ProtobufSchemaError(f"it is of the kind {schema.kind}")
    named: dict[str, Any] = {}
    visited: set[tuple[str, int]] = set()
    pending = [("", schema)]
    main = None
    while pending:
        name, part = pending.pop()
        if (name, id(part)) in visited:
            continue
        visited.add((name, id(part)))
        file = descriptor_pb2.FileDescriptorProto()
        try:
            content = base64.b64decode(part.text, validate=True)
        except ValueError as error:  # of base64, or of a text that is not ASCII
            raise ProtobufTextError("it is a text, and no descriptor in base64") from error
        try:
            file.ParseFromString(content)
        except Exception as error:  # protobuf has errors of its own
            raise ProtobufSchemaError(str(error)[:200]) from error
        file.name = name or file.name or "record.proto"
        main = main or file.name
        named[file.name] = file
        pending += part.references
    try:
        return _pool(named).FindFileByName(main)
    except Exception as error:  # as above
        raise ProtobufSchemaError(str(error)[:200]) from error


def find_message(pool: Any, name: str) -> Any:
    """The descriptor of a message.

    Raises:
        SettingsError: the pool has none of that name.
    """
    try:
        return pool.FindMessageTypeByName(name)
    except KeyError as error:
        raise SettingsError(
            f"message: the descriptor has no message {name!r}; expected its full name, such as"
            " package.Name"
        ) from error


def indexes_of(message: Any) -> tuple[int, ...]:
    """Where a message stands in its file, as Confluent's frame says it."""
    around = message.containing_type
    if around is None:
        siblings = list(message.file.message_types_by_name)
        return (siblings.index(message.name),)
    return (*indexes_of(around), [one.name for one in around.nested_types].index(message.name))


def message_at(file: Any, indexes: Sequence[int]) -> Any:
    """The descriptor of the message that stands there in a file; None if none does."""
    inside = list(file.message_types_by_name.values())
    message = None
    for index in indexes:
        if index >= len(inside):
            return None
        message = inside[index]
        inside = list(message.nested_types)
    return message


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"descriptor: {path} cannot be read: {error.strerror}") from error


def _pool(files: Mapping[str, Any]) -> Any:
    """A pool of files, each added after those that it imports."""
    from google.protobuf.descriptor_pool import DescriptorPool

    pool = DescriptorPool()
    added: set[str] = set()

    def add(name: str, path: tuple[str, ...]) -> None:
        if name in added:
            return
        if name in path:
            raise ProtobufSchemaError(f"{name} imports itself")
        file = files.get(name) or known_file(name)
        if file is None:
            more = "; google/type needs pip install googleapis-common-protos"
            mend = more if name.startswith("google/type/") else ""
            raise ProtobufSchemaError(f"the import {name} is not there{mend}")
        for one in file.dependency:
            add(one, (*path, name))
        pool.Add(file)
        added.add(name)

    for name in files:
        add(name, ())
    return pool
