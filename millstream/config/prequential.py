"""The section `[prequential]`: how each round's holdout is scored before the round trains."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, field_validator

from millstream.config.schema import FieldSpec
from millstream.config.section import Count, Section

__all__ = ["RIVER", "PrequentialConfig", "check_slices"]

RIVER = {
    "binary": ("logistic_regression", "hoeffding_tree", "adaptive_random_forest"),
    "multiclass": ("logistic_regression", "hoeffding_tree", "adaptive_random_forest"),
    "regression": ("linear_regression", "hoeffding_tree", "adaptive_random_forest"),
}
"""River's models that can be named, by task."""
SLICED = {"category", "bool", "float32", "float64", "int32", "int64"}


class PrequentialConfig(Section):
    """Faded scores, slices, and a model of river's beside the baselines.

    None of it decides weights, so it is no part of the recipe.
    """

    fading: Annotated[float, Field(gt=0.0, le=1.0)] = 0.999
    slices: tuple[str, ...] = ()
    slice_values: Count = 10
    slice_rows: Count = 30
    slice_bins: Annotated[int, Field(ge=2, le=20)] = 4
    river: str | None = None
    river_rows: Count = 1000

    @field_validator("slices")
    @classmethod
    def _distinct(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f'"{name}" is there twice; name it once')
        return names

    @field_validator("river")
    @classmethod
    def _is_known(cls, name: str | None) -> str | None:
        known = sorted({model for models in RIVER.values() for model in models})
        own = r"[A-Za-z_][\w.]*:[A-Za-z_]\w*"
        if name is not None and name not in known and not re.fullmatch(own, name):
            raise ValueError(f"expected {', '.join(known)} or your own as module:function")
        return name


def check_slices(section: PrequentialConfig, task: str, features: Mapping[str, FieldSpec]) -> None:
    """Check the section against the schema and the task.

    Raises:
        ValueError: a slice names no feature that has values to slice by, or the model of river's
            is for another task.
    """
    for name in section.slices:
        if name not in features:
            raise ValueError(
                f'prequential.slices: expected features, got "{name}"; there are'
                f" {', '.join(features)}"
            )
        spec = features[name]
        if spec.type not in SLICED or spec.length is not None:
            raise ValueError(
                f'prequential.slices: expected a category, a bool or a number, got "{name}", which'
                f" is {'a list' if spec.length is not None else spec.type}; leave it out"
            )
    if section.river is not None and ":" not in section.river and section.river not in RIVER[task]:
        raise ValueError(
            f"prequential.river: expected one of {', '.join(RIVER[task])} for task"
            f' "{task}", got "{section.river}"'
        )
