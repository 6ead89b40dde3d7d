"""The section `[gate]`: what a version must show before users pull it."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from millstream.config.schema import FieldSpec
from millstream.config.section import Count, Section

__all__ = ["Compare", "GateConfig", "GuardSpec", "check_gate"]

Compare = Literal["non_inferior", "superior", "score"]
Loss = Annotated[float, Field(ge=0.0)]
SLICED = {"category", "bool", "float32", "float64", "int32", "int64"}
TOLD = 20  # values that an error tells of
UNKNOWN = "(unknown)"  # the slice of what is not in a vocabulary


class GuardSpec(Section):
    """What must not get worse: a metric over all rows, or over those of each value of a field."""

    max_loss: Loss
    metric: str | None = None
    slice: str | None = None
    value: str | int | bool | None = None
    min_rows: Count = 50
    refuse: Literal["proven", "measured", "possible"] = "proven"

    @model_validator(mode="after")
    def _value_of_a_slice(self) -> GuardSpec:
        if self.value is not None and self.slice is None:
            raise ValueError('expected "slice", the field that "value" is of; got none')
        return self

    @property
    def text(self) -> str | None:
        """The value as a text, as slices are named."""
        if isinstance(self.value, bool):
            return "true" if self.value else "false"
        return None if self.value is None else str(self.value)


class GateConfig(Section):
    """How a version is compared with the champion, and what the first one must show."""

    compare: Compare | None = None
    margin: Loss | None = None
    confidence: Annotated[float, Field(gt=0.5, lt=1.0)] = 0.95
    test: Literal["auto", "bootstrap"] = "auto"
    resamples: Annotated[int, Field(ge=100)] = 1000
    burn_in_rounds: Annotated[int, Field(ge=0)] = 0
    burn_in_rows: Annotated[int, Field(ge=0)] = 0
    must_beat_baseline: bool = True
    own: str | None = None
    guards: tuple[GuardSpec, ...] = ()

    @model_validator(mode="after")
    def _margin_is_for_non_inferiority(self) -> GateConfig:
        if self.margin is not None and self.compare in {"superior", "score"}:
            raise ValueError(
                f'"margin" is for compare = "non_inferior", and this is "{self.compare}"'
            )
        return self

    @model_validator(mode="after")
    def _resamples_are_enough(self) -> GateConfig:
        least = math.floor(1 / (1 - self.confidence) + 1e-6)
        if self.resamples < least:
            raise ValueError(
                f"resamples: expected at least {least} for a confidence of {self.confidence:g}, got"
                f" {self.resamples}; with fewer, no chance so small can be told"
            )
        return self


def check_gate(
    section: GateConfig,
    metrics: Collection[str],
    features: Mapping[str, FieldSpec],
    *,
    bins: int,
    has_min_gain: bool,
) -> None:
    """Check the section against those that it must fit.

    Args:
        section: `[gate]`.
        metrics: of the task.
        features: by name.
        bins: of a number, that slices are made of.
        has_min_gain: whether `registry.min_gain` is set, which is for scores alone.

    Raises:
        ValueError: it does not.
    """
    asked = section.compare not in {None, "score"} or section.margin is not None
    if has_min_gain and asked:
        raise ValueError(
            'registry.min_gain is for gate.compare = "score"; remove it, or gate.compare and'
            " gate.margin"
        )
    for number, guard in enumerate(section.guards):
        place = f"gate.guards.{number}"
        if guard.metric is not None and guard.metric not in metrics:
            raise ValueError(
                f'{place}.metric: expected one of {", ".join(metrics)}, got "{guard.metric}"'
            )
        if guard.slice is not None:
            check_slice(place, guard, features, bins)


def check_slice(place: str, guard: GuardSpec, features: Mapping[str, FieldSpec], bins: int) -> None:
    """Check that a guard looks at a feature, and at a value, that there may be.

    Raises:
        ValueError: it does not.
    """
    name = str(guard.slice)
    if name not in features:
        raise ValueError(
            f'{place}.slice: expected a feature, got "{name}"; there are {", ".join(features)}'
        )
    spec = features[name]
    if spec.type not in SLICED or spec.length is not None:
        raise ValueError(
            f'{place}.slice: expected a category, a bool or a number, got "{name}", which is'
            f" {'a list' if spec.length is not None else spec.type}"
        )
    known = values_of(spec, bins)
    if guard.text is not None and known and guard.text not in known:
        told = known if len(known) <= TOLD else (*known[:TOLD], "...")
        raise ValueError(
            f'{place}.value: expected {kind_of(spec, name)}, got "{guard.text}"; there are'
            f" {', '.join(told)}"
        )


def values_of(spec: FieldSpec, bins: int) -> tuple[str, ...]:
    """The names of a feature's slices; none if they are not known yet, as its vocabulary grows."""
    if spec.type == "bool":
        return ("true", "false")
    if spec.type != "category":
        return tuple(f"q{number}" for number in range(1, bins + 1))
    if spec.grow:
        return ()
    if spec.buckets:
        return (*(f"bucket {number}" for number in range(1, spec.buckets + 1)), UNKNOWN)
    return (*spec.vocabulary, UNKNOWN)


def kind_of(spec: FieldSpec, name: str) -> str:
    """What the value of a guard is expected to be."""
    if spec.type != "category":
        return "true or false" if spec.type == "bool" else f'one of the bins of the number "{name}"'
    return f'a word of the vocabulary of "{name}"' if spec.vocabulary else f'a bucket of "{name}"'
