"""The section `[augment]`: what is done to training rows, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, model_validator

import ingest
from millstream.config.section import Section, Share

if TYPE_CHECKING:
    from pathlib import Path

    from millstream.config.config import Config

__all__ = ["AugmentConfig", "StepConfig", "augment_recipe"]


class StepConfig(Section):
    """One step: a kind of the catalogue with its parameters, or a function of the user's own."""

    model_config = ConfigDict(extra="allow")

    kind: str | None = None
    own: str | None = None
    probability: Share = 1.0

    @model_validator(mode="after")
    def _can_be_made(self) -> StepConfig:
        if (self.kind is None) == (self.own is None):
            raise ValueError('expected "kind" or "own", one of them; see docs/augmentation.md')
        if self.own is not None and self.parameters:
            names = ", ".join(self.parameters)
            raise ValueError(f'a function of your own gets no parameters; remove "{names}"')
        if self.kind is not None:
            try:
                ingest.make_augmentation(self.kind, self.parameters)
            except ingest.SettingsError as error:
                raise ValueError(str(error).removeprefix("augment").lstrip(".: ")) from error
        return self

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What the step has beside the keys above."""
        return self.model_extra or {}


class AugmentConfig(Section):
    """What is done to training rows, in this order."""

    steps: tuple[StepConfig, ...] = ()


def augment_recipe(config: Config) -> dict[str, Any]:
    """The steps as they were written, with the digests of their source files; nothing without any.

    Raises:
        trainer.ModelError: there is no such file.
    """
    steps = [step_recipe(step, config.directory) for step in config.augment.steps]
    return {"augment": {"steps": steps}} if steps else {}


def step_recipe(step: StepConfig, directory: Path) -> dict[str, Any]:
    """One step, as plain data."""
    written: dict[str, Any] = step.model_dump(mode="json", exclude_defaults=True)
    if step.own is None:
        return written
    import trainer

    return {**written, "source": trainer.source_digest(step.own, directory)}
