"""Protobuf records to columns: of one message type, with Confluent's frame or without."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.errors import SchemaRegistryError, SettingsError
from ingest.formats.assembly import assemble, decode_rows, readable, renamed
from ingest.formats.confluent.frame import group_rows, unframe
from ingest.formats.confluent.registry import RegisteredSchema, SchemaRegistry
from ingest.formats.decoder import BadRecord, Decoded
from ingest.formats.protobuf.columns import plan_message
from ingest.formats.protobuf.schema import (
    ProtobufSchemaError,
    ProtobufTextError,
    find_message,
    indexes_of,
    load_descriptor,
    load_registered,
    message_at,
)
from ingest.formats.protobuf.values import getter
from ingest.formats.value_columns import column_of_values
from ingest.formats.values import check_value
from ingest.ragged import Column, take_rows
from ingest.records import RecordBatch
from ingest.schema import Schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Part = tuple[NDArray[np.int64], Mapping[str, Column]]

__all__ = ["ProtobufDecoder"]

CHUNK = 8192


class ProtobufDecoder:
    """A `Decoder` for Protobuf messages, read by description, without generated code.

    A field takes the value of its name, of a message within the message by its path: `user.age`.
    A plain field of proto3 that was not set has its type's zero; an `optional` one, one of a oneof
    and a message that were not set are missing. Fields that the message does not have are ignored.

    Types: numbers, booleans, strings and bytes as they are; an enum as the name of its value;
    google.protobuf.Timestamp as a moment; its wrappers (DoubleValue) as what they wrap; repeated
    fields as lists.

    Args:
        schema: the fields.
        descriptor: what `protoc --descriptor_set_out --include_imports` writes, or its file. It
            may be left out when there is a registry.
        message: full name of the message's type, such as package.Name.
        framed: whether values are in Confluent's frame. A value that says that it is another
            message of its file is bad.
        registry: where the types are looked up that `descriptor` would describe, by the frame's
            id, in the form "serialized"; values are framed then.
        max_record_bytes: a longer value is bad.

    Raises:
        SettingsError: the descriptor is none, or has no such message.
    """

    def __init__(
        self,
        schema: Schema,
        *,
        message: str,
        descriptor: bytes | str | Path | None = None,
        framed: bool = False,
        registry: SchemaRegistry | None = None,
        max_record_bytes: int = 1_000_000,
    ) -> None:
        if descriptor is None and registry is None:
            raise SettingsError("protobuf: expected a descriptor or a schema_registry")
        self._schema = schema
        self._message = message
        self._framed = framed or registry is not None
        self._registry = registry if descriptor is None else None
        self._max_bytes = max_record_bytes
        self._files: dict[int, _File | str] = {}
        if descriptor is not None:
            self._known = find_message(load_descriptor(descriptor), message)
            self._type = _Type(schema, self._known)
            self._place = indexes_of(self._known)

    def decode(self, batch: RecordBatch) -> Decoded:
        """Decode a batch; see `Decoder`.

        Raises:
            SchemaRegistryError: a schema could not be asked for; no record's fault.
        """
        rows, bad = readable(batch, self._max_bytes)
        none = {field.name: field.empty_column() for field in self._schema.fields}
        parts: list[Part] = [(np.empty(0, np.int64), none)]
        part = batch.take(rows)
        if part is not None and not self._framed:
            self._type.decode(part, rows, parts, bad)
        elif part is not None:
            self._decode_framed(part, rows, parts, bad)
        return assemble(parts, bad)

    def _decode_framed(
        self, batch: RecordBatch, rows: NDArray[np.int64], parts: list[Part], bad: list[BadRecord]
    ) -> None:
        from ingest.formats.protobuf.indexes import read_indexes  # numba is slow to import

        frames = unframe(batch)
        bad += renamed(frames.bad, rows)
        whole, rows = frames.payload, rows[frames.rows]
        if whole is None:
            return
        paths, taken = read_indexes(whole.buffer, whole.value_start, whole.value_length)
        reason = "expected the message's place in its file behind Confluent's frame"
        bad += [BadRecord(row, reason, "not_framed") for row in rows[taken < 0].tolist()]
        kept = np.flatnonzero(taken >= 0)
        for key, some in group_rows(np.column_stack([frames.ids, paths])[kept]):
            places = kept[some]
            found = self._find(int(key[0]), tuple(key[1:][key[1:] >= 0].tolist()))
            if not isinstance(found, _Type):
                kind, reason = found
                bad += [BadRecord(row, reason, kind) for row in rows[places].tolist()]
                continue
            group = whole.take(places)
            if group is not None:
                start, length = (
                    group.value_start + taken[places],
                    group.value_length - taken[places],
                )
                inner = replace(group, value_start=start, value_length=length)
                found.decode(inner, rows[places], parts, bad)

    def _find(self, schema_id: int, indexes: tuple[int, ...]) -> _Type | tuple[str, str]:
        """What reads messages of a type; or kind and reason for which nothing does."""
        if self._registry is None:
            if indexes == self._place:
                return self._type
            reason = (
                f"schema {schema_id}: the record is message {list(indexes)} of its file, and"
                f" {self._message} is {list(self._place)}"
            )
            return "wrong_type", reason
        if schema_id not in self._files:
            found = self._registry.schema(schema_id, "serialized")
            if found is None:
                return (
                    "unknown_schema",
                    f"schema {schema_id}: {self._registry.why_unknown(schema_id)}",
                )
            self._files[schema_id] = self._load(schema_id, found, self._registry.url)
        file = self._files[schema_id]
        if isinstance(file, str):
            return "unknown_schema", f"schema {schema_id}: no Protobuf descriptor: {file}"
        message = message_at(file.descriptor, indexes)
        if message is None or message.full_name != self._message:
            what = "none" if message is None else message.full_name
            where = f"schema {schema_id}: expected {self._message}, and message {list(indexes)}"
            return "wrong_type", f"{where} is {what}"
        if file.type is None:
            file.type = _Type(self._schema, message)
        return file.type

    def _load(self, schema_id: int, found: RegisteredSchema, url: str) -> _File | str:
        """The file that a registry describes, or why it is none."""
        try:
            return _File(load_registered(found))
        except ProtobufTextError as error:
            raise SchemaRegistryError(
                f"schema registry {url}: it does not write descriptors"
                f" (schema {schema_id}: {error}); give format.descriptor"
            ) from error
        except ProtobufSchemaError as error:
            return str(error)


@dataclass
class _File:
    """A file of the registry, and what reads the message in it that is wanted."""

    descriptor: Any
    type: _Type | None = None


class _Type:
    """Reads messages of one type."""

    def __init__(self, schema: Schema, message: Any) -> None:
        from google.protobuf import message_factory

        self._schema = schema
        self._name = message.full_name
        self._parse = message_factory.GetMessageClass(message).FromString
        self._columns = plan_message(schema.fields, message)
        self._getters = [getter(field, message) for field in schema.fields]

    def decode(
        self, batch: RecordBatch, rows: NDArray[np.int64], parts: list[Part], bad: list[BadRecord]
    ) -> None:
        """Decode messages: `rows`, int64[n], is what to call the records of the batch."""
        for begin in range(0, len(batch), CHUNK):
            some = slice(begin, begin + CHUNK)
            start, length, odd = batch.value_start[some], batch.value_length[some], rows[some]
            if self._columns is not None:
                columns, fine = self._columns.decode(batch.buffer, start, length)
                parts.append((odd[fine], {n: take_rows(c, fine) for n, c in columns.items()}))
                start, length, odd = start[~fine], length[~fine], odd[~fine]
            spans = zip(start.tolist(), (start + length).tolist(), strict=True)
            self._decode_spans(batch.buffer.data, spans, odd, parts, bad)

    def _decode_spans(
        self,
        buffer: memoryview,
        spans: Iterable[tuple[int, int]],
        rows: NDArray[np.int64],
        parts: list[Part],
        bad: list[BadRecord],
    ) -> None:
        from google.protobuf.message import DecodeError

        messages, places = [], []
        for place, (begin, end) in enumerate(spans):
            try:
                messages.append(self._parse(buffer[begin:end].tobytes()))
                places.append(place)
            except DecodeError as error:
                reason = f"no {self._name}: {str(error)[-100:]}"
                bad.append(BadRecord(int(rows[place]), reason, "malformed"))
        if messages:
            self._take(messages, rows[np.array(places, np.int64)], parts, bad)

    def _take(
        self,
        messages: Sequence[Any],
        rows: NDArray[np.int64],
        parts: list[Part],
        bad: list[BadRecord],
    ) -> None:
        fine = np.ones(len(messages), np.bool_)
        columns: dict[str, Column] = {}
        for field, get in zip(self._schema.fields, self._getters, strict=True):
            made = column_of_values(field, [get(message) for message in messages])
            if made is None:
                fine[:] = False
                break
            columns[field.name] = made[0]
            fine &= made[1]
        if fine.any():
            parts.append((rows[fine], {n: take_rows(c, fine) for n, c in columns.items()}))

        def read(place: int) -> list[Any]:
            message = messages[place]
            return [
                check_value(field, get(message))
                for field, get in zip(self._schema.fields, self._getters, strict=True)
            ]

        good, rest, found = decode_rows(self._schema, np.flatnonzero(~fine), read)
        parts.append((rows[good], rest))
        bad += renamed(found, rows)
