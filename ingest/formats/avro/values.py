"""One Avro record at a time: fastavro reads it, logical types become what the fields ask for."""

from __future__ import annotations

import io
import math
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NoReturn

from ingest.field import Field
from ingest.formats.avro.schema import ITEMS, AvroSchema
from ingest.formats.binary.operations import FLOOR_TO_MS, MS_PER_DAY
from ingest.formats.value_checks import WrongError
from ingest.formats.values import MISSING, BadValueError, shown, wrong_value

__all__ = ["RecordReader", "kind_of", "logical_of", "path_of"]

PYTHON = {
    "int": int,
    "long": int,
    "float": float,
    "double": float,
    "bytes": bytes,
    "fixed": bytes,
    "string": str,
    "enum": str,
    "boolean": bool,
    "array": list,
    "map": dict,
    "record": dict,
    "error": dict,
}

Convert = Callable[[Any], Any]


class RecordReader:
    """Reads records whose encoding `walk` has found sound.

    Args:
        fields: what to take from a record.
        writer: the schema that the records were written with.
        reader: the schema that they are read as, by Avro's schema resolution; None for the same.
    """

    def __init__(
        self, fields: Sequence[Field], writer: AvroSchema, reader: AvroSchema | None
    ) -> None:
        from fastavro import schemaless_reader

        self._read = schemaless_reader
        self._writer = writer.plain
        self._reader = None if reader is None else reader.plain
        self._places: list[tuple[str, tuple[str, ...], Convert | None]] = []
        for field in fields:
            path = path_of(field)
            inside = (ITEMS,) if field.length else ()
            place = (*path, *inside)
            branches = writer.branches(place if reader is None else older(writer, reader, place))
            if branches is None and reader is not None:
                branches = reader.branches(place)
            convert = converter(field, branches or [])
            if convert is not None and field.length:
                convert = partial(_each, convert=convert)
            self._places.append((field.name, path, convert))

    def read(self, payload: bytes) -> dict[str, Any]:
        """The values of the fields by their names, for `values.check_value`.

        Raises:
            BadValueError: the record cannot be read as the reader's schema, or is no record.
        """
        try:
            record = self._read(io.BytesIO(payload), self._writer, self._reader)
        except Exception as error:  # fastavro raises many kinds for what it cannot resolve
            reason = f"cannot be read with the reader's schema: {str(error)[:200]}"
            raise BadValueError("wrong_type", reason) from error
        if not isinstance(record, dict):
            raise BadValueError("wrong_type", f"expected an Avro record, got {shown(record)}")
        values = {}
        for name, path, convert in self._places:
            value = _value_at(record, path)
            values[name] = value if convert is None or value is None else convert(value)
        return values


def path_of(field: Field) -> tuple[str, ...]:
    """Where a field is in a record: `user.age` is the field `age` of the record `user`."""
    return tuple(field.name.split("."))


def _value_at(record: Any, path: Sequence[str]) -> Any:
    """The value at a path: null if a record on the way is null, MISSING if there is none."""
    for name in path:
        if record is None:
            return None
        if not isinstance(record, Mapping) or name not in record:
            return MISSING
        record = record[name]
    return record


def older(writer: AvroSchema, reader: AvroSchema, path: Sequence[str]) -> tuple[str, ...]:
    """A path of the reader's schema in the writer's, where a field may have one of its aliases."""
    found: tuple[str, ...] = ()
    for depth, name in enumerate(path):
        names = [name, *reader.aliases(path[: depth + 1])]
        known = [one for one in names if writer.branches((*found, one)) is not None]
        found = (*found, known[0] if known else name)
    return found


def converter(field: Field, branches: Sequence[Any]) -> Convert | None:
    """What makes of a value, read without logical types, what its field asks for; None for as is.

    Args:
        field: the field; of one with a length, its elements are meant.
        branches: the types that the value may have, other than null.
    """
    for branch in branches:
        made = _convert_branch(field, branch)
        if made is None:
            continue
        alike = [b for b in branches if PYTHON[kind_of(b)] == PYTHON[kind_of(branch)]]
        if any(logical_of(b) != logical_of(branch) for b in alike):
            names = " or ".join(logical_of(b) or kind_of(b) for b in alike)
            return lambda value: _refuse(field, f"{value} of {names}, which cannot be told apart")
        return made
    return None


def kind_of(branch: Any) -> str:
    """The name of a type without its logical type: `long`, `record`."""
    return str(branch["type"] if isinstance(branch, dict) else branch)


def logical_of(branch: Any) -> str | None:
    """The logical type of a type; None also for one that stands at a type that it is not for."""
    logical = branch.get("logicalType") if isinstance(branch, dict) else None
    return None if logical == "date" and kind_of(branch) != "int" else logical


def _convert_branch(field: Field, branch: Any) -> Convert | None:
    logical = logical_of(branch)
    if field.dtype == "timestamp" and logical in FLOOR_TO_MS:
        finer = FLOOR_TO_MS[logical]
        return lambda value: value // finer if type(value) is int else value
    if field.dtype == "timestamp" and logical == "date":
        return lambda value: value * MS_PER_DAY if type(value) is int else value
    if field.dtype == "timestamp" and str(logical).startswith(("local-timestamp", "time-")):
        return lambda value: _refuse(field, f"{logical} {value}, which has no zone")
    if field.dtype in ("float32", "float64") and logical == "decimal":
        divisor = 10 ** int(branch.get("scale", 0))
        return lambda value: _decimal(_latin1(value), divisor)
    if field.dtype in ("string", "category") and logical == "uuid":
        return _uuid
    if field.dtype == "bytes" and kind_of(branch) in ("bytes", "fixed"):
        return _latin1
    return None


def _each(value: Any, convert: Convert) -> Any:
    if not isinstance(value, list):
        return value
    return [one if one is None else convert(one) for one in value]


def _latin1(value: Any) -> Any:
    """The default of bytes in a reader's schema is a text in which each letter is a byte."""
    try:
        return value.encode("latin-1") if isinstance(value, str) else value
    except UnicodeEncodeError:
        return value


def _decimal(value: Any, divisor: int) -> Any:
    """Avro's decimal: a whole number, most significant byte first, over a power of ten."""
    if not isinstance(value, bytes):
        return value
    try:
        return int.from_bytes(value, "big", signed=True) / divisor
    except OverflowError:
        return math.inf


def _uuid(value: Any) -> Any:
    return str(uuid.UUID(bytes=value)) if isinstance(value, bytes) and len(value) == 16 else value


def _refuse(field: Field, got: str) -> NoReturn:
    raise wrong_value(field, WrongError("wrong_type"), got)
