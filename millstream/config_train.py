"""The section `[train]`: the model, and how a round trains it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from millstream.config_section import Count, Section

__all__ = ["TrainConfig", "train_recipe"]

# Not in the recipe: what the gate compares, and what runs where.
ELSEWHERE = {"metric", "strategy"}
# Keys that came after the first rounds: in the recipe only if they are set.
FIRST = ("model", "task", "batch_size", "epochs", "patience", "min_delta", "monitor", "mode")


class TrainConfig(Section):
    """The model, and how long a round trains it."""

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


def train_recipe(section: TrainConfig) -> dict[str, Any]:
    """What of the section decides weights, as plain data.

    So that the recipes of rounds that knew nothing of a later key stay the same, such a key is
    there only if it is not its default.
    """
    every = section.model_dump(mode="json", exclude=ELSEWHERE)
    changed = section.model_dump(mode="json", exclude=ELSEWHERE, exclude_defaults=True)
    return {name: every[name] for name in FIRST} | changed
