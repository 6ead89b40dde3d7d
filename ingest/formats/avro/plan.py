"""How the values that `walk` notes become columns, for records of a schema."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ingest.field import Field
from ingest.formats.avro.program import operation_of
from ingest.formats.avro.schema import ITEMS, AvroSchema
from ingest.formats.avro.values import kind_of, logical_of, path_of
from ingest.formats.binary.noted_columns import LARGEST_SCALE, WHOLE, FieldPlan
from ingest.formats.binary.operations import ABSENT, OPERATIONS

__all__ = ["plan_field"]

ENUM, ARRAY = OPERATIONS["enum"], OPERATIONS["array"]


def plan_field(field: Field, schema: AvroSchema) -> FieldPlan:
    """How the values of a field become a column, for records of a schema."""
    path = path_of(field)
    branches = schema.branches(path) or []
    logical: dict[int, str | None] = {}
    for operation, alike in _by_operation(branches).items():
        if all(one == alike[0] for one in alike):
            logical[operation] = logical_of(alike[0])
    if len({logical.get(o) for o in WHOLE if o in logical}) > 1:
        logical = {o: one for o, one in logical.items() if o not in WHOLE}
    enums = [b for b in branches if kind_of(b) == "enum"]
    symbols = tuple(enums[0]["symbols"]) if ENUM in logical else ()
    items = schema.branches((*path, ITEMS)) or []
    whole = _by_operation(branches).get(ARRAY, [])
    simple = len(whole) == 1 and len(items) == 1 and not isinstance(whole[0]["items"], list)
    item = operation_of(kind_of(items[0])) if simple and logical_of(items[0]) is None else ABSENT
    decimals = [b for b in branches if logical_of(b) == "decimal"]
    scale = int(decimals[0].get("scale", 0)) if len(decimals) == 1 else LARGEST_SCALE + 1
    return FieldPlan(field, logical, symbols, item, scale)


def _by_operation(branches: Sequence[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for branch in branches:
        found.setdefault(operation_of(kind_of(branch)), []).append(branch)
    return found
