"""Structured pruning: whole channels go, so the model gets narrower, and with it faster."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from registry.artifact import Tflite
from registry.compress.fine_tune import FineTune
from registry.compress.graph import Channels, cut, trace
from registry.compress.graph.copying import plain_weights
from registry.compress.graph.cutting import axes_of
from registry.compress.retrained import copied, retrain
from registry.compress.rung import Rung
from registry.compress.subject import Subject
from registry.errors import RungError

__all__ = ["PruneChannels", "choose_channels", "importance"]


@dataclass(frozen=True)
class PruneChannels:
    """Take the least important channels out of each layer, fine-tune what is left, make it small.

    Dense units, filters of convolutions, columns of embeddings and units of GRU, LSTM and SimpleRNN
    go, with all that reads them; channels that are added up go together or not at all. The model's
    outputs stay, as does whatever a layer touches of which nothing is known (attention, layer
    normalization, layers of users). The importance of a channel is the L1 norm of the weights that
    make it, in shares of its layer's mean (Li et al., Pruning Filters for Efficient ConvNets,
    2017).

    Attributes:
        share: of each layer's channels that go, 0 < share < 1, rounded down.
        inner: what makes the narrower model small.
        tune: how it is fine-tuned.
    """

    share: float
    inner: Rung
    tune: FineTune = field(default_factory=FineTune)

    def __post_init__(self) -> None:
        """Check the share."""
        if not 0 < self.share < 1:
            raise RungError(f"share: expected 0 < share < 1, got {self.share}")

    @property
    def name(self) -> str:
        """Name of the rung, such as `channels25_int8`."""
        return f"channels{round(100 * self.share)}_{self.inner.name}"

    def apply(self, subject: Subject) -> Tflite:
        """Bytes of the narrower model.

        Raises:
            CompressionError: no channel can go, there are no examples, or a later step failed.
        """
        model = copied(subject)
        channels = trace(model)
        gone = choose_channels(channels, self.share)
        if not gone:
            raise RungError(
                "no layer has channels that can go: they are outputs, too few, or tied to layers "
                "that are left whole"
            )
        return retrain(subject, cut(model, channels, gone), self.tune, self.inner)


def choose_channels(channels: Channels, share: float) -> frozenset[int]:
    """Roots of the channels to leave out: the least important, at most a share of any layer's."""
    scores = importance(channels)
    owned = [Counter(channels.roots(channels.makes[id(o)]).tolist()) for o in channels.owners]
    budget = [int(share * counts.total()) for counts in owned]
    gone = []
    for atom in sorted(scores, key=lambda a: (scores[a], a)):
        needs = [counts[atom] for counts in owned]
        if all(need <= left for need, left in zip(needs, budget, strict=True)):
            budget = [left - need for need, left in zip(needs, budget, strict=True)]
            gone.append(atom)
    return frozenset(gone)


def importance(channels: Channels) -> dict[int, float]:
    """Root -> importance of all channels that are not fixed; the joined are summed."""
    fixed = channels.fixed()
    scores: Counter[int] = Counter()
    for layer in channels.owners:
        roots = channels.roots(channels.makes[id(layer)])
        norms = norms_of(layer, len(roots))
        norms = norms / max(norms.mean(), np.finfo(np.float64).tiny)
        for root, norm in zip(roots.tolist(), norms.tolist(), strict=True):
            if root not in fixed:
                scores[root] += norm
    return dict(scores)


def norms_of(layer: Any, width: int) -> Any:
    """L1 norm of the weights that make each of a layer's channels, biases left out."""
    total = np.zeros(width)
    for weight, values in zip(layer.weights, plain_weights(layer), strict=True):
        made = [axis for axis, role in axes_of(layer, weight.name) if role == "made"]
        if values.ndim < 2 or weight.name == "bias" or not made:
            continue
        moved = np.moveaxis(np.abs(values), made[-1], -1)
        total += moved.reshape(-1, width).sum(axis=0)
    return total
