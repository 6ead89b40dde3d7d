"""Weights in float16: half the size, and the same predictions to three digits."""

from __future__ import annotations

from dataclasses import dataclass, field

from registry.artifact import Tflite
from registry.compress.inspection import Promise
from registry.compress.quantizer import Quantizer, default_quantizer
from registry.compress.recipe import FLOAT16
from registry.compress.scheme import Means, Scheme, apply_scheme
from registry.compress.subject import Subject

__all__ = ["Float16"]

SCHEME = Scheme(
    "float16",
    FLOAT16,
    Promise(frozenset({"FLOAT16"}), frozenset({"FLOAT16"})),
    "FLOAT16",
)


@dataclass(frozen=True)
class Float16:
    """Float16 weights for dense, convolution and embedding layers; LiteRT computes in float32.

    Attributes:
        timeout_s: time limit for one model.
        quantizer: the child process that does it.
        keep_float: names of outputs of operations, or of weights, that stay in float32.
    """

    timeout_s: float = 60.0
    quantizer: Quantizer = field(default_factory=default_quantizer)
    keep_float: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the rung."""
        return SCHEME.name

    def apply(self, subject: Subject) -> Tflite:
        """The bytes, checked: float16 where it matters, and smaller.

        Raises:
            QuantizerError: the quantizer refused the model, crashed or took too long.
            RungError: no weight became float16, a large one did not, or the file did not shrink.
        """
        means = Means(self.quantizer, self.timeout_s)
        return apply_scheme(SCHEME, subject.float32, self.keep_float, means)
