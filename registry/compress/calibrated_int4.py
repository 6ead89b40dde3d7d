"""Int4 weights for convolutions too, rounded by what each layer is given in examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from registry.artifact import Tflite
from registry.compress.calibrating import calibration_rows
from registry.compress.inspection import Promise
from registry.compress.naming import kept_operations
from registry.compress.quantizer import Quantizer, default_quantizer
from registry.compress.recipe import DYNAMIC_INT4, dynamic_int4_of
from registry.compress.rounding import round_together
from registry.compress.scheme import Means, Scheme, apply_scheme
from registry.compress.subject import Subject
from registry.compress.watching import Layer, input_products, layers_of
from registry.flatbuffer import weights

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["CalibratedInt4"]

NAME = "calibrated_int4"
KEPT = "INT8"
SMALL = Promise(frozenset({"INT4", "INT8"}), frozenset({"INT4", "INT8"}), some="INT4")
LEVELS = 7
LEAST_INPUTS = 32


@dataclass(frozen=True)
class CalibratedInt4:
    """Int4 weights for dense layers, embeddings and convolutions; activations as in `int8`.

    The weights are rounded together (`round_together`), so that what a layer gives to its examples
    changes little; those of loops and of units with very many inputs are rounded by themselves.
    Filters that see few numbers, such as those of a first convolution, have hardly any bytes and
    nothing to make up for errors with: they are int8, as are convolutions by depth and in groups.

    Attributes:
        timeout_s: time limit of the child process for one model.
        quantizer: the child process.
        keep: names of outputs of operations, or of weights, that are int8.
        rows: how many examples to look at, at most; spread evenly over all.
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
        return KEPT

    def apply(self, subject: Subject) -> Tflite:
        """The bytes, checked: int4 or int8 where it matters, and smaller.

        Raises:
            QuantizerError: the quantizer refused the model, crashed or took too long.
            RungError: there are too few examples, or no weight became int4.
        """
        rows = calibration_rows(subject, self.rows)
        kept = {name for o in kept_operations(subject.float32, self.keep) for name in o.constants}
        layers = [one for one in layers_of(subject.float32) if fit(one) and one.weight not in kept]
        products = input_products(subject.float32, layers, rows)
        scopes = [layer.scope for layer in layers if layer.op == "CONV_2D"]
        recipe = (*DYNAMIC_INT4, *dynamic_int4_of(scopes))
        scheme = Scheme(NAME, recipe, SMALL, "INT4", KEPT)
        given = rounded(subject.float32, layers, products)
        return apply_scheme(scheme, given, self.keep, Means(self.quantizer, self.timeout_s))


def fit(layer: Layer) -> bool:
    """Whether a layer's weights can be int4."""
    return layer.op == "FULLY_CONNECTED" or layer.inputs >= LEAST_INPUTS


def rounded(
    float32: Tflite, layers: list[Layer], products: Mapping[str, NDArray[np.float64]]
) -> Tflite:
    """The same model, the weights of layers with known products already in whole steps."""
    changed = bytearray(float32)
    units = {layer.weight: layer.shape[0] for layer in layers}
    for weight in weights(changed):
        if weight.name in products:
            kernel = weight.values.reshape(units[weight.name], -1)
            kernel[:] = round_together(kernel, products[weight.name], LEVELS)
    return bytes(changed)
