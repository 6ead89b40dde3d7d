"""What is taken out of the records: all fields, as float tensors, codes and labels."""

from __future__ import annotations

from bench.ingest.records import CATEGORIES, FEATURES, PACKED
from ingest import Field, Schema

__all__ = ["large_schema", "packed_schema"]


def large_schema() -> Schema:
    """Of the 208 bytes of JSON: twelve float32, a category, the label."""
    numbers = tuple(Field(name, "float32") for name in FEATURES)
    category = Field("cat", "category", vocabulary=CATEGORIES)
    return Schema((*numbers, category, Field("y", "int32", role="label")))


def packed_schema() -> Schema:
    """Of the 56 bytes of struct: thirteen float32, the label."""
    names = PACKED.names or ()
    numbers = tuple(Field(name, "float32") for name in names[:-1])
    return Schema((*numbers, Field("y", "int32", role="label")))
