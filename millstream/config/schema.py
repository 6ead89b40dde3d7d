"""The section `[schema]`: which fields of a record are learned from, and what is learned."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator, model_validator

import ingest
from ingest.field import DType, Role
from millstream.config.checks import check_length, check_range
from millstream.config.section import Section

__all__ = ["FieldSpec", "LabelSpec", "SchemaConfig", "make_field"]

A_MOMENT = "2026-01-01T00:00:00Z"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Default = bool | int | float | str
Whole = Annotated[int, Field(ge=0, strict=True)]


class FieldSpec(Section):
    """One field of a record: `distance = "float32"` for short, or a table.

    A category is a string that becomes an integer: by a vocabulary, which may grow, or hashed into
    buckets. `ingest.Field` says what the keys mean and which of them fit together.
    """

    type: DType
    vocabulary: tuple[str, ...] = ()
    buckets: Whole = 0
    min: float | None = None
    max: float | None = None
    length: Annotated[Any, BeforeValidator(check_length)] = None
    default: Default | None = None
    grow: Whole = 0

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        return {"type": value} if isinstance(value, str) else value

    @field_validator("default", mode="before")
    @classmethod
    def _moment(cls, value: object) -> object:
        """A moment written as TOML writes moments, as milliseconds since the epoch."""
        if isinstance(value, datetime) and value.tzinfo is not None:
            return (value - EPOCH) // timedelta(milliseconds=1)
        if isinstance(value, date):
            raise ValueError(f"expected a moment with its offset, such as {A_MOMENT}")
        if not isinstance(value, Default):
            raise ValueError(
                "expected one number, text or moment, true or false; of a list it is each element"
            )
        return value

    @model_validator(mode="after")
    def _keys_fit(self) -> FieldSpec:
        if self.type == "timestamp" and isinstance(self.default, str):
            raise ValueError(f"write the default without quotes, such as {A_MOMENT}")
        check_field(self, "feature")
        return self


class LabelSpec(Section):
    """The field that the model learns to predict; a category needs its vocabulary."""

    name: str
    type: DType = "float32"
    vocabulary: tuple[str, ...] = ()
    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _keys_fit(self) -> LabelSpec:
        check_field(self, "label")
        return self


class SchemaConfig(Section):
    """The fields of a record: what is learned from, what is learned, what weighs a row."""

    features: dict[str, FieldSpec] = Field(min_length=1)
    label: LabelSpec
    weight: str | None = None


def make_field(name: str, spec: FieldSpec | LabelSpec, role: Role) -> ingest.Field:
    """The field that a section describes.

    Raises:
        ingest.SchemaError: its keys do not fit together.
    """
    own = spec.model_dump(exclude={"name", "type", "min", "max"})
    return ingest.Field(name, spec.type, role, minimum=spec.min, maximum=spec.max, **own)


def check_field(spec: FieldSpec | LabelSpec, role: Role) -> None:
    """Refuse keys that do not fit together.

    Raises:
        ValueError: says which, without the field's name.
    """
    check_range(spec.type, spec.min, spec.max)
    try:
        make_field("it", spec, role)
    except ingest.SchemaError as error:
        raise ValueError(str(error).removeprefix('field "it": ')) from error
