"""Dynamic-range int8 quantization: weights int8, activations quantized as they come."""

from __future__ import annotations

from dataclasses import dataclass, field

from registry.artifact import Tflite
from registry.compress.inspection import Promise
from registry.compress.quantizer import Quantizer, default_quantizer
from registry.compress.recipe import DYNAMIC_INT8
from registry.compress.scheme import Means, Scheme, apply_scheme
from registry.compress.subject import Subject

__all__ = ["Quantize"]

INT8 = Scheme("int8", DYNAMIC_INT8, Promise(frozenset({"INT8"}), frozenset({"INT8"})), "INT8")


@dataclass(frozen=True)
class Quantize:
    """Int8 weights for dense, convolution and embedding layers; biases stay float32.

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
        return INT8.name

    def apply(self, subject: Subject) -> Tflite:
        """Quantized bytes, checked: int8 where it matters, and smaller.

        Raises:
            QuantizerError: the quantizer refused the model, crashed or took too long.
            RungError: no weight became int8, a large one did not, or the file did not shrink.
        """
        means = Means(self.quantizer, self.timeout_s)
        return apply_scheme(INT8, subject.float32, self.keep_float, means)
