"""The section `[schema]`: which fields of a record are learned from, and what is learned."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator, model_validator

from ingest.field import DType
from millstream.config_checks import check_length, check_range
from millstream.config_section import Section

__all__ = ["FieldSpec", "LabelSpec", "SchemaConfig"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Default = bool | int | float | str


class FieldSpec(Section):
    """One field of a record: `distance = "float32"` for short, or a table.

    A category is a string that becomes an integer: by a vocabulary, which may grow, or hashed into
    buckets. `ingest.Field` says what the keys mean and which of them fit together.
    """

    type: DType
    vocabulary: tuple[str, ...] = ()
    buckets: Annotated[int, Field(ge=0)] = 0
    min: float | None = None
    max: float | None = None
    length: Annotated[Any, BeforeValidator(check_length)] = None
    default: Default | None = None
    grow: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        return {"type": value} if isinstance(value, str) else value

    @field_validator("default", mode="before")
    @classmethod
    def _moment(cls, value: object) -> object:
        """A moment written as TOML writes moments, as milliseconds since the epoch."""
        if not isinstance(value, datetime):
            return value
        if value.tzinfo is None:
            raise ValueError("expected a moment with its offset, such as 2026-01-01T00:00:00Z")
        return (value - EPOCH) // timedelta(milliseconds=1)

    @model_validator(mode="after")
    def _range_fits(self) -> FieldSpec:
        check_range(self.type, self.min, self.max)
        return self


class LabelSpec(Section):
    """The field that the model learns to predict; a category needs its vocabulary."""

    name: str
    type: DType = "float32"
    vocabulary: tuple[str, ...] = ()
    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _range_fits(self) -> LabelSpec:
        check_range(self.type, self.min, self.max)
        return self


class SchemaConfig(Section):
    """The fields of a record: what is learned from, what is learned, what weighs a row."""

    features: dict[str, FieldSpec] = Field(min_length=1)
    label: LabelSpec
    weight: str | None = None
