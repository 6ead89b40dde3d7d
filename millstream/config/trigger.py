"""The section `[trigger]`: when a round begins."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from millstream.config.section import Count, Section

__all__ = ["CostSpec", "TriggerConfig"]

Positive = Annotated[float, Field(gt=0.0)]


class CostSpec(Section):
    """When the gain that is expected of a round is worth its seconds."""

    price: Positive
    first_records: Count = 1000
    rounds: Annotated[int, Field(ge=3)] = 5


class TriggerConfig(Section):
    """When a round begins: as soon as any of these is due, or once all of them are.

    With `max_records` at the latest; more than that is left for the rounds after it.
    """

    records: Count | None = None
    seconds: Positive | None = None
    drift: bool = False
    cost: CostSpec | None = None
    mode: Literal["any", "all"] = "any"
    look_s: Positive = 5.0
    max_records: Count | None = None

    @model_validator(mode="after")
    def _at_least_one(self) -> TriggerConfig:
        if self.records is None and self.seconds is None and not self.drift and self.cost is None:
            raise ValueError('expected "records", "seconds", "drift" or "cost"; got none of them')
        if self.max_records is not None and self.max_records < (self.records or 0):
            raise ValueError(
                f"expected max_records of at least records, which is {self.records}; got"
                f" {self.max_records}"
            )
        return self
