"""Magnitude pruning of dense and convolution weights, in the flatbuffer itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from registry.artifact import Tflite
from registry.compress.subject import Subject
from registry.errors import RungError
from registry.flatbuffer import Weight, weights

__all__ = ["PRUNED_OPS", "Prune"]

PRUNED_OPS = frozenset({"FULLY_CONNECTED", "CONV_2D"})


@dataclass(frozen=True)
class Prune:
    """Set the smallest weights of each dense and convolution layer to zero.

    Size pays only after compression (gzip), and time not at all. Biases, depthwise convolutions and
    embeddings are left as they are. Ties fall to the first.

    Attributes:
        sparsity: share of each layer's weights to zero, 0 <= sparsity < 1, rounded down.
    """

    sparsity: float

    def __post_init__(self) -> None:
        """Check the share."""
        if not 0 <= self.sparsity < 1:
            raise RungError(f"sparsity: expected 0 <= sparsity < 1, got {self.sparsity}")

    @property
    def name(self) -> str:
        """Name of the rung."""
        return "pruned"

    def apply(self, subject: Subject) -> Tflite:
        """The same flatbuffer with zeros in it; its length does not change.

        Raises:
            RungError: the model has no float32 dense or convolution weights.
        """
        pruned = bytearray(subject.float32)
        prunable = [w for w in weights(pruned) if w.op in PRUNED_OPS and w.dtype == "FLOAT32"]
        if not prunable:
            raise RungError("no float32 dense or convolution weights to prune")
        for weight in prunable:
            zero_smallest(weight, self.sparsity)
        return bytes(pruned)


def zero_smallest(weight: Weight, sparsity: float) -> None:
    """Zero the smallest magnitudes of one weight, in place."""
    count = int(sparsity * weight.values.size)
    order = np.argsort(np.abs(weight.values), kind="stable")
    weight.values[order[:count]] = 0.0
