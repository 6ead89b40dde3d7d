"""Dynamic-range int8 quantization: weights int8 per channel, activations quantized as they come."""

from __future__ import annotations

from dataclasses import dataclass, field

from registry.artifact import Tflite
from registry.compress.quantizer import Quantizer, default_quantizer
from registry.compress.subject import Subject
from registry.errors import RungError
from registry.flatbuffer import MULTIPLYING, weights

__all__ = ["Quantize"]

LARGE_WEIGHTS = 1024


@dataclass(frozen=True)
class Quantize:
    """Int8 weights for dense and convolution layers; biases and embeddings stay float32.

    Attributes:
        timeout_s: time limit for one model.
        quantizer: the child process that does it.
    """

    timeout_s: float = 60.0
    quantizer: Quantizer = field(default_factory=default_quantizer)

    @property
    def name(self) -> str:
        """Name of the rung."""
        return "int8"

    def apply(self, subject: Subject) -> Tflite:
        """Quantized bytes, checked: int8 where it matters, and smaller.

        Raises:
            QuantizerError: the quantizer refused the model, crashed or took too long.
            RungError: no weight became int8, a large one did not, or the file did not shrink.
        """
        float32 = subject.float32
        if not any(w.op in MULTIPLYING for w in weights(float32)):
            raise RungError("no dense or convolution weights to quantize")
        quantized = self.quantizer.quantize(float32, self.timeout_s)
        check_quantized(float32, quantized)
        return quantized


def check_quantized(float32: bytes, quantized: bytes) -> None:
    """Refuse bytes that do not hold what int8 promises.

    Raises:
        RungError: see `Quantize.apply`.
    """
    found = [w for w in weights(quantized) if w.op in MULTIPLYING]
    kept = [w for w in found if w.dtype != "INT8"]
    large = [
        f"{w.name} ({w.op}, {w.values.size:,})" for w in kept if w.values.size >= LARGE_WEIGHTS
    ]
    if large:
        raise RungError(f"the quantizer left large weights in float32: {', '.join(large)}")
    if len(kept) == len(found):
        raise RungError(f"none of the {len(found)} weights became int8: all are too small")
    if len(quantized) >= len(float32):
        raise RungError(
            f"int8 does not make this model smaller: {len(float32):,} -> {len(quantized):,} bytes"
        )
