"""Avro schemas: parsed with those that they refer to, without what only their reader needs."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ingest.errors import SettingsError
from ingest.formats.confluent.registry import RegisteredSchema

__all__ = ["ITEMS", "AvroSchema", "AvroSchemaError", "parse_avro", "parse_registered"]

DEEPEST = 200
ITEMS = "[]"


class AvroSchemaError(Exception):
    """A text is no Avro schema; its text says why."""


@dataclass(frozen=True, eq=False)
class AvroSchema:
    """An Avro schema.

    Attributes:
        plain: as fastavro parses it, but without logical types: a timestamp is a long in it.
        full: the same with logical types.
        plain_names: the named types of `plain`, by full name.
        full_names: those of `full`.
    """

    plain: Any
    full: Any
    plain_names: Mapping[str, Any]
    full_names: Mapping[str, Any]

    def resolved(self, avro: Any) -> Any:
        """A type of `plain`, with the definition in place of a name, and a primitive as a text."""
        return _resolved(avro, self.plain_names)

    def branches(self, path: Sequence[str]) -> list[Any] | None:
        """The types, other than null, that the value at a path may have; None if none is there.

        With logical types; a definition in place of a name.

        Args:
            path: names of fields, of records in records; ITEMS for the elements of an array.
        """
        found = _branches(self.full, self.full_names)
        for name in path:
            if name == ITEMS:
                inner = [b["items"] for b in found if isinstance(b, dict) and b["type"] == "array"]
            else:
                inner = [one["type"] for one in _fields(found, name)]
            if not inner:
                return None
            found = [b for avro in inner for b in _branches(avro, self.full_names)]
        return found

    def aliases(self, path: Sequence[str]) -> list[str]:
        """Other names of the field at a path."""
        around = self.branches(path[:-1]) or []
        return [alias for one in _fields(around, path[-1]) for alias in one.get("aliases", ())]


def parse_avro(
    schema: str | Mapping[str, Any] | list[Any], references: Sequence[Any] = ()
) -> AvroSchema:
    """Parse a schema.

    Args:
        schema: as JSON or as what JSON gives.
        references: schemas that it refers to, in an order in which each follows those that it
            refers to itself.

    Raises:
        AvroSchemaError: it is none.
        SettingsError: fastavro is not installed.
    """
    fastavro = _fastavro()
    try:
        texts = [*references, schema]
        parsed = [json.loads(one) if isinstance(one, str) else one for one in texts]
        _check_depth(parsed)
        full_names: dict[str, Any] = {}
        plain_names: dict[str, Any] = {}
        for one in parsed:
            full = fastavro.parse_schema(copy.deepcopy(one), full_names)
            plain = fastavro.parse_schema(_without_logical(one), plain_names)
    except (fastavro.schema.SchemaParseException, ValueError, KeyError, TypeError) as error:
        raise AvroSchemaError(f"{type(error).__name__}: {error}"[:300]) from error
    except (AttributeError, RecursionError, IndexError) as error:
        raise AvroSchemaError(f"no Avro schema: {error}"[:300]) from error
    return AvroSchema(plain, full, plain_names, full_names)


def parse_registered(schema: RegisteredSchema) -> AvroSchema:
    """Parse a schema as the registry has it.

    Raises:
        AvroSchemaError: it is of another kind, or none.
    """
    if schema.kind != "AVRO":
        raise AvroSchemaError(f"it is of the kind {schema.kind}")
    return parse_avro(schema.text, _texts_before(schema))


def _texts_before(schema: RegisteredSchema) -> list[str]:
    """The schemas that one refers to, each once, after those that it refers to itself."""
    texts: dict[str, None] = {}
    visited: set[int] = set()

    def visit(whole: RegisteredSchema) -> None:
        for _, part in whole.references:
            if id(part) not in visited:
                visited.add(id(part))
                visit(part)
                texts.setdefault(part.text)

    visit(schema)
    return list(texts)


def _fastavro() -> Any:
    try:
        import fastavro
    except ImportError as error:
        raise SettingsError(
            "Avro needs the package fastavro: pip install 'millstream[avro]'"
        ) from error
    return fastavro


def _check_depth(value: Any, depth: int = 0) -> None:
    if depth > DEEPEST:
        raise ValueError(f"nested deeper than {DEEPEST}")
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in inner:
        _check_depth(part, depth + 1)


def _without_logical(avro: Any) -> Any:
    """A schema without logical types; what stands where no type does is left alone."""
    if isinstance(avro, list):
        return [_without_logical(branch) for branch in avro]
    if not isinstance(avro, dict):
        return avro
    kept = {name: value for name, value in avro.items() if name != "logicalType"}
    for name in ("type", "items", "values"):
        if isinstance(kept.get(name), (dict, list)):
            kept[name] = _without_logical(kept[name])
    if isinstance(kept.get("fields"), list):
        kept["fields"] = [_without_logical(one) for one in kept["fields"]]
    return kept


def _resolved(avro: Any, names: Mapping[str, Any]) -> Any:
    while True:
        if isinstance(avro, str) and avro in names:
            avro = names[avro]
        elif isinstance(avro, dict) and isinstance(avro.get("type"), (dict, list)):
            avro = avro["type"]
        elif isinstance(avro, dict) and avro["type"] in names:
            avro = names[avro["type"]]
        elif isinstance(avro, dict) and len(avro) == 1:
            return avro["type"]
        else:
            return avro


def _branches(avro: Any, names: Mapping[str, Any]) -> list[Any]:
    avro = _resolved(avro, names)
    branches = [_resolved(b, names) for b in avro] if isinstance(avro, list) else [avro]
    return [branch for branch in branches if branch != "null"]


def _fields(branches: Sequence[Any], name: str) -> list[Any]:
    """The fields of a name in the records among some types."""
    records = [b for b in branches if isinstance(b, dict) and b["type"] in ("record", "error")]
    return [one for record in records for one in record["fields"] if one["name"] == name]
