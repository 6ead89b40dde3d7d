"""Cheaper activations: what costs an exponential becomes what costs a comparison."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from registry.artifact import Tflite
from registry.compress.fine_tune import FineTune
from registry.compress.graph import rebuild
from registry.compress.graph.copying import copy_operation, is_keras
from registry.compress.graph.rebuilding import nodes_of
from registry.compress.graph.rules import RECURRENT
from registry.compress.retrained import copied, retrain
from registry.compress.rung import Rung
from registry.compress.subject import Subject
from registry.errors import RungError

if TYPE_CHECKING:
    import keras

__all__ = ["CHEAPER", "CheaperActivations", "with_cheaper_activations"]

CHEAPER = {
    "gelu": "relu",
    "silu": "hard_silu",
    "mish": "hard_silu",
    "elu": "relu",
    "selu": "relu",
    "celu": "relu",
    "softplus": "relu",
    "tanh": "hard_tanh",
    "sigmoid": "hard_sigmoid",
}
"""Activation -> the one that takes its place, nearest to it among the cheap ones."""


@dataclass(frozen=True)
class CheaperActivations:
    """Replace hidden activations by cheap ones, fine-tune, and make the model small.

    What makes the model's output stays, as do the gates of GRU and LSTM and all within layers that
    are not seen into, such as attention.

    Attributes:
        inner: what makes the model small.
        tune: how it is fine-tuned.
    """

    inner: Rung
    tune: FineTune = field(default_factory=FineTune)

    @property
    def name(self) -> str:
        """Name of the rung, such as `relu_int8`."""
        return f"relu_{self.inner.name}"

    def apply(self, subject: Subject) -> Tflite:
        """Bytes of the model with cheaper activations.

        Raises:
            CompressionError: there is none to replace, there are no examples, or a later step
                failed.
        """
        model = copied(subject)
        cheaper, replaced = with_cheaper_activations(model)
        if not replaced:
            raise RungError(f"no hidden activation is one of {', '.join(sorted(CHEAPER))}")
        return retrain(subject, cheaper, self.tune, self.inner)


def with_cheaper_activations(model: keras.Model) -> tuple[keras.Model, Counter[str]]:
    """A flat model with cheaper hidden activations, and how many of each it had.

    It shares with `model` the layers that stay as they are.
    """
    final = making_output(model)
    replaced: Counter[str] = Counter()
    pairs: list[tuple[Any, Any]] = []

    def make(operation: Any) -> Any:
        found = activation_of(operation)
        if found not in CHEAPER or id(operation) in final:
            return operation
        replaced[found] += 1
        made = with_activation(operation, CHEAPER[found])
        pairs.append((operation, made))
        return made

    cheaper = rebuild(model, make)
    for old, new in pairs:
        if getattr(old, "weights", ()):
            new.set_weights(old.get_weights())
    return cheaper, replaced


def activation_of(operation: Any) -> str:
    """Name of the activation that an operation is or ends with; empty where it has none to change.

    Recurrent layers have none: theirs act within their gates.
    """
    if not is_keras(operation) or is_keras(operation, RECURRENT):
        return ""
    if not hasattr(operation, "get_weights") or is_keras(operation, frozenset({"ELU"})):
        return type(operation).__name__.lower()
    function = getattr(operation, "activation", None)
    own = getattr(function, "__module__", "").startswith("keras.")
    return str(getattr(function, "__name__", "")) if own else ""


def with_activation(operation: Any, activation: str) -> Any:
    """An operation like another, with this activation in place of its own."""
    import keras

    if hasattr(operation, "get_weights") and "activation" in operation.get_config():
        return copy_operation(operation, operation.name, activation=activation)
    return keras.layers.Activation(activation, name=operation.name)


def making_output(model: Any) -> frozenset[int]:
    """Ids of the operations that make an output: back to the last one that has weights."""
    final: set[int] = set()
    wanted = {id(tensor) for tensor in model.outputs}
    for node in reversed(list(nodes_of(model))):
        if any(id(tensor) in wanted for tensor in node.outputs):
            final.add(id(node.operation))
            if not getattr(node.operation, "weights", ()):
                wanted.update(id(tensor) for tensor in node.input_tensors)
    return frozenset(final)
