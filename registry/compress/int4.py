"""Int4 weights for dense and embedding layers, int8 for convolutions."""

from __future__ import annotations

from dataclasses import dataclass, field

from registry.artifact import Tflite
from registry.compress.inspection import Promise
from registry.compress.quantizer import Quantizer, default_quantizer
from registry.compress.recipe import DYNAMIC_INT4
from registry.compress.scheme import Means, Scheme, apply_scheme
from registry.compress.subject import Subject
from registry.errors import RungError
from registry.flatbuffer import weights

__all__ = ["Int4"]

SCHEME = Scheme(
    "int4",
    DYNAMIC_INT4,
    Promise(frozenset({"INT4", "INT8"}), frozenset({"INT4", "INT8"})),
    "INT4",
)


@dataclass(frozen=True)
class Int4:
    """Int4 weights for dense and embedding layers, int8 for the rest; biases stay float32.

    Tables with rows of an odd width are int8, too.

    Activations are quantized to int8 as they come.

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
        """Quantized bytes, checked: int4 or int8 where it matters, and smaller.

        Raises:
            QuantizerError: the quantizer refused the model, crashed or took too long.
            RungError: no weight became int4, a large one stayed float, or the file did not shrink.
        """
        means = Means(self.quantizer, self.timeout_s)
        made = apply_scheme(SCHEME, subject.float32, self.keep_float, means)
        if not any(w.dtype == "INT4" for w in weights(made)):
            raise RungError(
                "no dense layer, and no embedding with rows of an even width: this would be int8"
            )
        return made
