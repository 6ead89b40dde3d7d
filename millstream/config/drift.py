"""The section `[drift]`: what is watched for a change of the stream, and what a round does then."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from millstream.config.section import Count, Section, Share

if TYPE_CHECKING:
    from millstream.config.config import Config

__all__ = [
    "PARAMETERS",
    "DetectorSpec",
    "DriftConfig",
    "FeatureTestSpec",
    "ReactionSpec",
    "RecentSpec",
    "check_drift",
    "drift_recipe",
]

PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "none": (),
    "adwin": ("delta", "clock", "max_buckets", "min_window_length", "grace_period"),
    "page_hinkley": ("delta", "threshold", "min_instances", "alpha"),
    "kswin": ("alpha", "window_size", "stat_size"),
    "ks": ("alpha", "least_distance", "rows"),
    "mmd": ("alpha", "rows", "permutations", "seed"),
}
"""Of each kind. Their ranges are checked before the service begins: `drift.check_watching`."""
REACTIONS = ("recent", "reset_learning_rate", "from_champion", "from_scratch")


class Kind(Section):
    """A kind for short, `detector = "adwin"`, or a table with a kind and its parameters."""

    model_config = ConfigDict(extra="allow")

    kind: str

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        return {"kind": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _parameters_are_known(self) -> Kind:
        known = PARAMETERS[self.kind]
        for key, value in self.parameters.items():
            if key not in known:
                raise ValueError(f"unknown key {key} of kind {self.kind!r}{hint(key, known)}")
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"{key}: expected a number, got {value!r}")
        return self

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What the table has beside the kind."""
        return self.model_extra or {}


def hint(key: str, known: tuple[str, ...]) -> str:
    """What was meant by a key, or what there is."""
    if close := difflib.get_close_matches(key, known, n=1):
        return f'; did you mean "{close[0]}"?'
    return f"; known: {', '.join(known)}" if known else "; it has none"


class DetectorSpec(Kind):
    """What reads the errors."""

    kind: Literal["none", "adwin", "page_hinkley", "kswin"]


class FeatureTestSpec(Kind):
    """What compares features with those of before."""

    kind: Literal["none", "ks", "mmd"]


class RecentSpec(Section):
    """How the rounds after a drift prefer what is new."""

    rounds: Count = 3
    half_life: Annotated[float, Field(gt=0.0)] = 0.25
    history: Share = 0.0


class ReactionSpec(Section):
    """What a round does in which a drift was found: a list of names, or a table."""

    recent: RecentSpec | None = None
    reset_learning_rate: bool = False
    reset_slots: bool = False
    from_champion: bool = False
    from_scratch: bool = False

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        if isinstance(value, str):
            value = [value]
        if isinstance(value, list | tuple):
            if unknown := [name for name in value if name not in REACTIONS]:
                close = difflib.get_close_matches(str(unknown[0]), REACTIONS, n=1)
                meant = f'; did you mean "{close[0]}"?' if close else ""
                raise ValueError(
                    f"expected some of {', '.join(REACTIONS)}; got {unknown[0]!r}{meant}"
                )
            value = dict.fromkeys(value, True)
        if isinstance(value, dict) and isinstance(value.get("recent"), bool):
            value = {**value, "recent": RecentSpec() if value["recent"] else None}
        return value

    @model_validator(mode="after")
    def _keys_fit(self) -> ReactionSpec:
        if self.from_champion and self.from_scratch:
            raise ValueError("expected from_champion or from_scratch, got both")
        if self.reset_slots and not self.reset_learning_rate:
            raise ValueError("reset_slots goes with reset_learning_rate")
        return self


class DriftConfig(Section):
    """What is watched for a change of the stream, and what a round does then."""

    detector: DetectorSpec = DetectorSpec(kind="none")
    error: Literal["absolute", "zero_one"] = "absolute"
    group_rows: Count | None = None
    feature_test: FeatureTestSpec = FeatureTestSpec(kind="none")
    reaction: ReactionSpec = ReactionSpec()

    @property
    def is_watching(self) -> bool:
        """Whether anything is watched."""
        return self.detector.kind != "none" or self.feature_test.kind != "none"


def check_drift(config: Config) -> None:
    """Check what the section must have in common with others.

    Raises:
        ValueError: a trigger or a reaction needs what is watched, or the task has no such error.
    """
    section = config.drift
    if section.reaction != ReactionSpec() and not section.is_watching:
        raise ValueError(
            "drift.reaction: nothing is watched that it would react to; set drift.detector, such as"
            ' "adwin", or drift.feature_test'
        )
    if config.trigger.drift and section.detector.kind == "none":
        raise ValueError('trigger.drift: needs a drift.detector, such as "adwin"')
    if config.train.task == "regression" and section.error == "zero_one":
        raise ValueError('drift.error: expected "absolute" for task "regression", got "zero_one"')


def drift_recipe(config: Config) -> dict[str, Any]:
    """What of the section decides weights, by what it makes rounds do; nothing if it is not set."""
    written = config.drift.model_dump(mode="json", exclude_defaults=True)
    return {"drift": written} if written else {}
