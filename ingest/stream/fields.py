"""A schema from the short form that people type."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, get_args

from ingest.errors import SchemaError
from ingest.field import DType, Field, Role
from ingest.schema import Schema

__all__ = ["FieldSpec", "make_schema"]

FieldSpec = str | Mapping[str, Any] | Field
NAMES = {"type": "dtype", "min": "minimum", "max": "maximum"}
KEYS = ("type", "vocabulary", "buckets", "min", "max", "length", "default", "grow")


def make_schema(
    fields: Schema | Mapping[str, FieldSpec], label: str | None = None, weight: str | None = None
) -> Schema:
    """A schema of fields by name.

    Args:
        fields: a schema, or per name a type ("float32"), a mapping of what a `Field` has
            ({"type": "category", "buckets": 100}), or a `Field`.
        label: name of the field to be predicted; one that is in no schema and not among the
            fields is an error.
        weight: name of the field that weighs a row; float32 if it is not among the fields.

    Raises:
        SchemaError: the fields do not fit together.
    """
    roles: dict[str, Role] = {}
    for name, role in ((label, "label"), (weight, "weight")):
        if name is not None:
            roles[name] = "label" if role == "label" else "weight"
    if isinstance(fields, Schema):
        if roles:
            raise SchemaError(
                f"label and weight are part of a Schema: give {next(iter(roles))} its role there,"
                " or give the fields as a mapping"
            )
        return fields
    named = dict(fields)
    if weight is not None:
        named.setdefault(weight, "float32")
    if label is not None and label not in named:
        near = difflib.get_close_matches(label, named, 1)
        hint = f"; did you mean {near[0]}?" if near else f"; it has {', '.join(named)}"
        raise SchemaError(f'schema: label "{label}" is not among its fields{hint}')
    return Schema(tuple(_field(name, spec, roles.get(name)) for name, spec in named.items()))


def _field(name: str, spec: FieldSpec, role: Role | None) -> Field:
    if isinstance(spec, Field):
        values = {key: getattr(spec, key) for key in Field.__dataclass_fields__}
        return Field(**{**values, "name": name, "role": role or spec.role})
    if isinstance(spec, str):
        spec = {"type": spec}
    if not isinstance(spec, Mapping) or "type" not in spec:
        raise SchemaError(
            f'field "{name}": expected a type ({", ".join(get_args(DType))}) or a mapping that has'
            f" a type, got {spec!r}"
        )
    for key in spec:
        if key not in KEYS:
            near = difflib.get_close_matches(key, KEYS, 1)
            hint = f"did you mean {near[0]}?" if near else f"a field has {', '.join(KEYS)}"
            raise SchemaError(f'field "{name}": no such key: {key}; {hint}')
    values = {NAMES.get(key, key): value for key, value in spec.items()}
    if "vocabulary" in values:
        values["vocabulary"] = tuple(values["vocabulary"])
    return Field(name=name, role=role or "feature", **values)
