"""What all rungs of numbers share: tables, the quantizer, the check, and the last trim."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from registry.artifact import Tflite
from registry.compress.editing import assemble, take_apart
from registry.compress.inspection import Promise, check_promise
from registry.compress.naming import kept_operations
from registry.compress.quantizer import Quantizer, default_quantizer
from registry.compress.recipe import Recipe, dynamic_int8_of, float_of
from registry.compress.slim import slim
from registry.compress.subject import Subject
from registry.compress.tables import STEPS, shrink_tables
from registry.errors import RungError
from registry.flatbuffer import LOOKING_UP, MULTIPLYING, weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Means", "Scheme", "SchemeRung", "apply_scheme"]

FLOAT32 = "FLOAT32"


@dataclass(frozen=True)
class Scheme:
    """How a rung writes numbers.

    Attributes:
        name: name of the rung.
        recipe: for ai-edge-quantizer.
        promise: what the bytes will hold.
        tables: dtype of embedding tables; None where the recipe sees to them.
        kept: dtype of what is to be kept larger, `FLOAT32` or `INT8`.
    """

    name: str
    recipe: Recipe
    promise: Promise
    tables: str | None = None
    kept: str = FLOAT32


@dataclass(frozen=True)
class SchemeRung:
    """A rung that writes weights as a scheme says, and knows of activations only as they come.

    Attributes:
        scheme: how.
        timeout_s: time limit for one model.
        quantizer: the child process that does it.
        keep: names of outputs of operations, or of weights, that stay in float32.
    """

    scheme: Scheme
    timeout_s: float = 60.0
    quantizer: Quantizer = field(default_factory=default_quantizer)
    keep: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the rung."""
        return self.scheme.name

    @property
    def kept(self) -> str:
        """Dtype of what it keeps."""
        return self.scheme.kept

    def apply(self, subject: Subject) -> Tflite:
        """The bytes, checked: small numbers where it matters, and smaller.

        Raises:
            QuantizerError: the quantizer refused the model, crashed or took too long.
            RungError: no weight became what the scheme promises, a large one did not, or the file
                did not shrink.
        """
        means = Means(self.quantizer, self.timeout_s)
        return apply_scheme(self.scheme, subject.float32, self.keep, means)


@dataclass(frozen=True)
class Means:
    """What it is done with.

    Attributes:
        quantizer: the child process.
        timeout_s: time limit for one model.
        rows: features to calibrate by, or None.
    """

    quantizer: Quantizer
    timeout_s: float
    rows: Mapping[str, NDArray[Any]] | None = None


def apply_scheme(scheme: Scheme, float32: Tflite, keep: tuple[str, ...], means: Means) -> Tflite:
    """Small bytes, checked.

    Args:
        scheme: how.
        float32: the export.
        keep: names of operations' outputs or of their weights, as they are in the export: those
            operations stay in float32, or become what the scheme says instead.
        means: what with.

    Raises:
        QuantizerError: the quantizer refused the model, crashed or took too long.
        RungError: there is nothing to do, a name to keep is unknown, or the bytes are not what they
            should be.
    """
    if not any(w.op in MULTIPLYING | LOOKING_UP for w in weights(float32)):
        raise RungError("no dense, convolution or embedding weights to quantize")
    kept = kept_operations(float32, keep)
    scopes = tuple(dict.fromkeys(o.scope for o in kept))
    given = shrink_tables(float32, scheme.tables, scopes) if scheme.tables else float32
    if scheme.kept != FLOAT32:
        given = shrink_tables(given, scheme.kept)
    rules = float_of if scheme.kept == FLOAT32 else dynamic_int8_of
    recipe = (*scheme.recipe, *rules(scopes))
    # The quantizer puts large weights behind the flatbuffer; they come back into it, to be seen.
    made = assemble(
        take_apart(means.quantizer.quantize(given, means.timeout_s, recipe, means.rows))
    )
    names = {name for o in kept for name in o.constants}
    names |= {w.name for w in weights(made) if w.name.endswith(STEPS)}
    check_promise(scheme.name, scheme.promise, float32, made, names)
    return slim(made)
