"""Static int8 quantization: weights and activations int8, by ranges seen on examples."""

from __future__ import annotations

from dataclasses import dataclass, field

from registry.artifact import Tflite
from registry.compress.calibrating import calibration_rows
from registry.compress.inspection import Promise
from registry.compress.quantizer import Quantizer, default_quantizer
from registry.compress.recipe import STATIC_INT8, dynamic_int8_of
from registry.compress.scheme import Means, Scheme, apply_scheme
from registry.compress.subject import Subject
from registry.errors import RungError
from registry.flatbuffer import MULTIPLYING
from registry.operations import last_layers, operations

__all__ = ["StaticInt8"]

NAME = "static_int8"
INT8 = Promise(frozenset({"INT8"}), frozenset({"INT8"}))


@dataclass(frozen=True)
class StaticInt8:
    """Int8 weights and activations; inputs and outputs stay float32 for those who call the model.

    The ranges of activations are those over some of the examples. The last layer computes in float
    over int8 weights: 256 different answers are too few to rank by. So do loops (recurrent layers),
    whose ranges cannot be watched.

    Attributes:
        timeout_s: time limit for one model.
        quantizer: the child process that does it.
        keep: names of outputs of operations, or of weights, that stay in float32.
        rows: how many examples to calibrate by, at most; spread evenly over all.
    """

    timeout_s: float = 60.0
    quantizer: Quantizer = field(default_factory=default_quantizer)
    keep: tuple[str, ...] = ()
    rows: int = 256

    @property
    def name(self) -> str:
        """Name of the rung."""
        return NAME

    @property
    def kept(self) -> str:
        """Dtype of what it keeps."""
        return "FLOAT32"

    def apply(self, subject: Subject) -> Tflite:
        """Quantized bytes, checked: int8 where it matters, and smaller.

        Raises:
            QuantizerError: the quantizer refused the model, crashed or took too long.
            RungError: there are too few examples, no weight became int8, a large one did not, or
                the file did not shrink; or no layer computes in int8, as in a model that is all
                loops.
        """
        given = calibration_rows(subject, self.rows)
        every = operations(subject.float32)
        hybrid = dynamic_int8_of(o.scope for o in every if o.graph or o in last_layers(every))
        means = Means(self.quantizer, self.timeout_s, given)
        scheme = Scheme(NAME, (*STATIC_INT8, *hybrid), INT8)
        made = apply_scheme(scheme, subject.float32, self.keep, means)
        if not any(o.op in MULTIPLYING and o.dtype == "INT8" for o in operations(made)):
            raise RungError(
                "no layer computes in int8: the last one and loops stay in float, and their "
                "weights are int8 in the rung int8 too"
            )
        return made
