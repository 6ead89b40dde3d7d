"""Waves between their samples: what they are at places that a row's speed leads to."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf
    from numpy.typing import NDArray

__all__ = ["Weigh", "cubic", "linear", "played", "sinc"]

Weigh = Callable[["tf.Tensor", "tf.Tensor"], "dict[int, tf.Tensor]"]
"""(fractions [b, n], factors [b]) -> what each sample around a place weighs, [b, n] by its step."""

REACH = 8
"""Samples to each side of a place, at most."""
PHASES, CUTOFFS = 4096, 16
"""Fractions of a sample, and cutoff frequencies, that sinc weights are made for."""
KAISER = 6.0
"""Shape of the window: the larger, the less comes back that was filtered, over a wider band."""


def played(waves: tf.Tensor, factors: tf.Tensor, weigh: Weigh) -> tf.Tensor:
    """float32 [b, n]: waves faster by factors [b], about their middles; beyond the ends are zeros.

    The places are float64: in a float32, those of a long wave have few bits left for the fraction.
    """
    import tensorflow as tf

    samples = int(waves.shape[1])
    middle = (samples - 1) / 2
    steps = tf.range(samples, dtype=tf.float64) - middle
    places = middle + steps[None] * tf.cast(factors, tf.float64)[:, None]
    before = tf.floor(places)
    fractions = tf.cast(places - before, tf.float32)
    first = tf.cast(tf.clip_by_value(before, -1.0 - REACH, samples + REACH - 1.0), tf.int32)
    padded = tf.pad(waves, [[0, 0], [2 * REACH, 2 * REACH]])
    parts = [
        weight * tf.gather(padded, first + (2 * REACH + step), axis=1, batch_dims=1)
        for step, weight in weigh(fractions, factors).items()
    ]
    return sum(parts[1:], parts[0])


def linear(fractions: tf.Tensor, factors: tf.Tensor) -> dict[int, tf.Tensor]:
    """Weights of 2 samples; see `Weigh`."""
    del factors
    return {0: 1 - fractions, 1: fractions}


def cubic(fractions: tf.Tensor, factors: tf.Tensor) -> dict[int, tf.Tensor]:
    """Weights of 4 samples [Keys 1981]; see `Weigh`."""
    del factors
    x = fractions
    return {
        -1: ((1 - 0.5 * x) * x - 0.5) * x,
        0: (1.5 * x - 2.5) * x * x + 1,
        1: ((2 - 1.5 * x) * x + 0.5) * x,
        2: (0.5 * x - 0.5) * x * x,
    }


def sinc(highest: float) -> Weigh:
    """Weights of 16 samples that filter out what a faster wave has no room for; see `Weigh`.

    They are windowed sincs from a table; a factor above 1 lowers their cutoff frequency.

    Args:
        highest: of the factors.
    """
    most = max(highest, 1.0)
    cutoffs = np.linspace(1.0, 1.0 / most, CUTOFFS if most > 1 else 1)
    table = _sincs(cutoffs)

    def weigh(fractions: tf.Tensor, factors: tf.Tensor) -> dict[int, tf.Tensor]:
        import tensorflow as tf

        rows = tf.searchsorted(tf.constant(1 / cutoffs, tf.float32), factors * (1 - 1e-6))
        rows = tf.minimum(rows, len(cutoffs) - 1) * (PHASES + 1)
        at = rows[:, None] + tf.cast(tf.round(fractions * PHASES), tf.int32)
        steps = range(1 - REACH, REACH + 1)
        return {s: tf.gather(tf.constant(table[i]), at) for i, s in enumerate(steps)}

    return weigh


def _sincs(cutoffs: NDArray[np.float64]) -> NDArray[np.float32]:
    """[steps, cutoffs * (phases + 1)]: weights of samples around places; each place has 1."""
    steps = np.arange(1 - REACH, REACH + 1)[:, None, None]
    away = steps - np.linspace(0, 1, PHASES + 1)
    window = np.i0(KAISER * np.sqrt(1 - np.square(away / REACH))) / np.i0(KAISER)
    weights = np.sinc(away * cutoffs[:, None]) * window
    weights[np.abs(weights) < 1e-9] = 0  # so that samples stay exactly what they are
    whole: NDArray[np.float32] = (weights / weights.sum(0)).astype(np.float32)
    return whole.reshape(2 * REACH, math.prod(whole.shape[1:]))
