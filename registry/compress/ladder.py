"""The compression ladder: every rung from the same float32 bytes, each one measured by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from registry.artifact import Artifact, SkippedRung, Tflite
from registry.compress.float16 import Float16
from registry.compress.inspection import describe_operations
from registry.compress.int4 import Int4
from registry.compress.prune import Prune
from registry.compress.quantize import Quantize
from registry.compress.quantizer import Quantizer, default_quantizer
from registry.compress.rung import Rung
from registry.compress.static_int8 import StaticInt8
from registry.compress.subject import Subject
from registry.errors import CompressionError
from registry.flatbuffer import describe_weights

__all__ = ["RUNGS", "LadderSettings", "PrunedInt8", "ladder"]

FLOAT32 = "float32"


@dataclass(frozen=True)
class LadderSettings:
    """Which rungs to climb, and how.

    Attributes:
        rungs: names, in the order of the result; float32 always comes first, named or not.
        sparsity: share of each dense and convolution layer's weights that pruning zeroes.
        timeout_s: time limit of a rung's child process for one model.
    """

    rungs: tuple[str, ...] = ("int8", "pruned_int8")
    sparsity: float = 0.5
    timeout_s: float = 60.0


@dataclass(frozen=True)
class PrunedInt8:
    """Prune, then quantize: zeros stay zeros in int8."""

    prune: Prune
    quantize: Quantize

    @property
    def name(self) -> str:
        """Name of the rung."""
        return "pruned_int8"

    def apply(self, subject: Subject) -> Tflite:
        """Pruned and quantized bytes.

        Raises:
            CompressionError: either step failed.
        """
        return self.quantize.apply(replace(subject, float32=self.prune.apply(subject)))


def make_int8(settings: LadderSettings, quantizer: Quantizer) -> Rung:
    """The int8 rung."""
    return Quantize(settings.timeout_s, quantizer)


def make_float16(settings: LadderSettings, quantizer: Quantizer) -> Rung:
    """The float16 rung."""
    return Float16(settings.timeout_s, quantizer)


def make_static_int8(settings: LadderSettings, quantizer: Quantizer) -> Rung:
    """The static int8 rung."""
    return StaticInt8(settings.timeout_s, quantizer)


def make_int4(settings: LadderSettings, quantizer: Quantizer) -> Rung:
    """The int4 rung."""
    return Int4(settings.timeout_s, quantizer)


def make_pruned_int8(settings: LadderSettings, quantizer: Quantizer) -> Rung:
    """The rung that prunes, then quantizes."""
    return PrunedInt8(Prune(settings.sparsity), Quantize(settings.timeout_s, quantizer))


RUNGS: Mapping[str, Callable[[LadderSettings, Quantizer], Rung]] = {
    "float16": make_float16,
    "int8": make_int8,
    "static_int8": make_static_int8,
    "int4": make_int4,
    "pruned_int8": make_pruned_int8,
}


def ladder(
    subject: Subject, settings: LadderSettings | None = None, quantizer: Quantizer | None = None
) -> list[Artifact | SkippedRung]:
    """Every rung's bytes, or the reason why it was skipped.

    Args:
        subject: the model.
        settings: which rungs, and how; None means the defaults.
        quantizer: the child process to use; None means the one shared by this process.

    Returns:
        The float32 artifact first, then one entry for each rung in the order of the settings.

    Raises:
        CompressionError: the settings name a rung that does not exist.
    """
    settings = settings or LadderSettings()
    names = [name for name in dict.fromkeys(settings.rungs) if name != FLOAT32]
    unknown = [name for name in names if name not in RUNGS]
    if unknown:
        raise CompressionError(f"unknown rungs {unknown}; known: {[FLOAT32, *RUNGS]}")
    rungs = [RUNGS[name](settings, quantizer or default_quantizer()) for name in names]
    return [
        Artifact(FLOAT32, subject.float32, describe_weights(subject.float32)),
        *(climb(r, subject) for r in rungs),
    ]


def climb(rung: Rung, subject: Subject) -> Artifact | SkippedRung:
    """One rung's artifact, or why it has none."""
    try:
        smaller = rung.apply(subject)
    except CompressionError as e:
        return SkippedRung(rung.name, str(e))
    return Artifact(rung.name, smaller, (*describe_weights(smaller), *describe_operations(smaller)))
