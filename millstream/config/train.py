"""The section `[train]`: the model, and how a round trains it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from millstream.config.section import Count, Section

__all__ = ["TrainConfig", "train_recipe"]

# Not in the recipe: what the gate compares, and what runs where.
ELSEWHERE = {"metric", "strategy"}
# Keys that came after the first rounds: in the recipe only if they are set.
FIRST = ("model", "task", "batch_size", "epochs", "patience", "min_delta", "monitor", "mode")
CLIPS = ("clip_norm", "clip_value", "global_clip_norm")


def as_list(value: object) -> object:
    """One name for short, or several."""
    return [value] if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(as_list)]
Positive = Annotated[float, Field(gt=0.0)]


class TrainConfig(Section):
    """The model, how long a round trains it, and how."""

    model: str = "model:build"
    task: Literal["binary", "multiclass", "regression"]
    metric: str | None = None
    batch_size: Count = 256
    epochs: Count = 20
    patience: Annotated[int, Field(ge=0)] = 2
    min_delta: Annotated[float, Field(ge=0.0)] = 0.0
    monitor: str = "val_loss"
    mode: Literal["auto", "min", "max"] = "auto"
    strategy: Literal["auto", "single", "mirrored", "multi_worker", "tpu"] = "auto"
    determinism: Literal["numeric", "bitwise"] = "numeric"
    callbacks: Names = ()
    warm_up_steps: Annotated[int, Field(ge=0)] = 0
    warm_up: Literal["drift", "round"] = "drift"
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    xla: bool | None = None
    accumulate: Count = 1
    clip_norm: Positive | None = None
    clip_value: Positive | None = None
    global_clip_norm: Positive | None = None
    start_from: Path | None = None
    freeze: Names = ()
    lora_rank: Count | None = None
    lora_layers: Names = ("*",)

    @model_validator(mode="after")
    def _keys_fit(self) -> TrainConfig:
        clips = [name for name in CLIPS if getattr(self, name) is not None]
        if len(clips) > 1:
            raise ValueError(f"expected one way of clipping, got {' and '.join(clips)}")
        if "lora_layers" in self.model_fields_set and self.lora_rank is None:
            raise ValueError("lora_layers goes with lora_rank, which is not set")
        return self


def train_recipe(section: TrainConfig, directory: Path) -> dict[str, Any]:
    """What of the section decides weights, as plain data.

    So that the recipes of rounds that knew nothing of a later key stay the same, such a key is
    there only if it is not its default. Files are there by what they hold, not by where they are.

    Raises:
        trainer.ModelError: there is no such file.
    """
    every = section.model_dump(mode="json", exclude=ELSEWHERE)
    changed = section.model_dump(mode="json", exclude=ELSEWHERE, exclude_defaults=True)
    recipe = {name: every[name] for name in FIRST} | changed
    if section.callbacks:
        import trainer

        sources = [trainer.source_digest(spec, directory) for spec in section.callbacks]
        recipe["callbacks_source"] = sources
    if section.start_from is not None:
        import trainer

        recipe["start_from"] = trainer.start_digest(directory / section.start_from)
    return recipe
