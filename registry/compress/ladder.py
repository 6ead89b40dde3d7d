"""The compression ladder: every rung from the same float32 bytes, each one measured by itself."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from registry.artifact import Artifact, SkippedRung
from registry.compress.activations import CheaperActivations
from registry.compress.calibrated_int4 import CalibratedInt4
from registry.compress.channels import PruneChannels
from registry.compress.fine_tune import FineTune
from registry.compress.float16 import FLOAT16
from registry.compress.inspection import describe_operations
from registry.compress.int4 import INT4
from registry.compress.int8 import INT8
from registry.compress.layers import DropLayers
from registry.compress.quantizer import Quantizer, default_quantizer
from registry.compress.rung import Rung, innermost, keep_in
from registry.compress.scheme import Scheme, SchemeRung
from registry.compress.sharing import Sharing
from registry.compress.sparsify import Sparsify
from registry.compress.static_int8 import StaticInt8
from registry.compress.subject import Subject
from registry.errors import CompressionError
from registry.flatbuffer import describe_weights

__all__ = [
    "BYTES",
    "CHANGES",
    "RUNGS",
    "LadderSettings",
    "climb",
    "keeping",
    "ladder",
    "make_rung",
]

FLOAT32 = "float32"
TOLD = 300

log = logging.getLogger("millstream")


@dataclass(frozen=True)
class LadderSettings:
    """Which rungs to climb, and how.

    Attributes:
        rungs: names, in the order of the result; float32 always comes first, named or not.
        sparsity: share of each dense and convolution layer's weights that pruning zeroes.
        layers_share: share of the blocks that may go that `layers` takes out, at least one.
        tune: how the rungs that change the model fine-tune it.
        timeout_s: time limit of a rung's child process for one model.
    """

    rungs: tuple[str, ...] = ("int8", "pruned_int8")
    sparsity: float = 0.5
    layers_share: float = 0.34
    tune: FineTune = field(default_factory=FineTune)
    timeout_s: float = 60.0


def make_numbers(scheme: Scheme, settings: LadderSettings, quantizer: Quantizer) -> Rung:
    """A rung that writes weights as a scheme says."""
    return SchemeRung(scheme, settings.timeout_s, quantizer)


def make_static_int8(settings: LadderSettings, quantizer: Quantizer) -> Rung:
    """The static int8 rung."""
    return StaticInt8(settings.timeout_s, quantizer)


def make_calibrated_int4(settings: LadderSettings, quantizer: Quantizer) -> Rung:
    """The rung of int4 weights that are rounded by examples."""
    return CalibratedInt4(settings.timeout_s, quantizer)


def make_pruned(settings: LadderSettings, inner: Rung) -> Rung:
    """The rung that zeroes weights."""
    return Sparsify(settings.sparsity, inner, settings.tune)


def make_channels25(settings: LadderSettings, inner: Rung) -> Rung:
    """The rung that takes a quarter of the channels."""
    return PruneChannels(0.25, inner, settings.tune)


def make_channels50(settings: LadderSettings, inner: Rung) -> Rung:
    """The rung that takes half of the channels."""
    return PruneChannels(0.5, inner, settings.tune)


def make_layers(settings: LadderSettings, inner: Rung) -> Rung:
    """The rung that takes layers and residual branches."""
    return DropLayers(settings.layers_share, inner, settings.tune)


def make_relu(settings: LadderSettings, inner: Rung) -> Rung:
    """The rung that replaces activations."""
    return CheaperActivations(inner, settings.tune)


def changed(
    change: Callable[[LadderSettings, Rung], Rung],
    inner: Callable[[LadderSettings, Quantizer], Rung],
    settings: LadderSettings,
    quantizer: Quantizer,
) -> Rung:
    """A rung that changes the Keras model, then makes it small by another rung."""
    return change(settings, inner(settings, quantizer))


BYTES: Mapping[str, Callable[[LadderSettings, Quantizer], Rung]] = {
    "float16": partial(make_numbers, FLOAT16),
    "int8": partial(make_numbers, INT8),
    "static_int8": make_static_int8,
    "int4": partial(make_numbers, INT4),
    "calibrated_int4": make_calibrated_int4,
}
"""The rungs that take exported bytes."""

CHANGES: Mapping[str, Callable[[LadderSettings, Rung], Rung]] = {
    "pruned": make_pruned,
    "channels25": make_channels25,
    "channels50": make_channels50,
    "layers": make_layers,
    "relu": make_relu,
}
"""What changes a model before one of `INNER` makes it small."""

BOTH: Mapping[str, Callable[[LadderSettings, Rung], Rung]] = {
    "channels25_pruned": lambda settings, inner: make_channels25(
        settings, make_pruned(settings, inner)
    ),
    "channels50_pruned": lambda settings, inner: make_channels50(
        settings, make_pruned(settings, inner)
    ),
}
"""Two changes, each with a fine-tune of its own: fewer channels, then zeros in what is left."""

INNER = ("int8", "static_int8", "int4")

RUNGS: Mapping[str, Callable[[LadderSettings, Quantizer], Rung]] = {
    **BYTES,
    **{
        f"{name}_{inner}": partial(changed, change, BYTES[inner])
        for inner in INNER
        for name, change in {**CHANGES, **BOTH}.items()
    },
}


def ladder(
    subject: Subject,
    settings: LadderSettings | None = None,
    quantizer: Quantizer | None = None,
    sharing: Sharing | None = None,
) -> list[Artifact | SkippedRung]:
    """Every rung's bytes, or the reason why it was skipped.

    Args:
        subject: the model.
        settings: which rungs, and how; None means the defaults.
        quantizer: the child process to use; None means the one shared by this process.
        sharing: of the subject, for whoever climbs on afterwards: it remembers changed models.

    Returns:
        The float32 artifact first, then one entry for each rung in the order of the settings.

    Raises:
        CompressionError: the settings name a rung that does not exist.
    """
    settings = settings or LadderSettings()
    names = [name for name in dict.fromkeys(settings.rungs) if name != FLOAT32]
    rungs = [make_rung(name, settings, quantizer) for name in names]
    sharing = sharing or Sharing(subject)
    return [
        Artifact(FLOAT32, subject.float32, describe_weights(subject.float32)),
        *(climb(rung, subject, sharing) for rung in rungs),
    ]


def make_rung(name: str, settings: LadderSettings, quantizer: Quantizer | None = None) -> Rung:
    """A rung by its name; None means the child process shared by this process.

    Raises:
        CompressionError: there is no such rung.
    """
    if name not in RUNGS:
        raise CompressionError(f"unknown rung {name!r}; known: {[FLOAT32, *RUNGS]}")
    return RUNGS[name](settings, quantizer or default_quantizer())


def keeping(
    name: str,
    keep: tuple[str, ...],
    settings: LadderSettings,
    quantizer: Quantizer | None = None,
) -> Rung:
    """A rung that keeps some operations in larger numbers than it would.

    Args:
        name: of the rung.
        keep: names that `worst_ops` gives, of operations of the model that is made small: of the
            changed one, where the rung changes it. None leaves the rung as it is.
        settings: how it works.
        quantizer: as `make_rung` takes it.

    Raises:
        CompressionError: there is no such rung.
    """
    return keep_in(make_rung(name, settings, quantizer), keep)


def climb(rung: Rung, subject: Subject, sharing: Sharing | None = None) -> Artifact | SkippedRung:
    """One rung's artifact, or why it has none.

    Args:
        rung: the rung.
        subject: the model.
        sharing: of this subject, where other rungs may begin with the same change.
    """
    try:
        smaller = sharing.apply(rung) if sharing else rung.apply(subject)
    except CompressionError as e:
        return SkippedRung(rung.name, str(e))
    except Exception as e:  # what Keras and TensorFlow raise of models and losses of users
        log.info("the rung %s is skipped", rung.name, exc_info=True)
        return SkippedRung(rung.name, f"{type(e).__name__}: {last_line(e)}")
    last = innermost(rung)
    kept = ", ".join(getattr(last, "keep", ()))
    left = (f"left in {last.kept.lower()}: {kept}",) if kept else ()
    notes = (*describe_weights(smaller), *describe_operations(smaller), *left)
    return Artifact(rung.name, smaller, notes)


def last_line(error: Exception) -> str:
    """The end of a message, which after Keras's and TensorFlow's tracebacks says what was wrong."""
    return str(error).strip().rpartition("\n")[2].strip()[:TOLD]
