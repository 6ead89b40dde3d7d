"""Depth pruning: blocks without which the model does almost as well go, and it gets faster."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from registry.artifact import Tflite
from registry.compress.distill import soft_loss
from registry.compress.feeding import answers, feed, known_rows
from registry.compress.fine_tune import FineTune
from registry.compress.graph import rebuild
from registry.compress.graph.blocks import blocks_of
from registry.compress.retrained import copied, retrain
from registry.compress.rung import Rung
from registry.compress.subject import Subject
from registry.errors import RungError
from registry.export import call

if TYPE_CHECKING:
    import keras

__all__ = ["DropLayers", "without_blocks"]

JUDGED_ROWS = 512


@dataclass(frozen=True)
class DropLayers:
    """Take out the blocks that cost least, one by one, fine-tune, and make the model small.

    A block is a layer whose output has the shape of its input, with the normalisation and the
    activation behind it, or a branch of a residual `Add`. The cost of one is how far the model
    without it is from the export on some of the examples; after each that goes, all others are
    judged anew.

    Attributes:
        share: of the blocks that may go, rounded down, but at least one; 0 < share <= 1.
        inner: what makes the model small.
        tune: how it is fine-tuned.
    """

    share: float
    inner: Rung
    tune: FineTune = field(default_factory=FineTune)

    def __post_init__(self) -> None:
        """Check the share."""
        if not 0 < self.share <= 1:
            raise RungError(f"share: expected 0 < share <= 1, got {self.share}")

    @property
    def name(self) -> str:
        """Name of the rung, such as `layers_int8`."""
        return f"layers_{self.inner.name}"

    def apply(self, subject: Subject) -> Tflite:
        """Bytes of the shallower model.

        Raises:
            CompressionError: no block can go, there are no examples, or a later step failed.
        """
        model = copied(subject)
        shallower, names = without_blocks(model, subject, self.share)
        if not names:
            raise RungError(
                "no layer can go: none has an output in the shape of its input, and there is no "
                "residual branch"
            )
        return retrain(subject, shallower, self.tune, self.inner)


def without_blocks(
    model: keras.Model, subject: Subject, share: float
) -> tuple[keras.Model, list[str]]:
    """A flat copy without its cheapest blocks, made of the same layers, and their names."""
    rows = known_rows(subject).take(slice(JUDGED_ROWS))
    given, expected = feed(model, rows), answers(subject.float32, rows, model)
    distance = soft_loss(model)
    gone: dict[int, Any] = {}
    names: list[str] = []
    budget = max(1, int(share * len(list(blocks_of(model, gone)))))
    shallower = model
    while len(names) < budget:
        best: tuple[float, Any, Any] | None = None
        for block in blocks_of(model, gone):
            tried = rebuild(
                model, lambda operation: operation, {**gone, id(block.last): block.first}
            )
            cost = float(np.mean(distance(expected, call(tried, given))))
            if best is None or cost < best[0]:
                best = (cost, block, tried)
        if best is None:
            break
        _, block, shallower = best
        gone[id(block.last)] = block.first
        names.append(block.name)
    return shallower, names
