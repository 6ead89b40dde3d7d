"""What is done to the user's model before it is trained: precision, gradients, where it begins."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from trainer.errors import SettingsError

Precision = Literal["float32", "mixed_bfloat16", "mixed_float16"]


@dataclass(frozen=True)
class ModelOptions:
    """What is changed in a model that the user's function returned; by default nothing.

    Attributes:
        precision: What layers compute in; their variables are float32 in any case, and so is what
            the last layer computes. "mixed_float16" also scales the loss.
        accumulate: Batches whose gradients are averaged for one step of the optimizer.
        clip_norm: The most that the norm of each variable's gradient may be.
        clip_value: The most that each element of a gradient may be.
        global_clip_norm: The most that the norm of all gradients together may be. One of the three
            at most; it replaces what the user's optimizer has.
        start_from: A `.keras` file or a folder that `model.export` wrote, whose weights the model
            begins with.
        freeze: Patterns of paths of layers that are not trained, such as "encoder/*".
        lora_rank: The rank of what is trained instead of the kernels of `lora_layers`.
        lora_layers: Patterns of paths of Dense, EinsumDense and Embedding layers.
    """

    precision: Precision = "float32"
    accumulate: int = 1
    clip_norm: float | None = None
    clip_value: float | None = None
    global_clip_norm: float | None = None
    start_from: Path | None = None
    freeze: tuple[str, ...] = ()
    lora_rank: int | None = None
    lora_layers: tuple[str, ...] = ("*",)

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            SettingsError: A value is out of range, or two do not go together.
        """
        known = ", ".join(get_args(Precision))
        _check("precision", self.precision in get_args(Precision), known, self.precision)
        _check("accumulate", self.accumulate >= 1, "at least 1", self.accumulate)
        clips = ("clip_norm", "clip_value", "global_clip_norm")
        for name in clips:
            value = getattr(self, name)
            fine = value is None or (math.isfinite(value) and value > 0)
            _check(name, fine, "a number above 0", value)
        chosen = [name for name in clips if getattr(self, name) is not None]
        _check(chosen[-1] if chosen else "", len(chosen) < 2, "one way of clipping", chosen)
        rank = self.lora_rank
        _check("lora_rank", rank is None or rank >= 1, "at least 1", rank)

    @property
    def needs_twin(self) -> bool:
        """Whether what is exported is not the model itself, but one in float32 without LoRA."""
        return self.precision != "float32" or self.lora_rank is not None


def _check(name: str, fine: bool, expected: str, got: object) -> None:
    if not fine:
        raise SettingsError(f"train.{name}", expected=expected, got=repr(got), mend="change it")
