"""Which fields of a record are learned from, what is learned, and what weighs a row."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from ingest.errors import SchemaError
from ingest.field import Field, Role

__all__ = ["Schema"]


@dataclass(frozen=True)
class Schema:
    """The fields of a record: features, at most one label, at most one weight.

    Fields of a record that the schema does not name are ignored.

    Raises:
        SchemaError: the fields do not fit together.
    """

    fields: tuple[Field, ...]

    def __post_init__(self) -> None:
        names = [field.name for field in self.fields]
        for name in names:
            if names.count(name) > 1:
                raise SchemaError(f'schema: field "{name}" is there twice')
        counts = {role: sum(f.role == role for f in self.fields) for role in get_args(Role)}
        for role in ("label", "weight"):
            if counts[role] > 1:
                raise SchemaError(f"schema: expected at most one {role}, got {counts[role]}")
        if not counts["feature"]:
            raise SchemaError("schema: expected at least one feature, got none")

    @property
    def features(self) -> tuple[Field, ...]:
        """What a model may look at."""
        return tuple(field for field in self.fields if field.role == "feature")

    @property
    def has_label(self) -> bool:
        """Whether there is something to learn to predict."""
        return any(field.role == "label" for field in self.fields)

    @property
    def label(self) -> Field:
        """What a model learns to predict.

        Raises:
            SchemaError: the schema has no label.
        """
        for field in self.fields:
            if field.role == "label":
                return field
        raise SchemaError("schema: it has no label; name what is to be predicted")

    @property
    def weight(self) -> Field | None:
        """What weighs a row; None when all weigh the same."""
        return next((field for field in self.fields if field.role == "weight"), None)

    def to_json(self) -> dict[str, Any]:
        """A plain form: `{"fields": [...]}`."""
        return {"fields": [field.to_json() for field in self.fields]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Schema:
        """The inverse of `to_json`; keys beside `fields` are ignored.

        Raises:
            SchemaError: it is not of that form.
        """
        try:
            fields = [{**f, "vocabulary": tuple(f["vocabulary"])} for f in value["fields"]]
            return cls(tuple(Field(**field) for field in fields))
        except (KeyError, TypeError) as error:
            raise SchemaError(f"schema: expected fields, got {str(value)[:200]}") from error

    def fingerprint(self) -> str:
        """SHA-256 of the canonical plain form, in hex; equal for equal schemas."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()
