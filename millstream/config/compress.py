"""The section `[compress]`: how much smaller a model may be made, and at what price."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from millstream.config.section import Count, Section

__all__ = ["CompressConfig", "Objective"]

Objective = Literal["smallest", "fastest", "balanced"]
FLOAT32 = "float32"


def check_rungs(names: tuple[str, ...]) -> tuple[str, ...]:
    """Check that there are such rungs.

    Raises:
        ValueError: there is no rung of some name.
    """
    from registry.compress import RUNGS

    known = (FLOAT32, *RUNGS)
    if strange := [name for name in names if name not in known]:
        raise ValueError(f"expected some of {', '.join(known)}; got {', '.join(strange)}")
    return names


def learns(name: str) -> bool:
    """Whether a rung changes the model, which must then be trained."""
    from registry.compress import BYTES

    return name not in (FLOAT32, *BYTES) and not name.startswith("pruned_")


class CompressConfig(Section):
    """Which rungs of the ladder to climb, which of them to ship, and what may be lost by it."""

    rungs: Annotated[tuple[str, ...], AfterValidator(check_rungs)] = ("pruned_int8", "int8")
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
        cut = [name for name in self.rungs if learns(name)]
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
        from registry.compress import BYTES

        tuned = self.fine_tune_epochs > 0
        return any(
            name.endswith(("static_int8", "calibrated_int4"))
            or (tuned and name not in (FLOAT32, *BYTES))
            for name in self.rungs
        )
