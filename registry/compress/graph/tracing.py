"""Which channels of a model hang together: found by following each one through the graph.

Each channel of each tensor's last axis is a whole number. A layer that makes channels makes new
numbers, and layers that only pass them on (activations, pooling, batch normalization) keep them.
Where channels meet place by place (`Add`, a layer called twice) they become one number, as none can
go without the other. A layer of which nothing is known fixes the channels that it takes and those
that it gives. So a number that is not fixed can go, with all weights that make it or read it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from registry.compress.graph.rebuilding import nodes_of

__all__ = ["Atoms", "Channels", "trace"]

Atoms: TypeAlias = NDArray[np.int64]


@dataclass(eq=False)
class Channels:
    """The channels of a model.

    Attributes:
        reads: id of a layer -> its input's channels, `[width]`.
        makes: id of a layer -> its output's channels, `[width]`.
        owners: the layers that make channels of their own, in order.
        tensors: id of a tensor -> its channels; None where its width is not known.
        whole: ids of the layers that some call leaves whole, and so all calls.
    """

    reads: dict[int, Atoms] = field(default_factory=dict)
    makes: dict[int, Atoms] = field(default_factory=dict)
    owners: list[Any] = field(default_factory=list)
    tensors: dict[int, Atoms | None] = field(default_factory=dict)
    whole: set[int] = field(default_factory=set)
    _parent: list[int] = field(default_factory=list)
    _fixed: set[int] = field(default_factory=set)

    def fresh(self, count: int) -> Atoms:
        """New channels."""
        first = len(self._parent)
        self._parent.extend(range(first, first + count))
        return np.arange(first, first + count, dtype=np.int64)

    def fix(self, atoms: Atoms | None) -> None:
        """These have to stay."""
        if atoms is not None:
            self._fixed.update(int(a) for a in atoms)

    def join(self, left: Atoms, right: Atoms) -> None:
        """Place by place, one cannot go without the other."""
        for a, b in zip(left, right, strict=True):
            low, high = sorted((self._root(int(a)), self._root(int(b))))
            self._parent[high] = low

    def roots(self, atoms: Atoms) -> Atoms:
        """One number for all channels that are joined, shaped as `atoms`."""
        return np.array([self._root(int(a)) for a in atoms], np.int64)

    def fixed(self) -> frozenset[int]:
        """The roots of all that has to stay."""
        return frozenset(self._root(a) for a in self._fixed)

    def _root(self, atom: int) -> int:
        while self._parent[atom] != atom:
            self._parent[atom] = self._parent[self._parent[atom]]
            atom = self._parent[atom]
        return atom


def trace(model: Any) -> Channels:
    """Follow the channels of a flat functional model. Those of its inputs and outputs are fixed."""
    from registry.compress.graph.rules import rule_of

    channels = Channels()
    for tensor in model.inputs:
        channels.tensors[id(tensor)] = fixed_like(channels, tensor)
    for node in nodes_of(model):
        outputs = rule_of(node)(node, channels)
        for tensor, atoms in zip(node.outputs, outputs, strict=True):
            channels.tensors[id(tensor)] = atoms
    for tensor in model.outputs:
        channels.fix(channels.tensors[id(tensor)])
    for layer in channels.whole:
        channels.fix(channels.reads.get(layer))
        channels.fix(channels.makes.get(layer))
    return channels


def fixed_like(channels: Channels, tensor: Any) -> Atoms | None:
    """Channels that have to stay, as many as a tensor has; None where that is not known."""
    if len(tensor.shape) < 2 or tensor.shape[-1] is None:
        return None
    atoms = channels.fresh(tensor.shape[-1])
    channels.fix(atoms)
    return atoms


def barrier(node: Any, channels: Channels) -> Iterable[Atoms | None]:
    """All that goes in and comes out stays whole."""
    for tensor in node.input_tensors:
        channels.fix(channels.tensors[id(tensor)])
    channels.whole.add(id(node.operation))
    return [fixed_like(channels, tensor) for tensor in node.outputs]
