"""Which feature of a preview is drawn, and as what."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import ingest
from ingest.augment.catalogue import MODALITIES
from millstream.config.augment import StepConfig
from millstream.config.config import Config
from millstream.errors import UsageError

__all__ = ["Look", "choose_look", "parse_shape"]

Kind = Literal["image", "spectrogram", "wave", "series"]
KINDS: dict[str, Kind] = {
    "images": "image",
    "spectrograms": "spectrogram",
    "waves": "wave",
    "series": "series",
}
SIDES: dict[Kind, tuple[int, ...]] = {
    "image": (2, 3),
    "spectrogram": (2,),
    "wave": (1,),
    "series": (1, 2),
}
"""How many a shape has."""


@dataclass(frozen=True)
class Look:
    """What is drawn.

    Attributes:
        feature: its name.
        kind: how.
        shape: of a row: [height, width, channels], [frames, bins], [samples] or [steps, channels].
    """

    feature: str
    kind: Kind
    shape: tuple[int, ...]


def parse_shape(text: str | None) -> tuple[int, ...] | None:
    """A shape such as `28,28,1`.

    Raises:
        UsageError: it is none.
    """
    if text is None:
        return None
    sides = text.replace("x", ",").split(",")
    if not all(side.strip().isdecimal() and int(side) for side in sides):
        raise UsageError(f'--shape: expected sides such as 28,28,1, got "{text}"')
    return tuple(int(side) for side in sides)


def choose_look(
    config: Config, schema: ingest.Schema, feature: str | None, shape: tuple[int, ...] | None
) -> Look | None:
    """The feature that is asked for, or else the first that a step for pictures or sound changes.

    Args:
        config: its steps say what a feature is.
        schema: of the rows.
        feature: a name, or None.
        shape: of a row; None for that of the steps.

    Returns:
        None if nothing is to be drawn: then rows are shown as a table.

    Raises:
        UsageError: the feature is none, or not of that shape.
    """
    named = [(step, _kind(step)) for step in config.augment.steps]
    drawn = [(step, kind) for step, kind in named if kind and "feature" in step.parameters]
    if feature is None and not drawn:
        if shape is not None:
            raise UsageError("--shape: expected a feature of that shape; say which with --feature")
        return None
    name = drawn[0][0].parameters["feature"] if feature is None else feature
    of_feature = [(step, kind) for step, kind in drawn if step.parameters["feature"] == name]
    told = shape or _told([step for step, _ in of_feature])
    kind = of_feature[0][1] if of_feature else None
    count = _length(schema, name)
    kind = kind or ("series" if told is None or len(told) == 1 else "image")
    return Look(name, kind, _fitted(kind, name, count, told))


def _kind(step: StepConfig) -> Kind | None:
    found = (KINDS[name] for name in KINDS if step.kind in MODALITIES[name])
    return next(found, None)


def _told(steps: Sequence[StepConfig]) -> tuple[int, ...] | None:
    shapes = [step.parameters["shape"] for step in steps if step.parameters.get("shape")]
    return tuple(shapes[0]) if shapes else None


def _length(schema: ingest.Schema, name: str) -> int:
    lists = {field.name: math.prod(field.shape) for field in schema.features if field.shape}
    if name not in lists:
        fit = f"one of {', '.join(lists)}" if lists else "none, as the schema has no lists"
        raise UsageError(f"--feature {name}: expected a feature that can be drawn: {fit}")
    return lists[name]


def _fitted(kind: Kind, name: str, count: int, told: tuple[int, ...] | None) -> tuple[int, ...]:
    if told is None and kind in {"wave", "series"}:
        told = (count,)  # a wave has no other
    if told is None or math.prod(told) != count or len(told) not in SIDES[kind]:
        raise UsageError(
            f"--shape: {name} has {count} numbers a row; expected sides whose product that is,"
            f" such as 28,28,1, got {told and ','.join(map(str, told))}"
        )
    return told
