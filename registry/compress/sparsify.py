"""Magnitude pruning while fine-tuning: zeros come step by step, and the rest of the model heals."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from registry.artifact import Tflite
from registry.compress.fine_tune import FineTune
from registry.compress.graph.copying import is_keras
from registry.compress.prune import Prune
from registry.compress.retrained import copied, retrain
from registry.compress.rung import Rung
from registry.compress.subject import Subject
from registry.errors import RungError

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

__all__ = ["CubicSparsity", "Sparsify"]

log = logging.getLogger("millstream")

KERNELS = frozenset({"kernel", "recurrent_kernel", "pointwise_kernel"})
DEPTHWISE = frozenset({"DepthwiseConv1D", "DepthwiseConv2D"})
CHANGES = 20


@dataclass(frozen=True)
class Sparsify:
    """Zero the smallest weights of dense, convolution and recurrent kernels, then make it small.

    With a Keras model and examples the zeros come while a copy is fine-tuned (`CubicSparsity`), so
    that what is left takes over. Without them, or where the model cannot be copied, all of them
    come at once, in the bytes (`Prune`). Zeros stay zeros in int8. The file is smaller only once it
    is compressed.

    Attributes:
        sparsity: share of each layer's weights to zero, 0 <= sparsity < 1, rounded down.
        inner: what makes the pruned model small.
        tune: how it is fine-tuned.
    """

    sparsity: float
    inner: Rung
    tune: FineTune = field(default_factory=FineTune)

    def __post_init__(self) -> None:
        """Check the share."""
        Prune(self.sparsity)

    @property
    def name(self) -> str:
        """Name of the rung, such as `pruned_int8`."""
        return f"pruned_{self.inner.name}"

    def apply(self, subject: Subject) -> Tflite:
        """Pruned bytes, made small.

        Raises:
            CompressionError: there is nothing to prune, or a later step failed.
        """
        if subject.model is None or subject.examples is None or self.tune.epochs == 0:
            return self.at_once(subject)
        try:
            model = copied(subject)
        except RungError as e:
            log.info("zeros come all at once, in the bytes: %s", e)
            return self.at_once(subject)
        return retrain(
            subject,
            model,
            self.tune,
            Finished(Prune(self.sparsity), self.inner),
            CubicSparsity(self.sparsity),
        )

    def at_once(self, subject: Subject) -> Tflite:
        """Pruned in the bytes, then made small."""
        return Finished(Prune(self.sparsity), self.inner).apply(subject)


@dataclass(frozen=True)
class Finished:
    """Prunes the bytes of what was pruned before: what is zero stays, and no layer is forgotten.

    Attributes:
        prune: what does it.
        inner: what makes the result small.
    """

    prune: Prune
    inner: Rung

    @property
    def name(self) -> str:
        """Name of the rung."""
        return f"pruned_{self.inner.name}"

    def apply(self, subject: Subject) -> Tflite:
        """Pruned bytes, made small."""
        return self.inner.apply(replace(subject, float32=self.prune.apply(subject)))


class CubicSparsity:
    """Masks as constraints of kernels, that grow from nothing to a target (a `Schedule`).

    The share of zeros after step t of n is target * (1 - (1 - t / (n / 2))^3), then the target (Zhu
    & Gupta, To Prune, or Not to Prune, 2017): most go early, when there are many to spare. At each
    change the smallest magnitudes of each kernel are masked, and zero they stay until the next.

    Args:
        target: share of each kernel's weights.
    """

    def __init__(self, target: float) -> None:
        self._target = target
        self._ramp = 1
        self._share = 0.0
        self._masks: list[tuple[Any, Any]] = []

    def begin(self, model: keras.Model, steps: int) -> None:
        """Constrain the kernels of a model that will train for so many steps, at most.

        Raises:
            RungError: it has no kernel that is trained.
        """
        import tensorflow as tf

        self._ramp = max(1, steps // 2)
        for kernel in prunable(model):
            mask = tf.Variable(tf.ones(kernel.shape, kernel.dtype), trainable=False)
            kernel.constraint = masked(mask, kernel.constraint)
            self._masks.append((kernel, mask))
        if not self._masks:
            raise RungError("no trainable dense, convolution or recurrent kernels to prune")

    def advance(self, done: int) -> int:
        """Mask what the schedule says after so many steps; returns the steps until the next."""
        left = max(0.0, 1.0 - done / self._ramp)
        share = self._target * (1.0 - left**3)
        if share != self._share:
            self._share = share
            for kernel, mask in self._masks:
                keep = largest(np.asarray(kernel), share)
                mask.assign(keep)
                kernel.assign(kernel * keep)
        return max(1, self._ramp // CHANGES) if left else self._ramp

    def settled(self, done: int) -> bool:
        """Whether the target is reached after so many steps."""
        return done >= self._ramp


def largest(values: NDArray[Any], share: float) -> NDArray[Any]:
    """1 for all but a share of the values, rounded down: 0 for the smallest magnitudes."""
    keep = np.ones(values.size, values.dtype)
    keep[np.argsort(np.abs(values), axis=None, kind="stable")[: int(share * keep.size)]] = 0
    return keep.reshape(values.shape)


def prunable(model: Any) -> list[Any]:
    """The trained kernels of a flat model that pruning zeroes: not those of depthwise layers."""
    return [
        weight
        for layer in model.layers
        if not is_keras(layer, DEPTHWISE)
        for weight in layer.trainable_weights
        if weight.name in KERNELS and len(weight.shape) >= 2
    ]


def masked(mask: Any, before: Any) -> Callable[[Any], Any]:
    """The constraint that a kernel had before, then a mask."""
    return lambda value: (before(value) if before is not None else value) * mask
