"""The augmentations that the configuration describes, made and tried before anything starts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

import ingest
from ingest.augment.augmentation import Augmentation, Context
from ingest.augment.own import Own
from millstream.config.augment import StepConfig
from millstream.config.config import Config
from millstream.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["make_steps", "tell_steps"]

ROWS = 8
"""Of those that are made up for a trial."""


def make_steps(config: Config, schema: ingest.Schema) -> tuple[ingest.Step, ...]:
    """The configured steps; each is bound to a few made-up rows of the schema.

    Raises:
        ConfigError: a step does not fit the schema, or its function cannot be used. What only real
            rows can tell, such as the range of images, is found in the first round.
    """
    steps = []
    context = made_up(schema, whole_labels=config.train.task != "regression")
    for number, step in enumerate(config.augment.steps):
        place = f"augment.steps.{number}"
        augmentation = make_augmentation(config, step, place)
        try:
            augmentation.bind(context)
        except ingest.IngestError as error:
            raise ConfigError(f"{place}: {str(error).removeprefix('augment.')}") from error
        steps.append(ingest.Step(augmentation, step.probability))
    return tuple(steps)


def tell_steps(config: Config) -> str:
    """The configured steps in a few words."""
    names = [step.kind or step.own or "" for step in config.augment.steps]
    return ", ".join(names) or "no steps"


def make_augmentation(config: Config, step: StepConfig, place: str) -> Augmentation:
    """What one step does.

    Raises:
        ConfigError: it is a function of the user's own that cannot be loaded.
    """
    if step.own is None:
        return ingest.make_augmentation(step.kind or "", step.parameters)
    import trainer

    try:
        function: Any = trainer.load_builder(step.own, config.directory)
        return Own(function, step.own)
    except (trainer.ModelError, ingest.SettingsError) as error:
        raise ConfigError(f"{place}.own: {error}") from error


def made_up(schema: ingest.Schema, *, whole_labels: bool) -> Context:
    """A few rows that differ, with values that each field can have.

    Args:
        schema: of the rows.
        whole_labels: a label that is a float is a class, 0 or 1.
    """
    features = {field.name: _column(field) for field in schema.features}
    label = _column(schema.label)
    if whole_labels and schema.label.dtype in {"float32", "float64"}:
        label = np.rint(label)
    return Context(schema, features, label)


def _column(field: ingest.Field) -> NDArray[Any]:
    shape = (ROWS, *field.shape)
    numbers: NDArray[Any] = np.arange(math.prod(shape)).reshape(shape)
    if field.cardinality is not None:
        return (numbers % field.cardinality).astype(np.int32)
    if field.numpy_dtype.kind == "f":
        numbers = numbers % ROWS / ROWS
    elif field.dtype == "bool":
        numbers = numbers % 2
    low, high = field.bounds
    low, high = -np.inf if low is None else low, np.inf if high is None else high
    column: NDArray[Any] = np.clip(numbers, low, high).astype(field.numpy_dtype)
    return column
