"""Rounding whose errors make up for each other, by what a layer is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["round_together"]

DAMPING = 0.01


def round_together(
    kernel: NDArray[np.float32], products: NDArray[np.float64], levels: int
) -> NDArray[np.float32]:
    """A layer's weights in whole steps, so chosen that its outputs change least.

    The weights of a unit are rounded one after the other, and those that follow take over the
    error, as far as their inputs go together (Frantar et al., GPTQ: Accurate Post-Training
    Quantization for Generative Pre-trained Transformers, 2023). The step of a unit is the one that
    the quantizer finds again: its largest weight over the levels. A unit that comes out without a
    weight of that size is rounded by itself.

    Args:
        kernel: `[units, inputs]`.
        products: `[inputs, inputs]` of the inputs, summed over examples.
        levels: the largest whole number, such as 7.

    Returns:
        Multiples of each unit's step, `[units, inputs]`.
    """
    steps = np.abs(kernel).max(axis=1, keepdims=True, initial=0.0) / levels
    steps[steps == 0.0] = 1.0
    apart = np.clip(np.round(kernel / steps), -levels, levels)
    damped = products + np.diag(np.where(np.diag(products) > 0, 0.0, 1.0))
    damped += DAMPING * np.mean(np.diag(damped)) * np.eye(len(damped))
    # Row i says how what is behind i takes over the error of i, once all before it are settled.
    takes = np.linalg.cholesky(np.linalg.inv(damped)).T
    left, together = kernel.astype(np.float64), np.zeros_like(apart)
    for i in range(left.shape[1]):
        together[:, i] = np.clip(np.round(left[:, i] / steps[:, 0]), -levels, levels)
        error = (left[:, i] - together[:, i] * steps[:, 0]) / takes[i, i]
        left[:, i + 1 :] -= np.outer(error, takes[i, i + 1 :])
    full = np.abs(together).max(axis=1, keepdims=True, initial=0.0) == levels
    return np.asarray(np.where(full, together, apart) * steps, np.float32)
