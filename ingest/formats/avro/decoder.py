"""Avro records to columns: one value after another in Confluent's frame, or of one schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.errors import SettingsError
from ingest.formats.assembly import assemble, decode_rows, readable, renamed
from ingest.formats.avro.plan import plan_field
from ingest.formats.avro.program import compile_program
from ingest.formats.avro.schema import AvroSchema, AvroSchemaError, parse_avro, parse_registered
from ingest.formats.avro.values import RecordReader, path_of
from ingest.formats.binary.noted import Noted
from ingest.formats.binary.noted_columns import column_of
from ingest.formats.confluent.frame import group_rows, unframe
from ingest.formats.confluent.registry import SchemaRegistry
from ingest.formats.decoder import BadRecord, Decoded
from ingest.formats.values import check_value
from ingest.ragged import Column, take_rows
from ingest.records import RecordBatch
from ingest.schema import Schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Part = tuple[NDArray[np.int64], Mapping[str, Column]]

__all__ = ["AvroDecoder"]

CHUNK = 8192


class AvroDecoder:
    """A `Decoder` for Avro records, each in Avro's binary encoding without a file's header.

    A field takes the value of its name, of a record within the record by its path: `user.age`.
    With a registry, values are in Confluent's frame and each is read by the schema that it was
    written with; without one, by `avro_schema`.

    Types: whole numbers, floats, booleans, strings and bytes as they are; an enum as its symbol;
    timestamp-millis, -micros, -nanos and date as moments; a decimal as a float; arrays as lists.

    Args:
        schema: the fields.
        registry: where schemas are looked up; None for values without a frame.
        avro_schema: as JSON or what JSON gives. With a registry it is optional: the reader's
            schema, as which all records are read by Avro's schema resolution (aliases, defaults).
        max_record_bytes: a longer value is bad.

    Raises:
        SettingsError: neither is given, avro_schema is none, or fastavro is not installed.
    """

    def __init__(
        self,
        schema: Schema,
        *,
        registry: SchemaRegistry | None = None,
        avro_schema: str | Mapping[str, Any] | list[Any] | None = None,
        max_record_bytes: int = 1_000_000,
    ) -> None:
        with _given_errors():
            given = None if avro_schema is None else parse_avro(avro_schema)
        if registry is None and given is None:
            raise SettingsError("avro: expected an avro_schema or a schema_registry")
        self._schema = schema
        self._registry = registry
        self._given = given
        self._max_bytes = max_record_bytes
        self._written: dict[int, _Written | str] = {}
        if registry is None and given is not None:
            with _given_errors():
                self._alone = _Written(schema, given, None)
        else:
            parse_avro('"null"')  # whether fastavro is there

    def decode(self, batch: RecordBatch) -> Decoded:
        """Decode a batch; see `Decoder`.

        Raises:
            SchemaRegistryError: a schema could not be asked for; no record's fault.
        """
        rows, bad = readable(batch, self._max_bytes)
        none = {field.name: field.empty_column() for field in self._schema.fields}
        parts: list[Part] = [(np.empty(0, np.int64), none)]
        part = batch.take(rows)
        if part is not None and self._registry is None:
            self._alone.decode(part, rows, parts, bad)
        elif part is not None:
            self._decode_framed(part, rows, parts, bad)
        return assemble(parts, bad)

    def _decode_framed(
        self,
        batch: RecordBatch,
        rows: NDArray[np.int64],
        parts: list[Part],
        bad: list[BadRecord],
    ) -> None:
        frames = unframe(batch)
        bad += renamed(frames.bad, rows)
        if frames.payload is None:
            return
        rows = rows[frames.rows]
        for key, places in group_rows(frames.ids[:, None]):
            schema_id = int(key[0])
            written = self._find(schema_id)
            if isinstance(written, str):
                reason = f"schema {schema_id}: {written}"
                bad += [BadRecord(row, reason, "unknown_schema") for row in rows[places].tolist()]
                continue
            group = frames.payload.take(places)
            if group is not None:
                written.decode(group, rows[places], parts, bad)

    def _find(self, schema_id: int) -> _Written | str:
        """What reads the records of a schema, or why nothing does."""
        if self._registry is None or schema_id in self._written:
            return self._written[schema_id]
        found = self._registry.schema(schema_id)
        if found is None:
            return self._registry.why_unknown(schema_id)
        try:
            written = _Written(self._schema, parse_registered(found), self._given, schema_id)
        except AvroSchemaError as error:
            self._written[schema_id] = f"no Avro schema: {error}"
        else:
            self._written[schema_id] = written
        return self._written[schema_id]


class _Written:
    """Reads the records that were written with one schema."""

    def __init__(
        self,
        schema: Schema,
        written: AvroSchema,
        reader: AvroSchema | None,
        schema_id: int | None = None,
    ) -> None:
        self._schema = schema
        self._name = "Avro" if schema_id is None else f"Avro of schema {schema_id}"
        self._program = compile_program(written, [path_of(f) for f in schema.fields])
        self._reader = RecordReader(schema.fields, written, reader)
        self._plans = None if reader else [plan_field(f, written) for f in schema.fields]

    def decode(
        self,
        batch: RecordBatch,
        rows: NDArray[np.int64],
        parts: list[Part],
        bad: list[BadRecord],
    ) -> None:
        """Decode records without frames.

        Args:
            batch: the records.
            rows: int64[n], what to call them.
            parts: gets the good ones.
            bad: gets the others.
        """
        for begin in range(0, len(batch), CHUNK):
            chosen = slice(begin, begin + CHUNK)
            span = (batch.value_start[chosen], batch.value_length[chosen])
            self._decode_chunk(batch.buffer, span, rows[chosen], parts, bad)

    def _decode_chunk(
        self,
        buffer: NDArray[np.uint8],
        span: tuple[NDArray[np.int64], NDArray[np.int64]],
        rows: NDArray[np.int64],
        parts: list[Part],
        bad: list[BadRecord],
    ) -> None:
        from ingest.formats.avro.encoding import PROBLEMS  # numba is slow to import
        from ingest.formats.avro.lists import read_array
        from ingest.formats.avro.walk import walk

        program = (self._program.nodes, self._program.children)
        kinds, values, lengths, problems = walk(buffer, span, program, len(self._schema.fields))
        found, where = problems
        for place in np.flatnonzero(found).tolist():
            reason = f"not {self._name}: {PROBLEMS[int(found[place])]} (at byte {where[place]})"
            bad.append(BadRecord(int(rows[place]), reason, "malformed"))
        fine = found == 0
        if self._plans is not None:
            columns = {}
            for slot, plan in enumerate(self._plans):
                one = Noted(buffer, kinds[slot], values[slot], lengths[slot])
                columns[plan.field.name], good = column_of(plan, one, read_array)
                fine &= good
            parts.append((rows[fine], {n: take_rows(c, fine) for n, c in columns.items()}))
        else:
            fine[:] = False
        odd = np.flatnonzero((found == 0) & ~fine)
        if len(odd):
            self._one_by_one(buffer, span, rows, odd, parts, bad)

    def _one_by_one(
        self,
        buffer: NDArray[np.uint8],
        span: tuple[NDArray[np.int64], NDArray[np.int64]],
        rows: NDArray[np.int64],
        odd: NDArray[np.int64],
        parts: list[Part],
        bad: list[BadRecord],
    ) -> None:
        start, length = span

        def read(place: int) -> list[Any]:
            begin = start[place]
            values = self._reader.read(buffer[begin : begin + length[place]].tobytes())
            return [check_value(field, values[field.name]) for field in self._schema.fields]

        good, columns, found = decode_rows(self._schema, odd, read)
        parts.append((rows[good], columns))
        bad += renamed(found, rows)


@contextmanager
def _given_errors() -> Iterator[None]:
    """What is wrong with a schema that the user gave is the user's to mend."""
    try:
        yield
    except AvroSchemaError as error:
        raise SettingsError(f"avro_schema: no Avro schema: {error}") from error
