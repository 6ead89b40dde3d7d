"""The section `[compress]`: how much smaller a model may be made, and at what price."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from millstream.config_section import Count, Section

__all__ = ["FINE_TUNED", "CompressConfig", "Objective", "RungName"]

RungName = Literal[
    "float32",
    "float16",
    "int8",
    "static_int8",
    "int4",
    "pruned_int8",
    "channels25_int8",
    "channels50_int8",
    "layers_int8",
    "relu_int8",
]
Objective = Literal["smallest", "fastest", "balanced"]
FINE_TUNED = ("channels25_int8", "channels50_int8", "layers_int8", "relu_int8")


class CompressConfig(Section):
    """Which rungs of the ladder to climb, which of them to ship, and what may be lost by it."""

    rungs: tuple[RungName, ...] = ("pruned_int8", "int8")
    objective: Objective = "smallest"
    max_loss: Annotated[float, Field(ge=0.0)] = 0.005
    margin: Annotated[float, Field(gt=0.0)] | None = None
    max_output_difference: Annotated[float, Field(gt=0.0)] | None = None
    reverts: Annotated[int, Field(ge=0, le=10)] = 2
    sparsity: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.3
    fine_tune_epochs: Annotated[int, Field(ge=0)] = 0
    distillation: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5
    examples: Count = 2048
    timed_calls: Annotated[int, Field(ge=0)] = 30
    timeout_s: Annotated[float, Field(gt=0.0)] = 60.0

    @model_validator(mode="after")
    def _fine_tuned_rungs_have_epochs(self) -> CompressConfig:
        cut = [name for name in self.rungs if name in FINE_TUNED]
        if cut and self.fine_tune_epochs == 0:
            raise ValueError(
                f"rungs: {', '.join(cut)} must be trained after the cut; set fine_tune_epochs, to"
                " 5 for example"
            )
        return self

    @model_validator(mode="after")
    def _fastest_is_timed(self) -> CompressConfig:
        if self.objective != "smallest" and self.timed_calls == 0:
            raise ValueError(
                f'objective: "{self.objective}" needs times; set timed_calls to 30, for example'
            )
        return self

    @property
    def needs_examples(self) -> bool:
        """Whether some rung learns from rows of the window."""
        tuned = self.fine_tune_epochs > 0
        return "static_int8" in self.rungs or (
            tuned and any(name in (*FINE_TUNED, "pruned_int8") for name in self.rungs)
        )
